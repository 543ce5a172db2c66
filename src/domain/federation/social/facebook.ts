import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { authenticateClient, requiredSecret } from '../oidc/client_authentication.ts'
import { emailOf, subjectOf } from '../oidc/person.ts'
import { oauth2Preset, record, textClaims } from './oauth2_connector.ts'

/** Facebook Login, by the Graph API. The id is one for each application. */

const FIELDS = 'id,name,first_name,last_name,email,picture'

/** Shows the Graph API that who uses the token has the application's secret too. */
function appsecretProof(accessToken: string, secret: string): string {
  return createHmac('sha256', secret).update(accessToken).digest('hex')
}

export const facebookKind = oauth2Preset({
  title: 'Facebook',
  // It tells an address, and nothing of whether it was ever confirmed.
  trustsEmail: false,
  scopes: ['public_profile', 'email'],
  pkce: true,
  settings: {
    /** Versions of the Graph API end after two years. */
    graph_version: z
      .string()
      .regex(/^v\d{1,3}\.\d$/, { error: 'must be a version, such as v23.0' })
      .default('v23.0'),
  },
  endpoints: ({ graph_version: version }) => ({
    issuer: 'https://www.facebook.com',
    authorizationEndpoint: `https://www.facebook.com/${version}/dialog/oauth`,
    tokenEndpoint: `https://graph.facebook.com/${version}/oauth/access_token`,
  }),
  authenticate: (_settings, secrets) => authenticateClient('client_secret_post', secrets),
  // An object of the Graph API; its code 1 is the application's secret, 101 its id.
  tokenError({ error }) {
    const { code, message } = record(error)
    if (message === undefined) return undefined
    return code === 1 || code === 101 ? 'invalid_client' : 'invalid_grant'
  },
  async tell(api, { settings: { graph_version: version }, secrets, accessToken }) {
    const proof = appsecretProof(accessToken, requiredSecret(secrets, 'client_secret'))
    const query = new URLSearchParams({ fields: FIELDS, appsecret_proof: proof })
    const me = record(await api(`https://graph.facebook.com/${version}/me?${query}`))
    const { url: picture } = record(record(me['picture'])['data'])
    const { name, first_name: given, last_name: family } = me
    return {
      subject: subjectOf(me['id']),
      email: emailOf(me['email']),
      emailVerified: false,
      claims: textClaims({ name, given_name: given, family_name: family, picture }),
      raw: me,
    }
  },
})

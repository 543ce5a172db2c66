import type * as oidc from 'openid-client'
import { requiredSecret } from '../oidc/client_authentication.ts'
import { emailOf, shortText, subjectOf } from '../oidc/person.ts'
import { oauth2Preset, record, textClaims } from './oauth2_connector.ts'

/** X, by OAuth 2.0 with PKCE and its API v2. */

/** It reads the two halves as they are: the form encoding of RFC 6749 §2.3.1 would change a `-`. */
function plainBasic(clientId: string, secret: string): oidc.ClientAuth {
  const credentials = Buffer.from(`${clientId}:${secret}`).toString('base64')
  return (_as, _client, _body, headers) => headers.set('authorization', `Basic ${credentials}`)
}

const FIELDS = 'confirmed_email,profile_image_url,url'

export const xKind = oauth2Preset({
  title: 'X',
  trustsEmail: true,
  // `tweet.read` is what users/me asks for; `users.email` has to be allowed in the application too.
  scopes: ['tweet.read', 'users.read', 'users.email'],
  pkce: true,
  settings: {},
  endpoints: () => ({
    issuer: 'https://x.com',
    authorizationEndpoint: 'https://x.com/i/oauth2/authorize',
    tokenEndpoint: 'https://api.x.com/2/oauth2/token',
  }),
  authenticate: ({ client_id: clientId }, secrets) =>
    plainBasic(clientId, requiredSecret(secrets, 'client_secret')),
  async tell(api) {
    const answer = record(await api(`https://api.x.com/2/users/me?user.fields=${FIELDS}`))
    const user = record(answer['data'])
    const email = emailOf(user['confirmed_email'])
    return {
      subject: subjectOf(user['id']),
      username: shortText(user['username']),
      email,
      // There is no other address than a confirmed one.
      emailVerified: email !== undefined,
      claims: textClaims({
        name: user['name'],
        picture: user['profile_image_url'],
        website: user['url'],
      }),
      raw: user,
    }
  },
})

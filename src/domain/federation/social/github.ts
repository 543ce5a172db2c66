import { z } from 'zod'
import { authenticateClient } from '../oidc/client_authentication.ts'
import { emailOf, shortText, subjectOf } from '../oidc/person.ts'
import { oauth2Preset, record, textClaims } from './oauth2_connector.ts'

/** GitHub, theirs or an Enterprise Server. */

const GITHUB = 'https://github.com'

/** The public profile's address may be anything. What was confirmed is told by a list of its own. */
function primaryAddress(list: unknown): string | undefined {
  const entries = Array.isArray(list) ? list.map(record) : []
  const primary = entries.find(({ primary, verified }) => primary === true && verified === true)
  return emailOf(primary?.['email'])
}

export const githubKind = oauth2Preset({
  title: 'GitHub',
  trustsEmail: true,
  scopes: ['read:user', 'user:email'],
  pkce: true,
  settings: {
    /** Of an Enterprise Server. */
    server: z
      .url({
        protocol: /^https$/,
        error: 'must be an https URL, such as https://github.example.com',
      })
      .transform((url) => new URL(url).origin)
      .default(GITHUB),
  },
  endpoints: ({ server }) => ({
    issuer: `${server}/login/oauth`,
    authorizationEndpoint: `${server}/login/oauth/authorize`,
    tokenEndpoint: `${server}/login/oauth/access_token`,
  }),
  authenticate: (_settings, secrets) => authenticateClient('client_secret_post', secrets),
  // Errors come with status 200, and one of them under a name of its own.
  tokenError: ({ error }) =>
    error === 'incorrect_client_credentials' ? 'invalid_client' : shortText(error),
  async tell(api, { settings: { server } }) {
    const base = server === GITHUB ? 'https://api.github.com' : `${server}/api/v3`
    const user = record(await api(`${base}/user`))
    const email = primaryAddress(await api(`${base}/user/emails`))
    return {
      // The number, never the login: a login can be given up and taken by somebody else.
      subject: subjectOf(user['id']),
      username: shortText(user['login']),
      email,
      emailVerified: email !== undefined,
      claims: textClaims({
        name: user['name'],
        picture: user['avatar_url'],
        profile: user['html_url'],
        website: user['blog'],
      }),
      raw: user,
    }
  },
})

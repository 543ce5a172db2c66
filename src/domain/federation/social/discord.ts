import { authenticateClient } from '../oidc/client_authentication.ts'
import { emailOf, shortText, subjectOf } from '../oidc/person.ts'
import { oauth2Preset, record, textClaims } from './oauth2_connector.ts'

/** Discord. Ids are numbers of 64 bits, which its API writes as text. */

function avatarOf(id: string | undefined, avatar: unknown): string | undefined {
  const hash = shortText(avatar, 100)
  return id && hash && /^\w+$/.test(hash)
    ? `https://cdn.discordapp.com/avatars/${id}/${hash}.png`
    : undefined
}

export const discordKind = oauth2Preset({
  title: 'Discord',
  trustsEmail: true,
  scopes: ['identify', 'email'],
  pkce: true,
  settings: {},
  endpoints: () => ({
    issuer: 'https://discord.com',
    authorizationEndpoint: 'https://discord.com/oauth2/authorize',
    tokenEndpoint: 'https://discord.com/api/oauth2/token',
  }),
  authenticate: (_settings, secrets) => authenticateClient('client_secret_post', secrets),
  async tell(api) {
    const user = record(await api('https://discord.com/api/v10/users/@me'))
    const subject = subjectOf(user['id'])
    const email = emailOf(user['email'])
    return {
      subject,
      username: shortText(user['username']),
      email,
      // It is of this address: an account has one.
      emailVerified: email !== undefined && user['verified'] === true,
      claims: textClaims({
        name: user['global_name'],
        locale: user['locale'],
        picture: avatarOf(subject, user['avatar']),
      }),
      raw: user,
    }
  },
})

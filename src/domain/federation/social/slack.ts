import { oidcPreset } from './oidc_preset.ts'

/** Sign in with Slack. A person has another `sub` in each workspace. */
export const slackKind = oidcPreset({
  title: 'Slack',
  // Whoever runs a workspace with single sign-on writes its addresses.
  trustsEmail: false,
  scopes: ['openid', 'profile', 'email'],
  settings: {},
  quirks: () => ({
    issuer: 'https://slack.com',
    mapping: { username: 'https://slack.com/user_id' },
    // Documented nowhere; `state`, `nonce` and the client secret remain.
    pkce: false,
    // Errors come with status 200.
    tokenError: ({ ok, error }) => {
      if (ok !== false) return undefined
      const isOurs = error === 'bad_client_secret' || error === 'invalid_client_id'
      return isOurs ? 'invalid_client' : 'invalid_grant'
    },
  }),
})

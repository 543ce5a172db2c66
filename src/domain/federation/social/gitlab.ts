import { issuerUrl } from '../oidc/oidc_settings.ts'
import { oidcPreset } from './oidc_preset.ts'

/** GitLab, theirs or one of one's own. */
export const gitlabKind = oidcPreset({
  title: 'GitLab',
  // Who runs a GitLab decides what it calls verified.
  trustsEmail: false,
  scopes: ['openid', 'profile', 'email'],
  settings: { issuer: issuerUrl.default('https://gitlab.com') },
  quirks: ({ issuer }) => ({
    issuer,
    // Groups are told by UserInfo alone.
    userInfo: true,
    mapping: { username: 'nickname' },
  }),
})

import { oidcPreset } from './oidc_preset.ts'

/** LinkedIn, by its OpenID Connect. */
export const linkedinKind = oidcPreset({
  title: 'LinkedIn',
  trustsEmail: true,
  scopes: ['openid', 'profile', 'email'],
  settings: {},
  quirks: () => ({
    issuer: 'https://www.linkedin.com/oauth',
    // Its ID tokens carry none, and a code_verifier of an ordinary application is `invalid_client`:
    // what binds the answer to the request is `state`, and the code to us the client secret.
    nonce: false,
    pkce: false,
  }),
})

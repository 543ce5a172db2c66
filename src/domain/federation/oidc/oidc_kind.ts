import type { ConnectorKind } from '../connector.ts'
import { authenticateClient } from './client_authentication.ts'
import { createOidcConnector } from './oidc_connector.ts'
import type { OidcProfile } from './oidc_profile.ts'
import { type OidcSettings, oidcSettings } from './oidc_settings.ts'
import { claimOf } from './person.ts'

/**
 * OpenID Connect with any provider that publishes a discovery document. This folder speaks the
 * protocol: `oidc_connector.ts` is the conversation, `provider.ts` what is known of the other side,
 * `person.ts` our reading of what it tells. Presets that know their provider are in `../social`.
 */
export const oidcKind: ConnectorKind<OidcSettings> = {
  title: 'OpenID Connect',
  signsInBy: 'redirect',
  settings: oidcSettings,
  secrets: { client_secret: 'optional', private_key: 'optional' },
  // Anybody can run a provider that calls any address verified.
  trustsEmail: false,
  open({ name, settings, secrets }, deps) {
    return createOidcConnector(name, profileOf(settings, secrets), deps)
  },
}

function profileOf(settings: OidcSettings, secrets: Readonly<Record<string, string>>): OidcProfile {
  const { client_authentication: method, mapping } = settings
  return {
    issuer: settings.issuer,
    publishedIssuer: settings.issuer,
    clientId: settings.client_id,
    clientSecret: method.startsWith('client_secret_') ? secrets['client_secret'] : undefined,
    clientAuthentication: authenticateClient(method, secrets, settings.key_id),
    scopes: settings.scopes,
    responseMode: settings.response_mode,
    acrValues: settings.acr_values,
    algorithms: settings.id_token_signed_response_alg,
    userInfo: settings.userinfo,
    mapping,
    // The text "true" is no statement: OpenID Connect Core §5.1 has a boolean.
    emailVerified: (source) => claimOf(source, mapping.email_verified) === true,
    authorizationParameters: settings.authorization_parameters,
    keepTokens: settings.keep_tokens,
    nonce: true,
    pkce: true,
    freshPrompt: 'login',
  }
}

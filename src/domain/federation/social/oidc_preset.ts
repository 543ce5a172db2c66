import type * as oidc from 'openid-client'
import { z } from 'zod'
import type { ConnectorKind } from '../connector.ts'
import { authenticateClient } from '../oidc/client_authentication.ts'
import { createOidcConnector } from '../oidc/oidc_connector.ts'
import type { OidcProfile } from '../oidc/oidc_profile.ts'
import { ASYMMETRIC_ALGORITHMS, claimMapping, commonSettings } from '../oidc/oidc_settings.ts'
import { claimOf } from '../oidc/person.ts'

/**
 * Providers by OpenID Connect that we know: what a file does not have to say. A preset declares what is
 * its own; everything else is that of `../oidc`.
 */

type Common = z.output<z.ZodObject<typeof commonSettings>>

/** What a preset may say of itself. */
export type OidcQuirks = Partial<
  Pick<
    OidcProfile,
    | 'publishedIssuer'
    | 'responseMode'
    | 'userInfo'
    | 'emailVerified'
    | 'nonce'
    | 'pkce'
    | 'freshPrompt'
    | 'besides'
    | 'tokenError'
  >
> & {
  issuer: string
  mapping?: z.input<typeof claimMapping>
  /** Besides what the file says; the file wins. */
  authorizationParameters?: Record<string, string>
}

type Secrets = Readonly<Record<string, string>>

export type OidcPreset<Own extends z.ZodRawShape> = {
  title: string
  trustsEmail: boolean
  scopes: readonly string[]
  /** Settings of this provider alone. */
  settings: Own
  secrets?: ConnectorKind['secrets']
  quirks(settings: Common & z.output<z.ZodObject<Own>>): OidcQuirks
  /** By `client_secret` in the form unless said: every one of them takes that. */
  authenticate?(
    settings: Common & z.output<z.ZodObject<Own>>,
    secrets: Secrets,
    now: () => Date,
  ): oidc.ClientAuth
}

function profileOf(
  settings: Common,
  scopes: readonly string[],
  clientAuthentication: oidc.ClientAuth,
  { mapping: own = {}, authorizationParameters = {}, ...quirks }: OidcQuirks,
): OidcProfile {
  const mapping = claimMapping.parse(own)
  return {
    publishedIssuer: quirks.issuer,
    clientId: settings.client_id,
    clientAuthentication,
    scopes: settings.scopes ?? scopes,
    responseMode: 'query',
    acrValues: settings.acr_values,
    algorithms: ASYMMETRIC_ALGORITHMS,
    userInfo: false,
    mapping,
    emailVerified: (source) => claimOf(source, mapping.email_verified) === true,
    authorizationParameters: { ...authorizationParameters, ...settings.authorization_parameters },
    keepTokens: settings.keep_tokens,
    nonce: true,
    pkce: true,
    freshPrompt: 'login',
    ...quirks,
  }
}

export function oidcPreset<Own extends z.ZodRawShape>(
  preset: OidcPreset<Own>,
): ConnectorKind<Common & z.output<z.ZodObject<Own>>> {
  type Settings = Common & z.output<z.ZodObject<Own>>
  return {
    title: preset.title,
    signsInBy: 'redirect',
    settings: z.strictObject({ ...commonSettings, ...preset.settings }) as z.ZodType<Settings>,
    secrets: preset.secrets ?? { client_secret: 'required' },
    trustsEmail: preset.trustsEmail,
    open({ name, settings, secrets }, deps) {
      const clientAuthentication = preset.authenticate
        ? preset.authenticate(settings, secrets, () => deps.clock.now())
        : authenticateClient('client_secret_post', secrets)
      const quirks = preset.quirks(settings)
      const profile = profileOf(settings, preset.scopes, clientAuthentication, quirks)
      return createOidcConnector(name, profile, deps)
    },
  }
}

import type * as oidc from 'openid-client'
import type { ClaimMapping } from './oidc_settings.ts'
import type { TokenErrorReader } from './provider_fetch.ts'

/**
 * What the connector goes by, whether a file says it all (`oidc_kind.ts`) or a preset knows most of it
 * (`social/`).
 */
export type OidcProfile = {
  /** Where discovery begins. */
  issuer: string
  /**
   * The issuer that the document has to name. It differs from `issuer` for Entra ID with several
   * tenants, where it is a template that `tid` of the token fills in.
   */
  publishedIssuer: string
  clientId: string
  /** Verifies ID tokens by HMAC; only where `algorithms` say so. */
  clientSecret?: string | undefined
  clientAuthentication: oidc.ClientAuth
  scopes: readonly string[]
  responseMode: 'query' | 'form_post'
  /** Asked for beside those of a request; one of them has to be met. */
  acrValues: readonly string[]
  /** Of ID tokens and logout tokens; never `none`. */
  algorithms: readonly string[]
  userInfo: boolean
  mapping: ClaimMapping
  /** Whether a source says that its address is verified. */
  emailVerified(source: Claims): boolean
  authorizationParameters: Readonly<Record<string, string>>
  keepTokens: boolean
  /** False where the provider does not put it into its ID token; `state` and PKCE or the secret remain. */
  nonce: boolean
  /** False where the provider refuses a `code_verifier`. */
  pkce: boolean
  /** The `prompt` that asks for a fresh sign-in; whether there was one is seen by `auth_time`. */
  freshPrompt: string | undefined
  tokenError?: TokenErrorReader
  /** What an answer carries besides, as the browser brought it: nothing that anything rests upon. */
  besides?(params: Readonly<Record<string, string>>): Claims
}

export type Claims = Readonly<Record<string, unknown>>

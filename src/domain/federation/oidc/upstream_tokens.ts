import * as oidc from 'openid-client'
import type { Clock } from '../../../core/clock.ts'
import type { ConnectorDeps, Unavailable, UpstreamTokens } from '../connector.ts'
import { verifySignature } from './id_token.ts'
import type { OidcProfile } from './oidc_profile.ts'
import { outcomeOfError } from './outcome_of_error.ts'
import type { Provider } from './provider.ts'

/** A provider's own tokens, for the connections that keep them. */

export type Refreshed =
  | { kind: 'refreshed'; tokens: UpstreamTokens }
  /** The provider has ended what the token stood for; it is of no use any more. */
  | { kind: 'refused'; detail: string }
  | Unavailable

type TokenResponse = {
  access_token: string
  refresh_token?: string
  expires_in?: number
  scope?: string
}

export function tokensOf(response: TokenResponse, clock: Clock): UpstreamTokens {
  const { expires_in: ttlS } = response
  return {
    accessToken: response.access_token,
    refreshToken: response.refresh_token,
    expiresAt: ttlS === undefined ? undefined : new Date(clock.now().getTime() + ttlS * 1000),
    scope: response.scope,
  }
}

/**
 * RFC 6749 §6. A provider that does not rotate sends no new refresh token; the one that there was is
 * kept then.
 */
export async function refreshTokens(
  { refreshToken, subject }: { refreshToken: string; subject: string },
  profile: OidcProfile,
  provider: Provider,
  deps: Pick<ConnectorDeps, 'clock'>,
): Promise<Refreshed> {
  try {
    const discovered = await provider.discovered()
    const response = await oidc.refreshTokenGrant(discovered.configuration, refreshToken)
    if (response.id_token) {
      const claims = await verifySignature(response.id_token, profile, discovered, deps)
      // OpenID Connect Core §12.2: the tokens of somebody else are not taken.
      if (claims['sub'] !== subject) return { kind: 'refused', detail: 'another subject' }
    }
    const tokens = tokensOf(response, deps.clock)
    return {
      kind: 'refreshed',
      tokens: { ...tokens, refreshToken: tokens.refreshToken ?? refreshToken },
    }
  } catch (error) {
    const failure = outcomeOfError(error)
    return failure.kind === 'unavailable' ? failure : { kind: 'refused', detail: failure.detail }
  }
}

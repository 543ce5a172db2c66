import * as oidc from 'openid-client'
import type { Clock } from '../../../core/clock.ts'
import type { ConnectorDeps, Refreshed, UpstreamTokens } from '../connector.ts'
import { verifySignature } from './id_token.ts'
import type { OidcProfile } from './oidc_profile.ts'
import { outcomeOfError } from './outcome_of_error.ts'
import { claimOf, subjectOf } from './person.ts'
import type { Provider } from './provider.ts'

/** A provider's own tokens, for the connections that keep them. */

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

/** A provider that does not rotate sends no new refresh token: the one that there was stays. */
function afterRefresh(response: TokenResponse, refreshToken: string, clock: Clock): Refreshed {
  const tokens = tokensOf(response, clock)
  return {
    kind: 'refreshed',
    tokens: { ...tokens, refreshToken: tokens.refreshToken ?? refreshToken },
  }
}

function failed(error: unknown): Refreshed {
  const failure = outcomeOfError(error)
  return failure.kind === 'unavailable' ? failure : { kind: 'refused', detail: failure.detail }
}

/** RFC 6749 §6, at a provider without ID token. */
export async function refreshPlainTokens(
  configuration: oidc.Configuration,
  refreshToken: string,
  clock: Clock,
): Promise<Refreshed> {
  try {
    const response = await oidc.refreshTokenGrant(configuration, refreshToken)
    return afterRefresh(response, refreshToken, clock)
  } catch (error) {
    return failed(error)
  }
}

/** OpenID Connect Core §12. */
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
      // §12.2: the tokens of somebody else are not taken.
      const { subject: name } = profile.mapping
      if (subjectOf(claimOf(claims, name)) !== subject) return ANOTHER_SUBJECT
    }
    return afterRefresh(response, refreshToken, deps.clock)
  } catch (error) {
    return failed(error)
  }
}

const ANOTHER_SUBJECT: Refreshed = { kind: 'refused', detail: 'another subject' }

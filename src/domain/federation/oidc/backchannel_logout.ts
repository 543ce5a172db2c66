import { errors as jose } from 'jose'
import { epochSeconds } from '../../../core/clock.ts'
import { textOf } from '../../../core/unknown.ts'
import type { ConnectorDeps, Unavailable } from '../connector.ts'
import { CLOCK_TOLERANCE_S } from './asked_for.ts'
import { verifySignature } from './id_token.ts'
import type { Claims, OidcProfile } from './oidc_profile.ts'
import { outcomeOfError, refused } from './outcome_of_error.ts'
import { shortText } from './person.ts'
import type { Provider } from './provider.ts'

/**
 * A logout token that a provider sent us (OpenID Connect Back-Channel Logout 1.0 §2.4 to §2.6). Whose
 * sessions end by it, and that the same token does not come twice, is the caller's: it keeps `jti`
 * until `expiresAt`.
 */
export type LogoutToken =
  | { kind: 'valid'; logout: UpstreamLogoutEvent }
  /** `detail` is for the trail. */
  | { kind: 'refused'; detail: string }
  | Unavailable

export type UpstreamLogoutEvent = {
  /** At least one of the two is there. With a subject alone, all of its sessions end. */
  subject?: string | undefined
  sessionId?: string | undefined
  jti: string
  expiresAt: Date
}

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/** Far more than any provider gives (§2.4 recommends two minutes): keeps the memory of `jti` bounded. */
const MAX_AGE_S = 60 * 60

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isAudience(aud: unknown, clientId: string): boolean {
  return Array.isArray(aud) ? aud.includes(clientId) : aud === clientId
}

/**
 * The issuer that tokens have to name. A template is filled in from `tid`, which the signature covers
 * (Entra ID with several tenants).
 */
function issuerFor({ publishedIssuer }: OidcProfile, { tid }: Claims): string {
  return publishedIssuer.replace('{tenantid}', () => textOf(tid) ?? '')
}

/** §2.6, item by item, of a token whose signature and `exp` hold. @returns the one that fails */
function faultOf(claims: Claims, profile: OidcProfile, nowS: number): string | undefined {
  const { iss, aud, iat, events, nonce, sub, sid, jti, exp } = claims
  if (iss !== issuerFor(profile, claims)) return '"iss" is another issuer'
  if (!isAudience(aud, profile.clientId)) return '"aud" is another client'
  if (typeof iat !== 'number' || iat > nowS + CLOCK_TOLERANCE_S) return '"iat" is in the future'
  if (iat < nowS - MAX_AGE_S) return '"iat" is too long ago'
  if (typeof exp !== 'number' || exp > nowS + MAX_AGE_S) return '"exp" is too far away'
  if (!isObject(events) || !isObject(events[EVENT])) return '"events" names no logout'
  // Item 7: so that an ID token is never taken for one of these.
  if (nonce !== undefined) return 'there is a "nonce"'
  if (!shortText(jti, 500)) return '"jti" is missing or too long'
  if (sub !== undefined && !shortText(sub)) return '"sub" is no text'
  if (sid !== undefined && !shortText(sid)) return '"sid" is no text'
  if (sub === undefined && sid === undefined) return 'neither "sub" nor "sid" is there'
  return undefined
}

export async function verifyLogoutToken(
  token: string,
  profile: OidcProfile,
  provider: Provider,
  deps: Pick<ConnectorDeps, 'clock'>,
): Promise<LogoutToken> {
  try {
    const claims = await verifySignature(token, profile, await provider.discovered(), deps)
    const fault = faultOf(claims, profile, epochSeconds(deps.clock))
    if (fault) return { kind: 'refused', detail: `logout token: ${fault}` }
    return {
      kind: 'valid',
      logout: {
        subject: textOf(claims['sub']),
        sessionId: textOf(claims['sid']),
        jti: String(claims['jti']),
        expiresAt: new Date((Number(claims['exp']) + CLOCK_TOLERANCE_S) * 1000),
      },
    }
  } catch (error) {
    // A stranger may send anything here: what is no JWT is a refusal like any other.
    const failure =
      error instanceof TypeError || error instanceof jose.JWTInvalid
        ? refused('invalid', 'not a JWT')
        : outcomeOfError(error)
    return failure.kind === 'unavailable' ? failure : { kind: 'refused', detail: failure.detail }
  }
}

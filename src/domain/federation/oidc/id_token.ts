import { decodeProtectedHeader, jwtVerify } from 'jose'
import { type Clock, epochSeconds } from '../../../core/clock.ts'
import { CLOCK_TOLERANCE_S } from './asked_for.ts'
import type { Claims, OidcProfile } from './oidc_profile.ts'
import type { Discovered } from './provider.ts'

/**
 * The signature of a token of the provider. TLS may stand in for it where a token comes from the token
 * endpoint (OpenID Connect Core §3.1.3.7), and openid-client lets it; we look at it all the same.
 */

/** The key that the algorithm takes: the shared secret for HMAC, otherwise a published one. */
export async function verifySignature(
  token: string,
  profile: Pick<OidcProfile, 'algorithms' | 'clientSecret'>,
  { keys }: Pick<Discovered, 'keys'>,
  { clock, typ }: { clock: Clock; typ?: string },
): Promise<Claims> {
  const options = {
    // The list comes first: neither `none` nor HMAC with a public key is ever tried.
    algorithms: [...profile.algorithms],
    currentDate: clock.now(),
    clockTolerance: CLOCK_TOLERANCE_S,
    requiredClaims: ['iss', 'aud', 'iat', 'exp'],
    ...(typ ? { typ } : {}),
  }
  const { alg } = decodeProtectedHeader(token)
  if (alg?.startsWith('HS') && profile.clientSecret !== undefined) {
    const secret = new TextEncoder().encode(profile.clientSecret)
    return (await jwtVerify(token, secret, options)).payload
  }
  return (await jwtVerify(token, keys, options)).payload
}

/** Checks of OpenID Connect Core §3.1.3.7 that neither library makes. @returns the one that fails */
export function faultOfIdToken(
  { azp, iat }: Claims,
  { clientId }: Pick<OidcProfile, 'clientId'>,
  clock: Clock,
): string | undefined {
  // Item 5; one audience with a foreign `azp` is a token that somebody else asked for.
  if (azp !== undefined && azp !== clientId) return 'ID token: "azp" is another client'
  if (typeof iat !== 'number' || iat > epochSeconds(clock) + CLOCK_TOLERANCE_S) {
    return 'ID token: "iat" is in the future'
  }
  return undefined
}

import type { RedirectStart } from '../connector.ts'
import type { Claims } from './oidc_profile.ts'

/**
 * Whether the sign-in there is what we asked for. A provider may ignore `max_age`, `prompt` and
 * `acr_values` (OpenID Connect Core §3.1.2.1, §5.5.1.1); what counts is what its token says.
 */

/** Seconds by which the provider's clock may differ from ours. */
export const CLOCK_TOLERANCE_S = 30

type Asked = {
  start: Pick<RedirectStart, 'forceAuthn' | 'maxAgeS'>
  acrValues: readonly string[]
  /** Epoch seconds at which the browser left. */
  startedAtS: number
}

/** Seconds that may lie between the sign-in there and our request; undefined where any age will do. */
function allowedAgeS({ forceAuthn, maxAgeS }: Asked['start']): number | undefined {
  return forceAuthn ? 0 : maxAgeS
}

/** @returns what is missing, or undefined where all is met */
export function weaknessOf(claims: Claims, asked: Asked): string | undefined {
  const ageS = allowedAgeS(asked.start)
  const { auth_time: authTime, acr } = claims
  if (ageS !== undefined) {
    if (typeof authTime !== 'number') return 'the provider does not say when the sign-in was'
    // Counted from our request: whoever lingers on a page there has not signed in any earlier.
    if (authTime < asked.startedAtS - ageS - CLOCK_TOLERANCE_S) return 'the sign-in is too old'
  }
  if (asked.acrValues.length > 0 && !asked.acrValues.includes(String(acr))) {
    return 'the sign-in has none of the acr values asked for'
  }
  return undefined
}

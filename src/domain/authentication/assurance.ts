/**
 * How sure we are of who signed in: the Authentication Context Class References (`acr`) that this
 * server knows, in their order, and the methods (`amr`, RFC 8176) that lead to each. A further factor
 * adds a row here and nothing elsewhere.
 */

export const PASSWORD_ACR = 'urn:authcore:acr:pwd'

/** Higher ranks satisfy a request for lower ones. */
const ACR_RANKS: ReadonlyMap<string, number> = new Map([[PASSWORD_ACR, 1]])

/** For `acr_values_supported`. */
export const ACR_VALUES: readonly string[] = [...ACR_RANKS.keys()]

export type Assurance = { acr: string; amr: string[] }

/** What a password alone proves. RFC 8176 §2: "pwd". */
export function passwordAssurance(): Assurance {
  return { acr: PASSWORD_ACR, amr: ['pwd'] }
}

/**
 * True where the sign-in is at least as strong as one of the requested classes. Nothing requested is
 * met by everything; a class that we do not know is met by nobody who does not have exactly it.
 */
export function meetsAcr(actual: string | undefined, requested: readonly string[]): boolean {
  if (requested.length === 0) return true
  if (actual === undefined) return false
  const rank = ACR_RANKS.get(actual) ?? 0
  return requested.some((name) => name === actual || (ACR_RANKS.get(name) ?? Infinity) <= rank)
}

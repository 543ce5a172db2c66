/**
 * How sure we are of who signed in: the Authentication Context Class References (`acr`) that this
 * server knows, in their order, and the methods (`amr`, RFC 8176) that lead to each. A further method
 * adds a row here and nothing elsewhere.
 */

/** One factor. NIST SP 800-63B-4: AAL1. */
export const PASSWORD_ACR = 'urn:authcore:acr:pwd'
/** Two factors of different kinds, by different channels. NIST SP 800-63B-4: AAL2. */
export const MULTI_FACTOR_ACR = 'urn:authcore:acr:mfa'

/** Higher ranks satisfy a request for lower ones. */
const ACR_RANKS: ReadonlyMap<string, number> = new Map([
  [PASSWORD_ACR, 1],
  [MULTI_FACTOR_ACR, 2],
])

/** For `acr_values_supported`, the weakest first. */
export const ACR_VALUES: readonly string[] = [...ACR_RANKS.keys()]

export type Assurance = { acr: string; amr: string[] }

export type Method = 'password' | 'totp' | 'recovery_code'

/**
 * What each method proves, by which channel, and its name in `amr` (RFC 8176 §2). Two methods of one
 * factor, or by one channel, are one proof however often they are given.
 */
const METHODS: Readonly<Record<Method, { factor: string; channel: string; amr: string }>> = {
  password: { factor: 'knowledge', channel: 'password', amr: 'pwd' },
  totp: { factor: 'possession', channel: 'authenticator', amr: 'otp' },
  // A look-up secret (NIST SP 800-63B-4 §3.1.2): something that one has.
  recovery_code: { factor: 'possession', channel: 'paper', amr: 'otp' },
}

/** What these methods prove together; they are those of one person in one sign-in, at least one. */
export function assuranceOf(methods: readonly Method[]): Assurance {
  const rows = [...new Set(methods)].map((method) => METHODS[method])
  const factors = new Set(rows.map(({ factor }) => factor))
  const channels = new Set(rows.map(({ channel }) => channel))
  const multiFactor = factors.size > 1 && channels.size > 1
  const amr = [...new Set(rows.map((row) => row.amr))]
  return multiFactor ? { acr: MULTI_FACTOR_ACR, amr: [...amr, 'mfa'] } : { acr: PASSWORD_ACR, amr }
}

/** The methods of an earlier sign-in, as far as its `amr` tells them. */
export function methodsOfAmr(amr: readonly string[]): Method[] {
  return (Object.keys(METHODS) as Method[]).filter(
    (method) => method !== 'recovery_code' && amr.includes(METHODS[method].amr),
  )
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

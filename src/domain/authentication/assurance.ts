/**
 * How sure we are of who signed in: the Authentication Context Class References (`acr`) that this
 * server knows, in their order, and the methods (`amr`, RFC 8176) that lead to each. A further method
 * adds a row here and nothing elsewhere.
 */

/** One factor. NIST SP 800-63B-4: AAL1. */
export const PASSWORD_ACR = 'urn:authcore:acr:pwd'
/** Two factors of different kinds, by different channels. NIST SP 800-63B-4: AAL2. */
export const MULTI_FACTOR_ACR = 'urn:authcore:acr:mfa'
/**
 * Two factors, of which one signs for this very site, so that no page that looks like it can pass it
 * on: `phr` of OpenID Connect EAP ACR Values 1.0. AAL2 with the phishing resistance of SP 800-63B-4
 * §3.2.5.
 */
export const PHISHING_RESISTANT_ACR = 'phr'
/**
 * The same with a key that never leaves hardware, as its maker attests, opened by its owner: `phrh` of
 * OpenID Connect EAP ACR Values 1.0. AAL3 where the hardware is certified as SP 800-63B-4 §2.3 asks.
 */
export const HARDWARE_ACR = 'phrh'

/** Higher ranks satisfy a request for lower ones. */
const ACR_RANKS: ReadonlyMap<string, number> = new Map([
  [PASSWORD_ACR, 1],
  [MULTI_FACTOR_ACR, 2],
  [PHISHING_RESISTANT_ACR, 3],
  [HARDWARE_ACR, 4],
])

/**
 * What can be reached here, the weakest first: for `acr_values_supported`.
 *
 * @param passkeys whether browsers make passkeys for this deployment; see `relyingPartyOf`
 * @param attestation whether their authenticators have to show that they are in hardware
 */
export function acrValues(by: { passkeys: boolean; attestation: boolean }): string[] {
  const needs: Readonly<Record<string, boolean>> = {
    [PHISHING_RESISTANT_ACR]: by.passkeys,
    [HARDWARE_ACR]: by.passkeys && by.attestation,
  }
  return [...ACR_RANKS.keys()].filter((acr) => needs[acr] ?? true)
}

export type Assurance = { acr: string; amr: string[] }

export type Method =
  | 'password'
  | 'email_code'
  | 'sms_code'
  | 'totp'
  | 'recovery_code'
  | 'passkey'
  | 'device_passkey'
  | 'hardware_passkey'
  | 'security_key'
  | 'federated'
  | 'federated_mfa'

/**
 * What each method proves, by which channel, and its name in `amr` (RFC 8176 §2), which is its own
 * where a later request has to read it back. Two methods of one factor, or by one channel, are one
 * proof however often they are given; but a passkey alone proves two, for its owner has opened it
 * with a finger, a face or a PIN.
 */
const METHODS: Readonly<
  Record<
    Method,
    { factors: readonly string[]; channel: string; amr: string; resists?: true; hardware?: true }
  >
> = {
  password: { factors: ['knowledge'], channel: 'password', amr: 'pwd' },
  // RFC 8176 has no name for it, and `otp` would be read back as an authenticator.
  email_code: { factors: ['messages'], channel: 'email', amr: 'email' },
  // Whoever reads one kind of message on a stolen telephone reads the other.
  sms_code: { factors: ['messages'], channel: 'sms', amr: 'sms' },
  totp: { factors: ['possession'], channel: 'authenticator', amr: 'otp' },
  // A look-up secret (NIST SP 800-63B-4 §3.1.2): something that one has.
  recovery_code: { factors: ['possession'], channel: 'paper', amr: 'otp' },
  // One that may be copied between its owner's devices, one that never leaves the device, one whose
  // maker vouches for that, and one of any kind that asked for no more than a touch.
  passkey: { factors: ['possession', 'user'], channel: 'webauthn', amr: 'swk', resists: true },
  device_passkey: {
    factors: ['possession', 'user'],
    channel: 'webauthn',
    amr: 'hwk',
    resists: true,
  },
  hardware_passkey: {
    factors: ['possession', 'user'],
    channel: 'webauthn',
    amr: 'hwk',
    resists: true,
    hardware: true,
  },
  security_key: { factors: ['possession'], channel: 'webauthn', amr: 'pop', resists: true },
  // What somebody did elsewhere counts as one thing that they know, and whoever reads their mail may be
  // the very same provider; unless the connection has its word believed that there were two factors.
  // RFC 8176 has no name for either.
  federated: { factors: ['knowledge'], channel: 'email', amr: 'fed' },
  federated_mfa: { factors: ['knowledge', 'possession'], channel: 'elsewhere', amr: 'fed' },
}

/** What these methods prove together; they are those of one person in one sign-in, at least one. */
export function assuranceOf(methods: readonly Method[]): Assurance {
  const rows = [...new Set(methods)].map((method) => METHODS[method])
  const factors = new Set(rows.flatMap((row) => row.factors))
  const channels = new Set(rows.map(({ channel }) => channel))
  const multiFactor =
    rows.some((row) => row.factors.length > 1) || (factors.size > 1 && channels.size > 1)
  const amr = [...new Set(rows.map((row) => row.amr))]
  if (!multiFactor) return { acr: PASSWORD_ACR, amr }
  return { acr: strongestOf(rows), amr: [...amr, 'mfa'] }
}

function strongestOf(rows: readonly { resists?: true; hardware?: true }[]): string {
  if (rows.some(({ hardware }) => hardware)) return HARDWARE_ACR
  return rows.some(({ resists }) => resists) ? PHISHING_RESISTANT_ACR : MULTI_FACTOR_ACR
}

/** What a signature with a passkey or security key is; see `verifyAssertion`. */
export function webAuthnMethod({
  backupEligible,
  userVerified,
  inHardware,
}: {
  backupEligible: boolean
  userVerified: boolean
  /** Attested, by an authenticator that is still believed. */
  inHardware: boolean
}): Method {
  if (!userVerified) return 'security_key'
  if (backupEligible) return 'passkey'
  return inHardware ? 'hardware_passkey' : 'device_passkey'
}

/**
 * The methods of an earlier sign-in, as far as its `amr` tells them. It does not tell who vouched for
 * a key: that is proven anew.
 */
export function methodsOfAmr(amr: readonly string[]): Method[] {
  return (Object.keys(METHODS) as Method[]).filter(
    (method) => !UNTOLD.has(method) && amr.includes(METHODS[method].amr),
  )
}

/** Their `amr` is that of another method, and means the weaker one. */
const UNTOLD: ReadonlySet<Method> = new Set(['recovery_code', 'hardware_passkey', 'federated_mfa'])

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

import { createRequire } from 'node:module'
import type { TOTP } from 'otpauth'

/**
 * Codes of an authenticator application: time-based one-time passwords (RFC 6238) of six digits every
 * 30 seconds with HMAC-SHA-1, which is what every such application can do. This folder owns the
 * secret, its enrolment and its check; when a code is asked for is decided in `authentication`.
 */
export type TotpCredential = {
  id: string
  accountId: string
  /** As the person called it. */
  name: string
  createdAt: Date
  /** The first code was right; until then nobody signs in with it. */
  confirmedAt?: Date | undefined
  lastUsedAt?: Date | undefined
}

const TOTP_PERIOD_S = 30
const DIGITS = 6
/** One step to either side: a clock may be off by half a minute (RFC 6238 §5.2). */
const WINDOW_STEPS = 1
/** RFC 4226 §4 R6 recommends 160 bits. */
const SECRET_BYTES = 20

/** A new secret as base32 text, the form in which it is typed and stored. */
export function newTotpSecret(): string {
  const { Secret } = otpauth()
  return new Secret({ size: SECRET_BYTES }).base32
}

/** Six megabytes, loaded where the first authenticator is set up or used. */
function otpauth(): typeof import('otpauth') {
  return createRequire(import.meta.url)('otpauth') as typeof import('otpauth')
}

function totpOf(secret: string): TOTP {
  const { Secret, TOTP } = otpauth()
  return new TOTP({
    secret: Secret.fromBase32(secret),
    algorithm: 'SHA1',
    digits: DIGITS,
    period: TOTP_PERIOD_S,
  })
}

/**
 * The time step that this code is of, undefined where it is of none near `now`. A step is counted
 * once: whoever accepts the code has to refuse this step and those before it from then on.
 *
 * @param code as it was typed; spaces fall away
 */
export function totpStepOf(secret: string, code: string, now: Date): number | undefined {
  const token = code.replace(/[\s-]/g, '')
  if (!/^[0-9]{6}$/.test(token)) return undefined
  const timestamp = now.getTime()
  const delta = totpOf(secret).validate({ token, timestamp, window: WINDOW_STEPS })
  return delta === null ? undefined : Math.floor(timestamp / 1000 / TOTP_PERIOD_S) + delta
}

/** The address that a QR code carries (the "Key Uri Format" that authenticators share). */
export function totpUri(secret: string, { issuer, account }: { issuer: string; account: string }) {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`
  const query = new URLSearchParams({
    secret,
    issuer,
    algorithm: 'SHA1',
    digits: String(DIGITS),
    period: String(TOTP_PERIOD_S),
  })
  return `otpauth://totp/${label}?${query.toString().replaceAll('+', '%20')}`
}

/** The code of this moment: for those who prove, such as tests and demonstrations. */
export function totpCodeAt(secret: string, now: Date): string {
  return totpOf(secret).generate({ timestamp: now.getTime() })
}

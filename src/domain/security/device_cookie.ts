import { equalsInConstantTime, randomToken } from '../../core/secrets.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'

/**
 * A cookie that says: this browser has signed in to that account before. It opens nothing. It only
 * gives the browser a budget of attempts of its own, so that strangers who guess at the account from
 * elsewhere cannot lock its owner out (OWASP, "Slow Down Online Guessing Attacks with Device
 * Cookies").
 *
 * `account id . issued at, Unix seconds . nonce . HMAC-SHA-256`
 */

/** A browser that did not come back for this long is a stranger again. */
export const DEVICE_COOKIE_MAX_AGE_S = 365 * 86_400

type KeyedHash = Pick<Keyring, 'hash'>

/** @returns a new token at each call; hand it out after every successful sign-in */
export function issueDeviceCookie(
  keyring: KeyedHash,
  accountId: string,
  nowMs: number = Date.now(),
): string {
  const claim = `${accountId}.${Math.floor(nowMs / 1000)}.${randomToken(16)}`
  return `${claim}.${mac(keyring, claim)}`
}

/** @returns the account for which this browser is trusted, or undefined */
export function verifyDeviceCookie(
  keyring: KeyedHash,
  token: string | undefined,
  nowMs: number = Date.now(),
): string | undefined {
  if (token === undefined || token.length > 300) return undefined
  const end = token.lastIndexOf('.')
  const claim = token.slice(0, Math.max(end, 0))
  const [accountId, issuedAtS, nonce] = claim.split('.')
  if (!accountId || !issuedAtS || !nonce) return undefined
  if (!equalsInConstantTime(token.slice(end + 1), mac(keyring, claim))) return undefined
  return Number(issuedAtS) + DEVICE_COOKIE_MAX_AGE_S > nowMs / 1000 ? accountId : undefined
}

function mac(keyring: KeyedHash, claim: string): string {
  return keyring.hash('device_cookie', claim).toString('base64url')
}

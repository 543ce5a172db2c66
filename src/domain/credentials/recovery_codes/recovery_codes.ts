import { randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'

/**
 * Codes on paper for the day on which every other factor is lost: ten, each good for one sign-in in
 * the place of a second factor. They carry 80 bits; whoever holds the database would have to compute
 * a memory-hard hash for every guess.
 */

export const RECOVERY_CODES = 10
const CODE_BYTES = 10
const GROUP = 4
/** Crockford's base32: no letter is mistaken for a digit. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** 16 MiB for each guess (N · r · 128 bytes), about 50 ms on one core. */
const COST = { N: 2 ** 14, r: 8, p: 1 } as const
const HASH_BYTES = 32

const derive = promisify(scrypt) as (
  secret: string,
  salt: Buffer,
  length: number,
  options: typeof COST,
) => Promise<Buffer>

/** Such as `k3f9-0qtz-7m2p-x8wd`, from the operating system's generator. */
export function newRecoveryCode(): string {
  let bits = BigInt(`0x${randomBytes(CODE_BYTES).toString('hex')}`)
  let text = ''
  for (let i = 0; i < (CODE_BYTES * 8) / 5; i += 1) {
    text += ALPHABET[Number(bits & 31n)]
    bits >>= 5n
  }
  return text.match(new RegExp(`.{${GROUP}}`, 'g'))!.join('-')
}

/** The letters and digits alone, forgiving what hands and eyes confuse; undefined where it is no code. */
export function canonicalRecoveryCode(typed: string): string | undefined {
  if (typed.length > 100) return undefined
  const text = typed.toLowerCase().replace(/[\s-]/g, '').replaceAll('o', '0').replace(/[il]/g, '1')
  return /^[0-9a-hjkmnp-tv-z]{16}$/.test(text) ? text : undefined
}

export async function hashRecoveryCode(canonical: string, salt: Buffer): Promise<Buffer> {
  return await derive(canonical, salt, HASH_BYTES, COST)
}

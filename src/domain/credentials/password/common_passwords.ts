import { readFile } from 'node:fs/promises'
import { commonKey } from './common_key.ts'

/**
 * The passwords that are tried first: those of the dictionary of zxcvbn-ts and the long ones of
 * `long_common_passwords.ts`, compared as a whole and without regard to case, and a common one
 * written again and again. They are kept as one sorted file of 64-bit hashes, 400 kB, which is read
 * when somebody first chooses a password: as strings they would take twenty megabytes of every
 * process. `scripts/common_passwords.ts` writes the file; a test tells where it is stale.
 */

/** A unit this short may be repeated in no password, common or not: `aaaa…`, `abcabc…`, `20242024…`. */
const SHORT_UNIT = 4

const KEYS = new URL('./common_passwords.bin', import.meta.url)
const KEY_BYTES = 8

let loading: Promise<Buffer> | undefined

/** @param text as `passwordText` gives it */
export async function isCommonPassword(text: string): Promise<boolean> {
  const folded = [...text.toLowerCase()]
  const unit = repeatedUnit(folded)
  if (unit.length < folded.length && unit.length <= SHORT_UNIT) return true
  const keys = await commonKeys()
  return [folded, unit].some((letters) => has(keys, commonKey(letters.join(''))))
}

/** Reads them where that has not been done. A failure is not remembered. */
function commonKeys(): Promise<Buffer> {
  loading ??= readFile(KEYS).catch((error) => {
    loading = undefined
    throw error
  })
  return loading
}

/** The shortest beginning that the whole is made of, the last time perhaps not to its end. */
function repeatedUnit(letters: readonly string[]): readonly string[] {
  for (let length = 1; length <= letters.length / 2; length++) {
    if (letters.every((letter, i) => letter === letters[i % length])) {
      return letters.slice(0, length)
    }
  }
  return letters
}

function has(keys: Buffer, key: bigint): boolean {
  let low = 0
  let high = keys.length / KEY_BYTES
  while (low < high) {
    const middle = (low + high) >>> 1
    const found = keys.readBigUInt64BE(middle * KEY_BYTES)
    if (found === key) return true
    if (found < key) low = middle + 1
    else high = middle
  }
  return false
}

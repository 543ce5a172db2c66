import { randomBytes } from 'node:crypto'
import { equalsInConstantTime } from '../../../../core/secrets.ts'
import { count, fromBase64, toBase64 } from '../encoded.ts'
import type { Argon2Cost, Argon2Engine, Argon2Input, Argon2Variant } from './argon2_engine.ts'

/** The PHC string of an Argon2 hash: read, written, made and compared. */

export type Argon2Hash = Omit<Argon2Input, 'sizeBytes'> & { hash: Buffer }

const FORM =
  /^\$(argon2(?:id?|d))(?:\$v=(16|19))?\$((?:[mtp]=\d{1,10},){2}[mtp]=\d{1,10})\$([^$]+)\$([^$]+)$/
/** Of a string without one, which is older than the second. */
const FIRST_VERSION = '16'
/** The most that settings may ask for. An engine that cannot get its memory may end the process. */
const MEMORY_MAX_KIB = 1_048_576
const LANES_MAX = 16
const SALT_MIN_BYTES = 8
/** A shorter one is matched by chance. */
const HASH_MIN_BYTES = 16
const OUR_SALT_BYTES = 16
const OUR_HASH_BYTES = 32

/** @returns undefined where it is none, by its form or by RFC 9106 §3.1 */
export function readArgon2(phc: string): Argon2Hash | undefined {
  const [, variant, version = FIRST_VERSION, list = '', ...encoded] = FORM.exec(phc) ?? []
  // In any order: some write them by their letters.
  const params = Object.fromEntries(list.split(',').map((pair) => pair.split('=', 2)))
  const [memoryKib, passes, parallelism] = [count(params.m), count(params.t), count(params.p)]
  const [salt, hash] = encoded.map(fromBase64)
  if (Number.isNaN(memoryKib + passes + parallelism) || !salt || !hash) return undefined
  if (memoryKib < 8 * parallelism || salt.length < SALT_MIN_BYTES) return undefined
  return {
    variant: variant as Argon2Variant,
    version: Number(version) as 16 | 19,
    memoryKib,
    passes,
    parallelism,
    salt,
    hash,
  }
}

/** As the reference implementation writes it. */
export function formatArgon2(read: Argon2Hash): string {
  const { variant, version, memoryKib, passes, parallelism, salt, hash } = read
  const cost = `m=${memoryKib},t=${passes},p=${parallelism}`
  return `$${variant}$v=${version}$${cost}$${toBase64(salt)}$${toBase64(hash)}`
}

/** @returns a PHC string of Argon2id with a salt of its own */
export async function hashWithArgon2(
  engine: Argon2Engine,
  password: string,
  { memoryKib, passes, parallelism }: Argon2Cost,
): Promise<string> {
  const cost = { memoryKib, passes, parallelism }
  const salt = randomBytes(OUR_SALT_BYTES)
  const input = { ...cost, variant: 'argon2id', version: 19, salt } as const
  const hash = await engine.derive(password, { ...input, sizeBytes: OUR_HASH_BYTES })
  return formatArgon2({ ...input, hash })
}

/** A well-formed hash of no known password: nothing has to be computed to have it. */
export function inventArgon2({ memoryKib, passes, parallelism }: Argon2Cost): string {
  const [salt, hash] = [randomBytes(OUR_SALT_BYTES), randomBytes(OUR_HASH_BYTES)]
  const cost = { memoryKib, passes, parallelism }
  return formatArgon2({ ...cost, variant: 'argon2id', version: 19, salt, hash })
}

/** @returns false as well for a text that is no hash of Argon2, or none that is ever kept */
export async function verifyArgon2(
  engine: Argon2Engine,
  phc: string,
  password: string,
): Promise<boolean> {
  const read = readArgon2(phc)
  if (!read || !isAcceptable(read)) return false
  const { hash, ...input } = read
  return equalsInConstantTime(
    await engine.derive(password, { ...input, sizeBytes: hash.length }),
    hash,
  )
}

function isAcceptable({ memoryKib, parallelism, hash }: Argon2Hash): boolean {
  if (memoryKib > MEMORY_MAX_KIB || parallelism > LANES_MAX) return false
  return hash.length >= HASH_MIN_BYTES
}

/** True where `hashWithArgon2` would make it in the same way. */
export function isMadeWith(phc: string, cost: Argon2Cost): boolean {
  const read = readArgon2(phc)
  return (
    read?.variant === 'argon2id' &&
    read.version === 19 &&
    read.memoryKib === cost.memoryKib &&
    read.passes === cost.passes &&
    read.parallelism === cost.parallelism
  )
}

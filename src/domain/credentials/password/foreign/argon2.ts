import { formatArgon2, readArgon2, verifyArgon2 } from '../argon2/argon2_hash.ts'
import { costly, malformed, ok, type Scheme, sizeFault } from './scheme.ts'

/** Argon2 of any kind with parameters of others: the PHC string, Django's and LDAP's with a prefix. */

const MEMORY_MAX_KIB = 262_144
/** KiB times passes: what a quarter of a gigabyte costs four times over. */
const WORK_MAX = 1_048_576
const LANES_MAX = 16

export const argon2Scheme: Scheme = {
  ids: ['argon2id', 'argon2i', 'argon2d'],
  read(text) {
    const bare = text.replace(/^(?:\{ARGON2(?:ID?|D)?\}|argon2(?=\$))/i, '')
    if (!bare.startsWith('$argon2')) return undefined
    const read = readArgon2(bare)
    if (!read) return malformed
    const { memoryKib, passes, parallelism, salt, hash } = read
    if (memoryKib > MEMORY_MAX_KIB || memoryKib * passes > WORK_MAX) return costly
    if (parallelism > LANES_MAX) return costly
    return sizeFault(salt, hash) ?? ok(formatArgon2(read))
  },
  verify: (stored, password, { argon2 }) => verifyArgon2(argon2, stored, password),
}

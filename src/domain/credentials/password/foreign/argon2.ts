import { verify } from 'argon2'
import { costly, count, fromBase64, malformed, ok, type Scheme, sizeFault } from './scheme.ts'

/** Argon2 of any kind with parameters of others: the PHC string, Django's and LDAP's with a prefix. */

const FORM = /^\$(argon2(?:id?|d))(?:\$v=(\d+))?\$m=(\d+),t=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/
const MEMORY_MAX_KIB = 262_144
/** KiB times passes: what a quarter of a gigabyte costs four times over. */
const WORK_MAX = 1_048_576
const LANES_MAX = 16

export const argon2Scheme: Scheme = {
  ids: ['argon2id', 'argon2i', 'argon2d'],
  read(text) {
    const bare = text.replace(/^(?:\{ARGON2(?:ID?|D)?\}|argon2(?=\$))/i, '')
    if (!bare.startsWith('$argon2')) return undefined
    const [, , version = '16', memory, passes, lanes, salt = '', hash = ''] = FORM.exec(bare) ?? []
    const [m, t, p] = [count(memory), count(passes), count(lanes)]
    const bytes = [fromBase64(salt), fromBase64(hash)] as const
    if (Number.isNaN(m + t + p) || !bytes[0] || !bytes[1]) return malformed
    // RFC 9106 §3.1: at least 8 KiB per lane.
    if (!['16', '19'].includes(version) || m < 8 * p || bytes[0].length < 8) return malformed
    if (m > MEMORY_MAX_KIB || m * t > WORK_MAX || p > LANES_MAX) return costly
    return sizeFault(bytes[0], bytes[1]) ?? ok(bare)
  },
  verify: (stored, password) => verify(stored, password),
}

import { scrypt } from 'node:crypto'
import { equalsInConstantTime } from '../../../../core/secrets.ts'
import { count, fromBase64, fromHex } from '../encoded.ts'
import {
  costly,
  formatPhc,
  malformed,
  ok,
  parsePhc,
  type Reading,
  type Scheme,
  sizeFault,
} from './scheme.ts'

/** scrypt (RFC 7914): PHC strings, which are passlib's, and the forms of Django and Werkzeug. */

const MEMORY_MAX = 128 * 2 ** 20
const LANES_MAX = 16

type Cost = { N: number; r: number; p: number }

export const scryptScheme: Scheme = {
  ids: ['scrypt'],
  read(text) {
    if (text.startsWith('$scrypt$')) return fromPhc(text)
    const django = /^scrypt\$(\d+)\$([^$]+)\$(\d+)\$(\d+)\$([^$]+)$/.exec(text)
    if (django) {
      const [, n, salt, r, p, hash] = django
      return stored(cost(n, r, p), Buffer.from(salt!), fromBase64(hash!))
    }
    const werkzeug = /^scrypt:(\d+):(\d+):(\d+)\$([^$]+)\$([^$]+)$/.exec(text)
    if (!werkzeug) return undefined
    const [, n, r, p, salt, hash] = werkzeug
    return stored(cost(n, r, p), Buffer.from(salt!), fromHex(hash!))
  },
  async verify(text, password) {
    const phc = parsePhc(text)
    if (!phc) return false
    const { ln, r, p } = phc.params
    const cost = { N: 2 ** Number(ln), r: Number(r), p: Number(p) }
    return equalsInConstantTime(await derive(password, phc.salt, cost, phc.hash.length), phc.hash)
  },
}

function cost(N: string | undefined, r: string | undefined, p: string | undefined): Cost {
  return { N: count(N), r: count(r), p: count(p) }
}

function fromPhc(text: string): Reading {
  const phc = parsePhc(text)
  if (!phc) return malformed
  const { ln, r, p } = phc.params
  return stored({ N: 2 ** Math.min(count(ln), 64), r: count(r), p: count(p) }, phc.salt, phc.hash)
}

function stored({ N, r, p }: Cost, salt: Buffer, hash: Buffer | undefined): Reading {
  const ln = Math.log2(N)
  if (!hash || !Number.isInteger(ln) || Number.isNaN(r + p)) return malformed
  if (isCostly({ N, r, p })) return costly
  const params = { ln: String(ln), r: String(r), p: String(p) }
  return sizeFault(salt, hash) ?? ok(formatPhc({ id: 'scrypt', params, salt, hash }))
}

/** Lanes are computed one after the other: together they may cost twice what the largest one does. */
export function isCostly({ N, r, p }: Cost): boolean {
  return 128 * N * r > MEMORY_MAX || 128 * N * r * p > 2 * MEMORY_MAX || p > LANES_MAX
}

/** On a thread of libuv. */
export function derive(
  password: string,
  salt: Buffer,
  { N, r, p }: Cost,
  sizeBytes: number,
): Promise<Buffer> {
  const maxmem = 2 * MEMORY_MAX
  return new Promise((resolve, reject) => {
    scrypt(password, salt, sizeBytes, { N, r, p, maxmem }, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })
}

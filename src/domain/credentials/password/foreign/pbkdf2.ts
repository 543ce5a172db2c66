import { pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
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

/** PBKDF2 (RFC 8018 §5.2) with SHA-1, SHA-256 or SHA-512: PHC strings and what others write. */

const DIGEST_BYTES: Readonly<Record<string, number>> = { sha1: 20, sha256: 32, sha512: 64 }
/** Compressions of one try: about a second of one core. */
const ROUNDS_MAX = 2_000_000

type Form = { pattern: RegExp; salt: (text: string) => Buffer | undefined; hash: typeof fromHex }

const asText = (text: string) => Buffer.from(text)

/** Each pattern finds digest, rounds, salt and hash. */
const FORMS: readonly Form[] = [
  // PHC
  {
    pattern: /^\$pbkdf2-(sha\d+)\$i=(\d+)(?:,l=\d+)?\$([^$]*)\$([^$]+)$/,
    salt: fromBase64,
    hash: fromBase64,
  },
  // passlib, where SHA-1 has no name, and the same in LDAP
  {
    pattern: /^\$pbkdf2-?(sha\d+)?\$(\d+)\$([^$]*)\$([^$]+)$/,
    salt: fromBase64,
    hash: fromBase64,
  },
  {
    pattern: /^\{PBKDF2-?(SHA\d+)?\}(\d+)\$([^$]*)\$([^$]+)$/i,
    salt: fromBase64,
    hash: fromBase64,
  },
  // Django
  { pattern: /^pbkdf2_(sha\d+)\$(\d+)\$([^$]+)\$([^$]+)$/, salt: asText, hash: fromBase64 },
  // Werkzeug
  { pattern: /^pbkdf2:(sha\d+):(\d+)\$([^$]+)\$([^$]+)$/, salt: asText, hash: fromHex },
]

export const pbkdf2Scheme: Scheme = {
  ids: Object.keys(DIGEST_BYTES).map((digest) => `pbkdf2-${digest}`),
  read(text) {
    for (const { pattern, salt, hash } of FORMS) {
      const found = pattern.exec(text)
      if (!found) continue
      const [, digest = 'sha1', rounds] = found
      return stored(digest.toLowerCase(), count(rounds), salt(found[3]!), hash(found[4]!))
    }
    return /^\$?\{?pbkdf2/i.test(text) ? malformed : undefined
  },
  async verify(text, password) {
    const phc = parsePhc(text)
    if (!phc) return false
    const digest = phc.id.replace('pbkdf2-', '')
    const rounds = Number(phc.params['i'])
    return equalsInConstantTime(
      await derive(password, phc.salt, rounds, phc.hash.length, digest),
      phc.hash,
    )
  },
}

const derive = promisify(pbkdf2)

function stored(
  digest: string,
  rounds: number,
  salt: Buffer | undefined,
  hash: Buffer | undefined,
): Reading {
  const digestBytes = DIGEST_BYTES[digest]
  if (!digestBytes || Number.isNaN(rounds) || !salt || !hash) return malformed
  // RFC 8018 §5.2: every block of the length of the digest costs all the rounds.
  if (rounds * Math.ceil(hash.length / digestBytes) > ROUNDS_MAX) return costly
  const params = { i: String(rounds) }
  return sizeFault(salt, hash) ?? ok(formatPhc({ id: `pbkdf2-${digest}`, params, salt, hash }))
}

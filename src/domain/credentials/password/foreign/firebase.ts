import { createCipheriv } from 'node:crypto'
import { equalsInConstantTime } from '../../../../core/secrets.ts'
import { count, fromBase64 } from '../encoded.ts'
import { costly, malformed, ok, parsePhc, type Scheme } from './scheme.ts'
import { derive, isCostly } from './scrypt.ts'

/**
 * Firebase's scrypt: the key derived from the password encrypts the signer key of the project, and
 * the ciphertext is the hash. The export gives the parameters once per project; here each hash
 * carries them: `$firebase-scrypt$ln=14,r=8,sep=Bw,key=…$salt$hash`.
 */

const KEY_BYTES = 32
const DERIVED_BYTES = 64

export const firebaseScheme: Scheme = {
  ids: ['firebase-scrypt'],
  read(text) {
    if (!text.startsWith('$firebase-scrypt$')) return undefined
    const phc = parsePhc(text)
    const key = fromBase64(phc?.params['key'] ?? '')
    const separator = fromBase64(phc?.params['sep'] ?? '')
    const [ln, r] = [count(phc?.params['ln']), count(phc?.params['r'])]
    if (!phc || Number.isNaN(ln + r) || !separator) return malformed
    if (!key || key.length < KEY_BYTES || key.length > 128) return malformed
    if (ln > 32 || isCostly({ N: 2 ** ln, r, p: 1 })) return costly
    // Counter mode: the hash is as long as what it encrypts.
    return phc.hash.length === key.length && phc.salt.length <= 64 ? ok(text) : malformed
  },
  async verify(stored, password) {
    const phc = parsePhc(stored)
    if (!phc) return false
    const { ln, r, sep = '', key = '' } = phc.params
    const salt = Buffer.concat([phc.salt, fromBase64(sep) ?? Buffer.alloc(0)])
    const cost = { N: 2 ** Number(ln), r: Number(r), p: 1 }
    const derived = await derive(password, salt, cost, DERIVED_BYTES)
    const cipher = createCipheriv('aes-256-ctr', derived.subarray(0, KEY_BYTES), Buffer.alloc(16))
    return equalsInConstantTime(cipher.update(fromBase64(key) ?? Buffer.alloc(0)), phc.hash)
  },
}

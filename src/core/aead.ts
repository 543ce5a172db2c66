import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'

/**
 * AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce: `nonce | tag | ciphertext`. What it is
 * used for, and under which key, is the caller's.
 */

const NONCE_BYTES = 12
const TAG_BYTES = 16
/** What is longer than the text that was encrypted. */
export const OVERHEAD_BYTES = NONCE_BYTES + TAG_BYTES

/** @param place is authenticated and not kept: who opens it has to name the same */
export function encrypt(key: KeyObject, plain: string | Uint8Array, place = ''): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(place))
  const body = Buffer.concat([cipher.update(Buffer.from(plain)), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body])
}

/** @throws where the key or the place is another one, a bit was changed, or it is too short to be one */
export function decrypt(key: KeyObject, sealed: Buffer, place = ''): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(Buffer.from(place)).setAuthTag(sealed.subarray(NONCE_BYTES, OVERHEAD_BYTES))
  return Buffer.concat([decipher.update(sealed.subarray(OVERHEAD_BYTES)), decipher.final()])
}

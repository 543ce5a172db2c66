import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { decrypt, encrypt, OVERHEAD_BYTES } from '../../core/aead.ts'
import { DomainError } from '../../core/errors.ts'
import { hmacSha256 } from '../../core/secrets.ts'
import type { NamedKey } from '../config/schema.ts'

/**
 * Encryption at rest and keyed hashes. A sealed value is bound to its place by the additional
 * authenticated data (`table:column:row`), so that whoever can write to the database cannot move one
 * row's secret into another. Key-encryption keys have names: the first seals, all of them open.
 */
export type Keyring = {
  /** AES-256-GCM with a random 96-bit nonce: `0x01 | id length | id | nonce | tag | ciphertext`. */
  seal(plain: string | Uint8Array, place: string): Buffer
  /** @throws DomainError `internal` where the key is gone, the place differs or a bit was changed */
  open(sealed: Uint8Array, place: string): Buffer
  /** HMAC-SHA-256 under the hash key, separated by purpose: how ids and secrets are stored. */
  hash(purpose: string, value: string): Buffer
  /** A 256-bit key derived from the hash key for one purpose (HKDF, RFC 5869). */
  derive(purpose: string): Buffer
  /** The same as an object, which `hmacSha256` and ciphers take. */
  deriveKey(purpose: string): KeyObject
  /** The name of the key that seals now; a value sealed under another one is due for rewrapping. */
  readonly currentKeyId: string
}

const VERSION = 1

export function createKeyring(secrets: {
  encryptionKeys: readonly NamedKey[]
  hashKey: Buffer
}): Keyring {
  const [current] = secrets.encryptionKeys
  if (!current) throw new Error('a keyring needs an encryption key')
  const keys = new Map(secrets.encryptionKeys.map(({ id, key }) => [id, createSecretKey(key)]))
  const hashKey = createSecretKey(secrets.hashKey)
  const derived = new Map<string, KeyObject>()
  const deriveKey = (purpose: string) => {
    const known = derived.get(purpose) ?? keyFor(hashKey, purpose)
    derived.set(purpose, known)
    return known
  }
  return {
    currentKeyId: current.id,
    seal: (plain, place) => seal({ id: current.id, key: keys.get(current.id)! }, plain, place),
    open: (sealed, place) => open(keys, sealed, place),
    hash: (purpose, value) => hmacSha256(hashKey, purpose, value),
    derive: (purpose) => deriveKey(purpose).export(),
    deriveKey,
  }
}

function keyFor(hashKey: KeyObject, purpose: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', hashKey, '', `authcore:${purpose}`, 32)))
}

type SealingKey = { id: string; key: KeyObject }

function seal({ id, key }: SealingKey, plain: string | Uint8Array, place: string): Buffer {
  const head = [Buffer.from([VERSION, id.length]), Buffer.from(id)]
  return Buffer.concat([...head, encrypt(key, plain, place)])
}

function open(keys: ReadonlyMap<string, KeyObject>, sealed: Uint8Array, place: string): Buffer {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
  const idEnd = 2 + (bytes[1] ?? 0)
  const key = keys.get(bytes.toString('latin1', 2, idEnd))
  if (bytes[0] !== VERSION || !key || bytes.length < idEnd + OVERHEAD_BYTES) {
    throw unreadable(place, key ? 'malformed' : 'unknown key-encryption key')
  }
  try {
    return decrypt(key, bytes.subarray(idEnd), place)
  } catch (cause) {
    throw unreadable(place, 'authentication failed', cause)
  }
}

function unreadable(place: string, why: string, cause?: unknown): DomainError {
  return new DomainError('internal', 'A sealed value cannot be read.', {
    hint: 'It was sealed with other keys. Restore AUTHCORE_ENCRYPTION_KEYS, or secrets.json of the data directory.',
    debug: `${place}: ${why}`,
    cause,
  })
}

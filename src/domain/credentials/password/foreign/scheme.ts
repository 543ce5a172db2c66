import type { Argon2Engine } from '../argon2/argon2_engine.ts'
import { fromBase64, toBase64 } from '../encoded.ts'

/** What the schemes share: how a hash is read and kept. */

export type HashRefusal = 'unknown_hash' | 'malformed_hash' | 'costly_hash' | 'weak_hash'
export type Reading = { kind: 'ok'; stored: string } | { kind: 'refused'; reason: HashRefusal }

export type Scheme = {
  /** The first field of what it stores. */
  ids: readonly string[]
  /** Undefined where the text is no form of this scheme. */
  read(text: string): Reading | undefined
  /** @param stored what `read` made */
  verify(stored: string, password: string, engines: Engines): Promise<boolean>
}

/** What a scheme does not compute by itself. */
export type Engines = { argon2: Argon2Engine }

export const malformed = { kind: 'refused', reason: 'malformed_hash' } as const
export const costly = { kind: 'refused', reason: 'costly_hash' } as const
/** So short that other passwords match by chance. */
const weak = { kind: 'refused', reason: 'weak_hash' } as const

export function ok(stored: string): Reading {
  return { kind: 'ok', stored }
}

const HASH_MIN_BYTES = 16
const HASH_MAX_BYTES = 128
const SALT_MAX_BYTES = 128

/** Undefined where salt and hash are of a size that can be meant. */
export function sizeFault(salt: Buffer, hash: Buffer): Reading | undefined {
  if (hash.length < HASH_MIN_BYTES) return weak
  return hash.length > HASH_MAX_BYTES || salt.length > SALT_MAX_BYTES ? malformed : undefined
}

export function idOf(stored: string): string {
  return stored.split('$', 2)[1] ?? ''
}

/** A PHC string without version: `$id$a=1,b=2$salt$hash`. */
export type Phc = { id: string; params: Record<string, string>; salt: Buffer; hash: Buffer }

const PHC = /^\$([a-z0-9-]{1,32})\$((?:[a-z0-9-]+=[A-Za-z0-9+/.-]*,?)*)\$([^$]*)\$([^$]+)$/

export function parsePhc(text: string): Phc | undefined {
  const [, id, list = '', salt = '', hash = ''] = PHC.exec(text) ?? []
  const bytes = [fromBase64(salt), fromBase64(hash)] as const
  if (id === undefined || !bytes[0] || !bytes[1]) return undefined
  const pairs = list.split(',').map((pair) => pair.split('=', 2) as [string, string])
  return { id, params: Object.fromEntries(pairs), salt: bytes[0], hash: bytes[1] }
}

export function formatPhc({ id, params, salt, hash }: Phc): string {
  const list = Object.entries(params).map(([name, value]) => `${name}=${value}`)
  return `$${id}$${list.join(',')}$${toBase64(salt)}$${toBase64(hash)}`
}

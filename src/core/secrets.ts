import { createHmac, hash, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto'

/** A base64url token from the operating system's generator: 32 bytes, 256 bits, unless told otherwise. */
export function randomToken(sizeBytes = 32): string {
  return randomBytes(sizeBytes).toString('base64url')
}

const READABLE = 'abcdefghjkmnpqrstuvwxyz23456789'

/**
 * A secret a person can read from a terminal and type: groups of lower-case letters and digits
 * without look-alikes. Five groups of four carry 99 bits.
 */
export function readableSecret(groups = 5, groupLength = 4): string {
  const limit = 256 - (256 % READABLE.length)
  const letters: string[] = []
  while (letters.length < groups * groupLength) {
    for (const byte of randomBytes(32)) {
      if (byte < limit) letters.push(READABLE[byte % READABLE.length]!)
    }
  }
  return Array.from({ length: groups }, (_, i) =>
    letters.slice(i * groupLength, (i + 1) * groupLength).join(''),
  ).join('-')
}

export function sha256(data: string | Uint8Array): Buffer {
  return hash('sha256', data, 'buffer')
}

/** @param key as an object: Node takes six times as long to make sure that bytes are a key */
export function hmacSha256(key: KeyObject, ...parts: string[]): Buffer {
  const mac = createHmac('sha256', key)
  // Each part carries its length, so that ("ab","c") and ("a","bc") differ.
  for (const part of parts) mac.update(`${Buffer.byteLength(part)}:`).update(part)
  return mac.digest()
}

/** Compares without telling by its duration where two values differ; lengths may differ. */
export function equalsInConstantTime(a: string | Uint8Array, b: string | Uint8Array): boolean {
  const sameForm = a instanceof Uint8Array && b instanceof Uint8Array && a.length === b.length
  return sameForm ? timingSafeEqual(a, b) : timingSafeEqual(sha256(a), sha256(b))
}

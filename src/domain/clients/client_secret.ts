import { crc32 } from 'node:zlib'
import { equalsInConstantTime, randomToken } from '../../core/secrets.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Client, StoredClientSecret } from './client.ts'

/**
 * Secrets of confidential clients. They are generated, 256 bits strong, and stored as a keyed hash.
 * The prefix lets scanners find one that leaked, and the checksum lets them be sure without asking us.
 */

const PREFIX = 'acs_'
const MAX_LENGTH = 512

/** `acs_`, 43 characters of base64url, and 6 more that are the CRC-32 of all before them. */
export function generateClientSecret(): string {
  const body = PREFIX + randomToken()
  return body + checksum(body)
}

/** True for what `generateClientSecret` makes; says nothing about whether it is in use. */
export function isGeneratedClientSecret(text: string): boolean {
  return /^acs_[\w-]{49}$/.test(text) && text.endsWith(checksum(text.slice(0, -6)))
}

function checksum(body: string): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(body))
  return bytes.toString('base64url')
}

export function hashClientSecret(keyring: Keyring, secret: string): Buffer {
  return keyring.hash('client_secret', secret)
}

/** Secrets that have not expired at this time. */
export function liveSecrets(client: Pick<Client, 'secrets'>, now: Date): StoredClientSecret[] {
  return client.secrets.filter(({ expiresAt }) => expiresAt === null || expiresAt > now)
}

/** Takes the same time whichever of the live secrets matches, and where none does. */
export function matchesClientSecret(
  keyring: Keyring,
  client: Pick<Client, 'secrets'>,
  secret: string,
  now: Date,
): boolean {
  if (secret.length > MAX_LENGTH) return false
  const hash = hashClientSecret(keyring, secret)
  let matches = false
  for (const live of liveSecrets(client, now)) {
    matches = equalsInConstantTime(live.hash, hash) || matches
  }
  return matches
}

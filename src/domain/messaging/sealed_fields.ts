import type { Keyring } from '../../platform/keys/keyring.ts'

/** What a message says is sealed in its row: among it are codes and links that let somebody in. */

export function sealFields(
  keyring: Pick<Keyring, 'seal'>,
  messageId: string,
  fields: Record<string, unknown>,
): Buffer {
  return keyring.seal(JSON.stringify(fields), place(messageId))
}

/** @throws DomainError `internal` where it was sealed by keys that are gone, or for another row */
export function openFields(
  keyring: Pick<Keyring, 'open'>,
  messageId: string,
  sealed: Uint8Array,
): Record<string, unknown> {
  return JSON.parse(keyring.open(sealed, place(messageId)).toString('utf8'))
}

function place(messageId: string): string {
  return `message:fields:${messageId}`
}

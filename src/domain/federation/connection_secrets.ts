import { DomainError } from '../../core/errors.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Db } from '../../platform/persistence/db.ts'
import { findSealedSecrets } from './connection_store.ts'
import type { Kinds } from './kinds.ts'

/**
 * Secrets of connections. A file names where they are and never holds them, so that it can lie beside
 * the other files of a deployment; what was found there is sealed in the row of the connection.
 */

export type SecretReference = { env: string } | { file: string }

/** Reads what a reference names; undefined where there is nothing. */
export type ReadReference = (reference: SecretReference) => string | undefined

/**
 * Takes the references out of a file and reads them.
 *
 * @returns the content without them, and what they named
 * @throws DomainError `invalid_input` for a secret that stands in the file, or cannot be read
 */
export async function resolveSecrets(
  kinds: Kinds,
  content: unknown,
  read: ReadReference,
): Promise<{ content: unknown; secrets: Record<string, string> }> {
  const { kind, settings } = (content ?? {}) as { kind?: unknown; settings?: unknown }
  const names = Object.keys((await kinds.get(String(kind))?.())?.secrets ?? {})
  if (typeof settings !== 'object' || settings === null) return { content, secrets: {} }
  const rest: Record<string, unknown> = { ...settings }
  const secrets: Record<string, string> = {}
  for (const name of names) {
    if (rest[name] === undefined) continue
    secrets[name] = resolve(name, rest[name], read)
    delete rest[name]
  }
  return { content: { ...(content as object), settings: rest }, secrets }
}

function resolve(name: string, value: unknown, read: ReadReference): string {
  if (!isReference(value)) {
    throw new DomainError('invalid_input', `settings.${name}: a secret never stands in the file.`, {
      hint: 'Name where it is: { env: NAME } or { file: /path }.',
    })
  }
  const secret = read(value)
  if (secret) return secret
  const where = 'env' in value ? `The variable ${value.env}` : `The file ${value.file}`
  throw new DomainError('invalid_input', `settings.${name}: ${where} is not there, or empty.`)
}

function isReference(value: unknown): value is SecretReference {
  if (typeof value !== 'object' || value === null) return false
  const [[kind, where] = [], ...more] = Object.entries(value)
  return more.length === 0 && (kind === 'env' || kind === 'file') && typeof where === 'string'
}

export function sealSecrets(
  keyring: Pick<Keyring, 'seal'>,
  connectionId: string,
  secrets: Readonly<Record<string, string>>,
): Buffer | undefined {
  if (Object.keys(secrets).length === 0) return undefined
  return keyring.seal(JSON.stringify(secrets), placeOf(connectionId))
}

export async function openSecrets(
  { db, keyring }: { db: Db; keyring: Pick<Keyring, 'open'> },
  connectionId: string,
): Promise<Record<string, string>> {
  const sealed = await findSealedSecrets(db, connectionId)
  return sealed ? JSON.parse(keyring.open(sealed, placeOf(connectionId)).toString('utf8')) : {}
}

function placeOf(connectionId: string): string {
  return `connection:secrets_sealed:${connectionId}`
}

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

/** What a file comes to; `faults` are of its secrets, each naming its place. */
export type Resolved = { content: unknown; secrets: Record<string, string>; faults: string[] }

/**
 * Takes the references out of a file and reads them. A secret that stands in the file, or cannot be
 * read, is a fault, to be told with all others.
 */
export async function resolveSecrets(
  kinds: Kinds,
  content: unknown,
  read: ReadReference,
): Promise<Resolved> {
  const { kind, settings } = (content ?? {}) as { kind?: unknown; settings?: unknown }
  const resolved: Resolved = { content, secrets: {}, faults: [] }
  if (typeof settings !== 'object' || settings === null) return resolved
  const names = Object.keys((await kinds.get(String(kind))?.())?.secrets ?? {})
  const rest: Record<string, unknown> = { ...settings }
  for (const name of names) {
    if (rest[name] === undefined) continue
    const { secret, fault } = resolve(rest[name], read)
    if (secret) resolved.secrets[name] = secret
    else resolved.faults.push(`settings.${name}: ${fault}`)
    delete rest[name]
  }
  return { ...resolved, content: { ...(content as object), settings: rest } }
}

function resolve(value: unknown, read: ReadReference): { secret?: string; fault?: string } {
  if (!isReference(value)) {
    return {
      fault:
        'a secret never stands in the file: name where it is, { env: NAME } or { file: /path }',
    }
  }
  const secret = read(value)
  if (secret) return { secret }
  const where = 'env' in value ? `the variable ${value.env}` : `the file ${value.file}`
  return { fault: `${where} is not there, or empty` }
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

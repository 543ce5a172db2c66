import { join, resolve } from 'node:path'
import { type Clock, systemClock } from '../../core/clock.ts'
import { DomainError } from '../../core/errors.ts'
import { loadConfig } from '../../platform/config/load_config.ts'
import { withSecrets } from '../../platform/config/own_secrets.ts'
import type { ConfigBeforeSecrets } from '../../platform/config/schema.ts'
import { createKeyring, type Keyring } from '../../platform/keys/keyring.ts'
import type { Db } from '../../platform/persistence/db.ts'
import { assertSchemaCurrent, migrateUp } from '../../platform/persistence/migrate.ts'
import { type LazyOutbound, outboundAtFirstUse } from '../outbound.ts'
import { openStorage, type Storage } from '../storage.ts'
import { wantsJson } from './output.ts'

/**
 * The database for as long as one command works. A server that runs on it is not disturbed: what
 * changes reaches it by the change feed. An embedded database is found running, or started and
 * stopped again.
 */
export type Workplace = {
  config: ConfigBeforeSecrets
  db: Db
  clock: Clock
  /** Reads the secrets, and at the very first start makes them: asked for only where needed. */
  keyring(): Keyring
  outbound: LazyOutbound
}

/** Who did it, in the events of what a command changes. */
export const BY = 'cli'

/** The log of a command, whose output is its answer alone. */
export const SILENT = { info: () => {}, warn: () => {} }

/** @param schema `any` for commands that work on the schema itself */
export async function withDatabase<T>(
  work: (place: Workplace) => Promise<T>,
  { schema = 'current' }: { schema?: 'current' | 'any' } = {},
): Promise<T> {
  const config = loadConfig()
  await tellOfNewDatabase(config)
  const storage = await openQuietly(config)
  closeOnSignal(storage)
  const outbound = outboundAtFirstUse(config, SILENT)
  try {
    if (schema === 'current') await settleSchema(storage)
    return await work({
      config,
      db: storage.db,
      clock: systemClock,
      keyring: () => createKeyring(withSecrets(config).security),
      outbound,
    })
  } finally {
    await outbound.close()
    await storage.close()
  }
}

/** Says nothing on its way: stdout is for the answer. */
export async function openQuietly(config: ConfigBeforeSecrets): Promise<Storage> {
  return await openStorage(config, { log: () => {}, applicationName: 'authcore cli' })
}

/** Who stands in another directory than the server would find an empty database, and wonder. */
async function tellOfNewDatabase(config: ConfigBeforeSecrets): Promise<void> {
  const missing = await missingDatabase(config)
  if (missing === undefined || wantsJson()) return
  process.stderr.write(`There is no database in ${missing} yet: a new one is made.\n`)
}

/** Where the embedded database would be made; undefined where there is one, or none is embedded. */
export async function missingDatabase({
  storage,
}: ConfigBeforeSecrets): Promise<string | undefined> {
  if (storage.databaseUrl !== undefined) return undefined
  const { inspect, locateDataDirectory } = await import(
    '../../platform/persistence/postgres_directory.ts'
  )
  const { thisMachine } = await import('../../platform/persistence/postgres_binaries.ts')
  try {
    const wanted = join(resolve(storage.dataDir), 'postgres')
    const { dataDir } = await locateDataDirectory(wanted, thisMachine())
    return (await inspect(dataDir)).kind === 'nothing' ? dataDir : undefined
  } catch {
    // What is wrong with it is told by whoever tries to use it.
    return undefined
  }
}

/** As a server does at its start, so that the first command need not come after it. */
async function settleSchema({ kind, db }: Storage): Promise<void> {
  try {
    await (kind === 'embedded' ? migrateUp(db) : assertSchemaCurrent(db))
  } catch (error) {
    throw unusable(error)
  }
}

/** The first statement is where a database turns out to be the wrong one, or none. */
export function unusable(error: unknown): unknown {
  const reason = reasonOf(error)
  if (reason === undefined) return error
  return new DomainError('unavailable', `The database cannot be used: ${reason}.`, {
    hint: 'Check DATABASE_URL; `authcore doctor` tells more.',
    cause: error,
  })
}

/** Undefined where it is no fault of the connection, or its own words are better. */
function reasonOf(error: unknown): string | undefined {
  if (error instanceof DomainError) {
    if (error.code !== 'unavailable' || error.hint) return undefined
    return wordsOf(error.cause instanceof Error ? error.cause : error)
  }
  const { code, severity } = error as { code?: string; severity?: string }
  if (code === 'ERR_INVALID_URL') return 'DATABASE_URL is not a valid address'
  return severity === undefined ? undefined : wordsOf(error as Error)
}

/** An address that was tried in two ways (IPv6, IPv4) fails with a code and without a word. */
function wordsOf(error: Error): string {
  return error.message || (error as NodeJS.ErrnoException).code || error.name
}

function closeOnSignal(storage: Storage): void {
  for (const [signal, exitCode] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => void storage.close().finally(() => process.exit(exitCode)))
  }
}

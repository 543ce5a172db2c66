import path from 'node:path'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import { loadConfig } from '../../src/platform/config/load_config.ts'
import { withSecrets } from '../../src/platform/config/own_secrets.ts'
import type { Config } from '../../src/platform/config/schema.ts'
import { createKeyring, type Keyring } from '../../src/platform/keys/keyring.ts'
import { type Db, openDb } from '../../src/platform/persistence/db.ts'
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/platform/persistence/embedded_postgres.ts'
import { migrateUp } from '../../src/platform/persistence/migrate.ts'
import { freePort } from '../../test/support/free_port.ts'
import { urlOf } from '../../test/support/postgres.ts'
import {
  plainEnvironment,
  ROOT,
  readyUriOf,
  type ServerProcess,
  startServer,
} from './server_process.ts'

/** What is measured runs on a PostgreSQL of its own, with nothing in it but what is put there first. */

export type Bench = { db: Db; clock: Clock; keyring: Keyring; config: Config }
export type MeasuredServer<T> = { issuer: string; prepared: T; server: ServerProcess }

export async function onPostgres<T>(
  folder: string,
  work: (connection: EmbeddedPostgres['connection']) => Promise<T>,
  settings: Record<string, string> = {},
): Promise<T> {
  const postgres = await startEmbeddedPostgres({
    dataDir: path.join(folder, 'postgres'),
    settings,
    stopAdopted: true,
    log: () => {},
  })
  try {
    return await work(postgres.connection)
  } finally {
    await postgres.stop()
  }
}

/** `node bin/authcore.mjs serve` as in production but for TLS: JSON log, both roles. */
export async function startMeasured<T>(
  folder: string,
  connection: EmbeddedPostgres['connection'],
  { prepare, env: more = {} }: { prepare(bench: Bench): Promise<T>; env?: Record<string, string> },
): Promise<MeasuredServer<T>> {
  const port = await freePort()
  const env = {
    PORT: String(port),
    DATABASE_URL: urlOf(connection),
    AUTHCORE_DATA_DIR: path.join(folder, 'data'),
    AUTHCORE_LOG_PRETTY: 'false',
    ...more,
  }
  const prepared = await inSchema(env, prepare)
  const server = await startServer({
    command: [path.join(ROOT, 'node_modules/node/bin/node'), 'bin/authcore.mjs', 'serve'],
    cwd: ROOT,
    env: { ...plainEnvironment(), ...env },
    readyUri: readyUriOf(port),
    timeoutMs: 60_000,
  })
  return { issuer: `http://localhost:${port}`, prepared, server }
}

async function inSchema<T>(
  env: Record<string, string>,
  prepare: (bench: Bench) => Promise<T>,
): Promise<T> {
  const config = withSecrets(loadConfig(env))
  const connection = { connectionString: config.storage.databaseUrl! }
  const db = openDb({ connection, poolMax: 2, timeoutMs: 30_000 })
  try {
    await migrateUp(db)
    const keyring = createKeyring(config.security)
    return await prepare({ db, clock: systemClock, keyring, config })
  } finally {
    await db.destroy()
  }
}

import { join, resolve } from 'node:path'
import type { ConfigBeforeSecrets } from '../platform/config/schema.ts'
import { type Db, type DbConnection, openDb } from '../platform/persistence/db.ts'

/**
 * The database a process works on: the configured one, or the embedded PostgreSQL that it starts or
 * finds running. The supervisor is loaded only where it is needed.
 */
export type Storage = {
  db: Db
  connection: DbConnection
  kind: 'external' | 'embedded'
  close(): Promise<void>
}

export type StorageOptions = {
  log: (message: string, fields?: Record<string, unknown>) => void
  /** The server stops a database that a crash left running; a command leaves it as it found it. */
  stopAdopted?: boolean
  applicationName?: string
  /** An embedded database that runs already, and that whoever started it looks after. */
  database?: DbConnection | undefined
}

export async function openStorage(
  config: ConfigBeforeSecrets,
  { log, stopAdopted = false, applicationName = 'authcore', database }: StorageOptions,
): Promise<Storage> {
  const { databaseUrl, dataDir, databasePoolMax: poolMax, databaseTimeoutS } = config.storage
  const open = (connection: DbConnection) =>
    openDb({ connection, poolMax, timeoutMs: databaseTimeoutS * 1000, applicationName })
  if (databaseUrl !== undefined || database) {
    const connection = database ?? { connectionString: databaseUrl! }
    const db = open(connection)
    return { db, connection, kind: 'external', close: () => db.destroy() }
  }
  const { startEmbeddedPostgres } = await import('../platform/persistence/embedded_postgres.ts')
  const postgres = await startEmbeddedPostgres({
    dataDir: join(resolve(dataDir), 'postgres'),
    stopAdopted,
    log,
  })
  // A private socket speaks no TLS, whatever PGSSLMODE in the environment asks for.
  const connection = { ...postgres.connection, ssl: false as const }
  const db = open(connection)
  return {
    db,
    connection,
    kind: 'embedded',
    async close() {
      await db.destroy()
      await postgres.stop()
    },
  }
}

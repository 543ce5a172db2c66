import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { ExponentialBackoff, handleWhen, retry } from 'cockatiel'
import knex, { type Knex } from 'knex'
import { DomainError } from '../../core/errors.ts'
import { type Db, query } from './db.ts'

/**
 * Brings the schema to where this program needs it. Each migration is one transaction; a session
 * advisory lock lets of several nodes starting at once one work and the others wait. A schema that
 * is newer than the program is refused: rolling back is a decision, not an accident.
 */

const MIGRATIONS_DIR = fileURLToPath(new URL('../../../migrations/', import.meta.url))
const TABLE = 'schema_migration'
/** Any number, as long as nothing else of ours locks it. */
const LOCK = 7_215_004
/**
 * Who waits for a table makes everyone wait who comes after. A request that comes after and holds
 * another table of the same migration is ended by PostgreSQL as a deadlock within a second
 * (`deadlock_timeout`); so it is the migration that gives in, long before, with all that it holds.
 */
const TABLE_LOCK_TIMEOUT_MS = 200
/** lock_not_available, deadlock_detected: it was rolled back, and may go through the next time. */
const IN_THE_WAY = new Set(['55P03', '40P01'])
/** Together a minute and a half of patience with a table that is never free. */
const untilOutOfTheWay = retry(
  handleWhen((error) => IN_THE_WAY.has((error as { code?: string }).code ?? '')),
  { maxAttempts: 100, backoff: new ExponentialBackoff({ initialDelay: 50, maxDelay: 1_000 }) },
)

export type MigrationStatus = {
  applied: string[]
  pending: string[]
  /** Applied by a newer program and unknown to this one. */
  unknown: string[]
}

type Migration = { up(knex: Knex): Promise<void>; down(knex: Knex): Promise<void> }

const source: Knex.MigrationSource<string> = {
  getMigrations: async () =>
    (await readdir(MIGRATIONS_DIR)).filter((name) => /^\d{14}_\w+\.ts$/.test(name)).sort(),
  getMigrationName: (name) => name.replace(/\.ts$/, ''),
  getMigration: async (name) =>
    (await import(pathToFileURL(join(MIGRATIONS_DIR, name)).href)) as Migration,
}

const options = { migrationSource: source, tableName: TABLE, disableMigrationsListValidation: true }

/** Which migrations are applied, pending or unknown. Costs one statement and one directory listing. */
export async function migrationStatus(db: Db): Promise<MigrationStatus> {
  const known = (await source.getMigrations([])).map((name) => source.getMigrationName(name))
  const [table] = await query<{ exists: boolean }>(
    db,
    `SELECT to_regclass('${TABLE}') IS NOT NULL AS exists`,
  )
  const applied = table?.exists
    ? (await query<{ name: string }>(db, `SELECT name FROM ${TABLE} ORDER BY id`)).map(
        (r) => r.name,
      )
    : []
  return {
    applied: applied.filter((name) => known.includes(name)),
    pending: known.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !known.includes(name)),
  }
}

/**
 * Applies what is pending and returns the names applied by this call.
 *
 * @throws DomainError `unsupported` where the schema is newer than this program
 */
export async function migrateUp(db: Db): Promise<string[]> {
  const before = await migrationStatus(db)
  refuseNewerSchema(before)
  if (before.pending.length === 0) return []
  return await underLock(db, async (migrator) => {
    // Whoever held the lock before us may have been newer.
    refuseNewerSchema(await migrationStatus(migrator))
    const applied: string[] = []
    for (;;) {
      // `latest` would put all of them into one transaction.
      const names = await oneStep(migrator, 'up')
      if (names.length === 0) return applied
      applied.push(...names.map((name) => source.getMigrationName(name)))
    }
  })
}

/** Takes back the newest migration and returns its name, or undefined where there is none. */
export async function migrateDown(db: Db): Promise<string | undefined> {
  return await underLock(db, async (migrator) => {
    refuseNewerSchema(await migrationStatus(migrator))
    const names = await oneStep(migrator, 'down')
    return names[0] === undefined ? undefined : source.getMigrationName(names[0])
  })
}

async function oneStep(migrator: Db, direction: 'up' | 'down'): Promise<string[]> {
  const [, names] = await untilOutOfTheWay.execute(
    () => migrator.migrate[direction](options) as Promise<[number, string[]]>,
  )
  return names
}

/**
 * @throws DomainError `unsupported` where the schema is newer than this program, `unavailable` where
 *   migrations are still pending
 */
export async function assertSchemaCurrent(db: Db): Promise<void> {
  const status = await migrationStatus(db)
  refuseNewerSchema(status)
  if (status.pending.length > 0) {
    throw new DomainError('unavailable', 'The database schema is older than this program.', {
      hint: `Run \`authcore migrate up\` (${status.pending.length} pending).`,
    })
  }
}

function refuseNewerSchema({ unknown }: MigrationStatus): void {
  if (unknown.length > 0) {
    throw new DomainError('unsupported', 'The database schema is newer than this program.', {
      hint: `It has ${unknown.join(', ')}, which this program does not know. Start the newer version, or restore a backup made before it.`,
    })
  }
}

async function underLock<T>(db: Db, work: (migrator: Db) => Promise<T>): Promise<T> {
  const migrator = openMigrator(db)
  try {
    return await withLock(migrator, work)
  } finally {
    await migrator.destroy() // and the lock with its session
  }
}

async function withLock<T>(migrator: Db, work: (migrator: Db) => Promise<T>): Promise<T> {
  // A session lock needs one connection for its whole life; it is taken out of the pool.
  const connection = await migrator.client.acquireConnection()
  try {
    await connection.query('SET lock_timeout = 0')
    await connection.query(`SELECT pg_advisory_lock(${LOCK})`)
    // A process killed in the middle leaves knex's own lock row behind; ours went with its session.
    await migrator.migrate.forceFreeMigrationsLock(options)
    return await work(migrator)
  } finally {
    await migrator.client.releaseConnection(connection)
  }
}

/** Connections of its own, for statements that may take longer than those of a request. */
function openMigrator(db: Db): Db {
  return knex({
    ...db.client.config,
    connection: { ...db.client.config.connection, application_name: 'authcore migrate' },
    pool: {
      min: 0,
      max: 2,
      afterCreate(connection: { query(text: string, done: unknown): void }, done: unknown) {
        const text = `SET statement_timeout = 0; SET lock_timeout = ${TABLE_LOCK_TIMEOUT_MS}`
        connection.query(text, done)
      },
    },
  })
}

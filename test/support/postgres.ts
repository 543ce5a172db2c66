import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { openDb } from '../../src/platform/persistence/db.ts'
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/platform/persistence/embedded_postgres.ts'
import { migrateUp } from '../../src/platform/persistence/migrate.ts'

/**
 * A fresh, migrated database for whoever asks: copied from a template, which is migrated once per
 * state of migrations/. `npm test` starts one server for the whole run and tells the test processes.
 * A lone `npx mocha` starts one under the temporary folder and leaves it running for the next time;
 * it is ended with
 *
 *     kill -INT "$(head -1 /tmp/authcore-test-pg-$(id -u)/postgres/postmaster.pid)"
 */

export type Connection = { host: string; port: number; user: string; database: string }

export type TestDatabase = {
  /** For DATABASE_URL: the unix socket's folder stands in the place of the host. */
  url: string
  connection: Connection
  /** Ends whoever is still connected. Without it the database goes with the run. */
  drop(): Promise<void>
}

/** @param options `migrated: false` for a database without any table */
export async function testDatabase({ migrated = true } = {}): Promise<TestDatabase> {
  const server = await serverConnection()
  const database = `test_${Date.now()}_${randomBytes(4).toString('hex')}`
  const template = migrated ? await migratedTemplate(server) : 'template0'
  await asAdmin(server, (admin) => admin.query(`CREATE DATABASE ${database} TEMPLATE ${template}`))
  const connection = { ...server, database }
  return {
    connection,
    url: urlOf(connection),
    drop: () => drop(server, database),
  }
}

/** A process that vacuums it is nobody's to end; it is done in a moment. */
async function drop(server: Connection, database: string, tries = 50): Promise<void> {
  try {
    await asAdmin(server, (admin) => admin.query(`DROP DATABASE ${database} WITH (FORCE)`))
  } catch (error) {
    if ((error as { code?: string }).code !== '42501' || tries === 0) throw error
    await sleep(100)
    await drop(server, database, tries - 1)
  }
}

export function urlOf({ host, port, user, database }: Connection): string {
  return `postgres://${user}@${encodeURIComponent(host)}:${port}/${database}`
}

/** The server of the run, or a lone process's own. */
let known: Promise<Connection> | undefined

function serverConnection(): Promise<Connection> {
  const given = process.env['AUTHCORE_TEST_PG']
  known ??= given ? Promise.resolve(JSON.parse(given) as Connection) : startLasting()
  return known
}

async function startLasting(): Promise<Connection> {
  const folder = path.join(tmpdir(), `authcore-test-pg-${process.getuid?.() ?? 0}`)
  const { connection } = await startServer(path.join(folder, 'postgres'))
  await asAdmin(connection, dropForgotten)
  return connection
}

/** @param dataDir absolute */
export function startServer(dataDir: string): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({
    dataDir,
    // A commit need not reach the disk: these databases are thrown away. Tests of durability start
    // servers of their own.
    settings: { max_connections: '300', synchronous_commit: 'off' },
    stopAdopted: true,
    log: () => {},
  })
}

/** Databases of test processes that were killed an hour ago or earlier. */
async function dropForgotten(admin: pg.Client): Promise<void> {
  const { rows } = await admin.query<{ datname: string }>(
    `SELECT datname FROM pg_database WHERE datname ~ '^test_\\d+_'`,
  )
  for (const { datname } of rows) {
    if (Number(datname.split('_')[1]) > Date.now() - 3_600_000) continue
    await admin.query(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`)
  }
}

const MIGRATIONS = fileURLToPath(new URL('../../migrations/', import.meta.url))
/** Any number, as long as nothing else locks it in the server's main database. */
const LOCK = 4_251_993
let ready: Promise<string> | undefined

function migratedTemplate(server: Connection): Promise<string> {
  ready ??= makeTemplate(server, `template_${migrationsHash()}`)
  return ready
}

function makeTemplate(server: Connection, name: string): Promise<string> {
  return asAdmin(server, async (admin) => {
    await admin.query('SELECT pg_advisory_lock($1)', [LOCK]) // released with the connection
    const { rowCount } = await admin.query('SELECT FROM pg_database WHERE datname = $1', [name])
    if (rowCount !== 0) return name
    // Under another name until it is complete, so that a half-migrated one is never copied.
    const draft = `${name}_draft`
    await admin.query(`DROP DATABASE IF EXISTS ${draft} WITH (FORCE)`)
    await admin.query(`CREATE DATABASE ${draft}`)
    await migrate({ ...server, database: draft })
    await admin.query(`ALTER DATABASE ${draft} RENAME TO ${name}`)
    return name
  })
}

async function migrate(connection: Connection): Promise<void> {
  const db = openDb({ connection, poolMax: 2, timeoutMs: 30_000 })
  try {
    await migrateUp(db)
  } finally {
    await db.destroy()
  }
}

function migrationsHash(): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(MIGRATIONS).sort()) {
    hash.update(name).update(readFileSync(path.join(MIGRATIONS, name)))
  }
  return hash.digest('hex').slice(0, 16)
}

async function asAdmin<T>(
  connection: Connection,
  work: (admin: pg.Client) => Promise<T>,
): Promise<T> {
  const admin = new pg.Client(connection)
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.end()
  }
}

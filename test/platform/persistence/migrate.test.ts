import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import pg from 'pg'
import { DomainError } from '../../../src/core/errors.ts'
import { type Db, openDb, query } from '../../../src/platform/persistence/db.ts'
import {
  assertSchemaCurrent,
  migrateDown,
  migrateUp,
  migrationStatus,
} from '../../../src/platform/persistence/migrate.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

const ALL = readdirSync(fileURLToPath(new URL('../../../migrations/', import.meta.url)))
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replace(/\.ts$/, ''))
  .sort()

const NEWER = '99990101000000_from_the_future'

describe('migrations', function () {
  this.timeout(60_000)
  let database: TestDatabase
  let db: Db

  beforeEach(async () => {
    database = await testDatabase({ migrated: false })
    db = openDb({ connection: database.connection, poolMax: 3, timeoutMs: 5_000 })
  })

  afterEach(async () => {
    await db.destroy()
    await database.drop()
  })

  /** Everything of ours: tables, views, sequences, indexes, functions and types, by schema. */
  async function objects(): Promise<string[]> {
    const rows = await query<{ name: string }>(
      db,
      `SELECT n.nspname || '.' || o.name AS name
         FROM (SELECT relnamespace AS namespace, relname AS name FROM pg_class
               UNION SELECT pronamespace, proname FROM pg_proc
               UNION SELECT typnamespace, typname FROM pg_type) o
         JOIN pg_namespace n ON n.oid = o.namespace
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
          AND o.name !~ '^_?schema_migration'
        ORDER BY 1`,
    )
    return rows.map(({ name }) => name)
  }

  async function markNewer(): Promise<void> {
    await query(
      db,
      'INSERT INTO schema_migration (name, batch, migration_time) VALUES ($1, 1, now())',
      [NEWER],
    )
  }

  async function withClient(work: (client: pg.Client) => Promise<void>): Promise<void> {
    const client = new pg.Client(database.connection)
    await client.connect()
    try {
      await work(client)
    } finally {
      await client.end()
    }
  }

  it('go up, down to nothing and up again', async () => {
    expect(await migrateUp(db)).to.deep.equal(ALL)
    const first = await objects()
    expect(first).to.include('public.account')
    expect(first).to.include('job_queue.job')

    const taken: (string | undefined)[] = []
    for (let name = await migrateDown(db); name; name = await migrateDown(db)) taken.push(name)
    expect(taken).to.deep.equal([...ALL].reverse())
    expect(await objects()).to.deep.equal([])
    expect(await migrateDown(db)).to.equal(undefined)

    expect(await migrateUp(db)).to.deep.equal(ALL)
    expect(await objects()).to.deep.equal(first)
  })

  it('have nothing to do a second time', async () => {
    await migrateUp(db)
    expect(await migrateUp(db)).to.deep.equal([])
    expect(await migrationStatus(db)).to.deep.equal({ applied: ALL, pending: [], unknown: [] })
    await assertSchemaCurrent(db)
  })

  it('are done by one of several who start at once', async () => {
    const pools = Array.from({ length: 4 }, () =>
      openDb({ connection: database.connection, poolMax: 2, timeoutMs: 5_000 }),
    )
    const done = await Promise.all([...pools, db, db].map(migrateUp))
    expect(done.flat()).to.deep.equal(ALL)
    expect(done.filter((names) => names.length > 0)).to.have.length(1)
    await Promise.all(pools.map((pool) => pool.destroy()))
  })

  it('are missed by a program that wants to serve', async () => {
    const error = await domainError(assertSchemaCurrent(db))
    expect(error.code).to.equal('unavailable')
    expect(error.hint).to.include('authcore migrate up').and.include(String(ALL.length))
  })

  it('of a newer program are refused by all that depends on the schema', async () => {
    await migrateUp(db)
    await migrateDown(db)
    await markNewer()
    expect((await migrationStatus(db)).unknown).to.deep.equal([NEWER])
    for (const dependent of [migrateUp, migrateDown, assertSchemaCurrent]) {
      const error = await domainError(dependent(db))
      expect(error.code).to.equal('unsupported')
      expect(error.hint).to.include(NEWER)
    }
    expect((await migrationStatus(db)).pending).to.deep.equal([ALL.at(-1)])
  })

  it('of a newer program are noticed after the wait for it, too', async () => {
    await migrateUp(db)
    await migrateDown(db)
    await withClient(async (client) => {
      await client.query('SELECT pg_advisory_lock(7215004)')
      const waiting = rejection(migrateUp(db))
      while (!(await someoneWaits())) await sleep(20)
      await markNewer()
      await client.query('SELECT pg_advisory_unlock(7215004)')
      expect(await waiting).to.have.property('code', 'unsupported')
    })
  })

  it('are not held up by the lock row of a process that was killed', async () => {
    await migrateUp(db)
    await migrateDown(db)
    await query(db, 'UPDATE schema_migration_lock SET is_locked = 1')
    expect(await migrateUp(db)).to.deep.equal([ALL.at(-1)])
  })

  it('are finished by the next process where one was killed in the middle', async () => {
    const program = `
      const { openDb } = await import('./src/platform/persistence/db.ts')
      const { migrateUp } = await import('./src/platform/persistence/migrate.ts')
      const connection = JSON.parse(process.argv[1])
      await migrateUp(openDb({ connection, poolMax: 2, timeoutMs: 30_000 }))`
    // The last table is in the way of nobody but the migration that makes it.
    await withClient(async (client) => {
      await client.query('BEGIN')
      await client.query('CREATE TABLE rate_limit (key text)')
      const child = spawn(
        process.execPath,
        ['--input-type=module', '-e', program, JSON.stringify(database.connection)],
        { cwd: fileURLToPath(new URL('../../../', import.meta.url)), stdio: 'inherit' },
      )
      while (!(await someoneWaits())) await sleep(20)
      child.kill('SIGKILL')
      await once(child, 'exit')
      await client.query('ROLLBACK')
    })
    await migrateUp(db)
    await assertSchemaCurrent(db)
    expect(await objects()).to.include('public.rate_limit')
  })

  it('stay applied up to the one that fails', async () => {
    await query(db, 'CREATE TABLE account (in_the_way boolean)')
    expect(await rejection(migrateUp(db))).to.be.instanceOf(Error)
    const failed = ALL.findIndex((name) => name.endsWith('_create_account'))
    expect((await migrationStatus(db)).applied).to.deep.equal(ALL.slice(0, failed))
    await query(db, 'DROP TABLE account')
    expect(await migrateUp(db)).to.deep.equal(ALL.slice(failed))
  })

  it('may take longer than a request', async () => {
    await migrateUp(db)
    while ((await migrateDown(db)) !== ALL[1]);
    const hasty = openDb({ connection: database.connection, poolMax: 2, timeoutMs: 500 })
    await withClient(async (client) => {
      await client.query('BEGIN')
      await client.query('CREATE TABLE signing_key (kid text)')
      const [migrated] = await Promise.all([
        migrateUp(hasty),
        sleep(1_200).then(() => client.query('ROLLBACK')),
      ])
      expect(migrated).to.deep.equal(ALL.slice(1))
    })
    await hasty.destroy()
  })

  it('end no request as a deadlock: they give in, and try again', async () => {
    await migrateUp(db)
    await migrateDown(db)
    await withClient(async (client) => {
      await client.query('BEGIN')
      // A migration comes to this table last, holding all that it changed.
      await client.query('LOCK TABLE schema_migration IN SHARE MODE')
      const migrated = migrateUp(db)
      while (!(await someoneWaits())) await sleep(5)
      for (const name of await tables()) {
        await client.query(`LOCK TABLE ${name} IN ROW EXCLUSIVE MODE`)
      }
      await client.query('COMMIT')
      expect(await migrated).to.deep.equal([ALL.at(-1)])
    })
  })

  async function tables(): Promise<string[]> {
    const text = `SELECT oid::regclass::text AS name FROM pg_class
      WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace`
    return (await query<{ name: string }>(db, text)).map(({ name }) => name)
  }

  async function someoneWaits(): Promise<boolean> {
    const rows = await query<{ waits: boolean }>(
      db,
      `SELECT EXISTS (SELECT 1 FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock') AS waits`,
    )
    return rows[0]!.waits
  }
})

async function rejection(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => expect.fail('it was expected to fail'),
    (error: unknown) => error,
  )
}

async function domainError(work: Promise<unknown>): Promise<DomainError> {
  const error = await rejection(work)
  expect(error).to.be.instanceOf(DomainError)
  return error as DomainError
}

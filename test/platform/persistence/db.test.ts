import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { DomainError } from '../../../src/core/errors.ts'
import {
  type Db,
  inTransaction,
  observeStatements,
  openDb,
  query,
  queryOne,
  type Transaction,
} from '../../../src/platform/persistence/db.ts'
import { uniqueViolation } from '../../../src/platform/persistence/sql_errors.ts'
import { freePort } from '../../support/free_port.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'

describe('persistence/db', () => {
  let database: TestDatabase
  let db: Db

  before(async () => {
    database = await testDatabase({ migrated: false })
    db = openDb({ connection: database.connection, poolMax: 2, timeoutMs: 500 })
    await query(db, 'CREATE TABLE thing (name text CONSTRAINT thing_name UNIQUE)')
  })

  afterEach(() => query(db, 'DELETE FROM thing'))

  after(async () => {
    await db.destroy()
    await database.drop()
  })

  const insert = (on: Db, name: string) =>
    query(on, 'INSERT INTO thing (name) VALUES ($1) RETURNING name', [name])
  const names = async () =>
    (await query<{ name: string }>(db, 'SELECT name FROM thing ORDER BY name')).map((r) => r.name)

  it('returns the rows of a statement, and one or none of them', async () => {
    expect(await insert(db, 'a')).to.deep.equal([{ name: 'a' }])
    const find = 'SELECT name FROM thing WHERE name = $1'
    expect(await queryOne(db, find, ['a'])).to.deep.equal({ name: 'a' })
    expect(await queryOne(db, find, ['b'])).to.equal(undefined)
  })

  it('tells who listens what every statement took, and whether it failed', async () => {
    const heard: { text: string; failed: boolean }[] = []
    const stop = observeStatements(({ text, failed, durationMs }) => {
      expect(durationMs).to.be.at.least(0)
      heard.push({ text, failed })
    })
    await query(db, 'SELECT 1')
    await rejection(query(db, 'SELECT 1/0'))
    stop()
    await query(db, 'SELECT 2')
    expect(heard).to.deep.equal([
      { text: 'SELECT 1', failed: false },
      { text: 'SELECT 1/0', failed: true },
    ])
  })

  it('says conflict where something exists already, and which constraint said so', async () => {
    await insert(db, 'a')
    const error = await domainError(insert(db, 'a'))
    expect(error.code).to.equal('conflict')
    expect(error.message).not.to.include('thing')
    expect(uniqueViolation(error)).to.equal('thing_name')
    expect((await domainError(inTransaction(db, (tx) => insert(tx, 'a')))).code).to.equal(
      'conflict',
    )
  })

  it('says unavailable where a statement takes too long, and goes on', async () => {
    const error = await domainError(query(db, 'SELECT pg_sleep(5)'))
    expect(error.code).to.equal('unavailable')
    expect(error.retryAfterS).to.equal(2)
    expect(await insert(db, 'a')).to.have.length(1)
  })

  it('says unavailable where a lock is not had within the time that the role has for it', async () => {
    await query(db, 'CREATE TABLE wanted (id int)')
    await inTransaction(db, async (holder) => {
      await query(holder, 'LOCK TABLE wanted')
      const hasty = async (tx: Transaction) => {
        await query(tx, 'SET LOCAL lock_timeout = 20')
        await query(tx, 'SELECT * FROM wanted')
      }
      expect((await domainError(inTransaction(db, hasty))).code).to.equal('unavailable')
    })
  })

  it('says unavailable where every connection is taken for too long', async () => {
    const small = openDb({ connection: database.connection, poolMax: 1, timeoutMs: 300 })
    const held = await small.transaction()
    const late = [query(small, 'SELECT 1'), inTransaction(small, (tx) => query(tx, 'SELECT 1'))]
    const errors = await Promise.all(late.map(domainError))
    expect(errors.map(({ code }) => code)).to.deep.equal(['unavailable', 'unavailable'])
    await held.rollback()
    expect(await query(small, 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }])
    await small.destroy()
  })

  it('says unavailable where nobody answers', async () => {
    const connection = { ...database.connection, host: '127.0.0.1', port: await freePort() }
    const nowhere = openDb({ connection, poolMax: 1, timeoutMs: 500 })
    expect((await domainError(query(nowhere, 'SELECT 1'))).code).to.equal('unavailable')
    await nowhere.destroy()
  })

  it('says unavailable where somebody takes the call and says nothing', async () => {
    const port = await freePort()
    const silent = createServer((socket) => socket.unref())
      .unref()
      .listen(port, '127.0.0.1')
    await once(silent, 'listening')
    const connection = { ...database.connection, host: '127.0.0.1', port }
    const nowhere = openDb({ connection, poolMax: 1, timeoutMs: 300 })
    const asked = [0, 100, 200].map(async (laterMs) => {
      await sleep(laterMs)
      return (await domainError(query(nowhere, 'SELECT 1'))).code
    })
    expect(await Promise.all(asked)).to.deep.equal(Array(3).fill('unavailable'))
    await nowhere.destroy()
    silent.close()
  })

  it('says unavailable where a server falls silent, and asks it on another connection', async () => {
    const small = openDb({ connection: database.connection, poolMax: 1, timeoutMs: 300 })
    const { pid } = (await queryOne<{ pid: number }>(small, 'SELECT pg_backend_pid() AS pid'))!
    process.kill(pid, 'SIGSTOP')
    try {
      const begun = domainError(inTransaction(small, (tx) => query(tx, 'SELECT 1')))
      expect((await begun).code).to.equal('unavailable')
      expect(await query(small, 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }])
    } finally {
      process.kill(pid, 'SIGCONT')
    }
    await small.destroy()
  })

  it('leaves a connection alone that is silent because nobody asks', async () => {
    const small = openDb({ connection: database.connection, poolMax: 1, timeoutMs: 50 })
    const pidOf = async (on: Db) =>
      (await queryOne<{ pid: number }>(on, 'SELECT pg_backend_pid() AS pid'))!.pid
    const pid = await pidOf(small)
    await inTransaction(small, async (tx) => {
      await sleep(1_300)
      expect(await pidOf(tx)).to.equal(pid)
    })
    expect(await pidOf(small)).to.equal(pid)
    await small.destroy()
  })

  it('says unavailable where a connection is lost, and opens another', async () => {
    const small = openDb({ connection: database.connection, poolMax: 1, timeoutMs: 2_000 })
    const { pid } = (await queryOne<{ pid: number }>(small, 'SELECT pg_backend_pid() AS pid'))!
    const waiting = domainError(query(small, 'SELECT pg_sleep(1)'))
    await sleep(100)
    await query(db, 'SELECT pg_terminate_backend($1)', [pid])
    expect((await waiting).code).to.equal('unavailable')
    expect(await query(small, 'SELECT 1 AS one')).to.deep.equal([{ one: 1 }])
    await small.destroy()
  })

  it('notices that idle connections were cut while nobody looked', async () => {
    const other = openDb({ connection: database.connection, poolMax: 2, timeoutMs: 500 })
    await Promise.all([query(other, 'SELECT pg_sleep(0.05)'), query(other, 'SELECT 1')])
    await query(
      db,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND backend_type = 'client backend'`,
    )
    await sleep(100)
    for (let i = 0; i < 3; i++) await query(other, 'SELECT 1')
    await other.destroy()
  })

  it('leaves other failures as they are', async () => {
    expect(await rejection(query(db, 'SELECT 1/0'))).not.to.be.instanceOf(DomainError)
  })

  describe('a transaction', () => {
    it('is kept when its work resolves and taken back when it throws', async () => {
      await inTransaction(db, (tx) => insert(tx, 'kept'))
      const failure = new Error('no')
      const failing = inTransaction(db, async (tx) => {
        await insert(tx, 'lost')
        throw failure
      })
      expect(await rejection(failing)).to.equal(failure)
      expect(await names()).to.deep.equal(['kept'])
    })

    it('takes back inside another only what is its own', async () => {
      await inTransaction(db, async (outer) => {
        await insert(outer, 'outer')
        await rejection(
          inTransaction(outer, async (inner) => {
            await insert(inner, 'inner')
            throw new Error('no')
          }),
        )
      })
      expect(await names()).to.deep.equal(['outer'])
    })

    it('that has ended runs nothing more, least of all outside of itself', async () => {
      let ended: Transaction | undefined
      await inTransaction(db, async (tx) => {
        ended = tx
      })
      expect(await rejection(insert(ended!, 'late'))).to.be.instanceOf(Error)
      await rejection(
        inTransaction(db, async (tx) => {
          ended = tx
          throw new Error('no')
        }),
      )
      expect(await rejection(insert(ended!, 'later'))).to.be.instanceOf(Error)
      expect(await names()).to.deep.equal([])
    })
  })
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

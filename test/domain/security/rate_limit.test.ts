import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { createRateLimits, listLockedPasswords } from '../../../src/domain/security/rate_limit.ts'
import { deleteExpiredRateLimits } from '../../../src/domain/security/rate_limit_store.ts'
import { type Db, openDb, query } from '../../../src/platform/persistence/db.ts'
import { available, startRedis } from '../../support/redis.ts'
import { requires } from '../../support/skip.ts'
import {
  allowedAtOnce,
  keyring,
  type LimitsDatabase,
  openLimitsDatabase,
} from './limits_database.ts'

const silent = { warn() {}, info() {} }

describe('domain/security/rate_limit', () => {
  let limits: LimitsDatabase
  let db: Db
  const limited: string[] = []

  before(async function () {
    this.timeout(60_000)
    limits = await openLimitsDatabase()
    db = limits.db
  })

  after(() => limits.stop())

  const create = (redis?: Redis) =>
    createRateLimits({
      db,
      redis,
      keyring,
      log: silent,
      onLimited: (limit) => limited.push(limit),
    })

  it('counts wrong guesses at one account before they are judged', async () => {
    const rateLimits = create()
    const guess = () => rateLimits.consume('sign_in_account_untrusted', 'account-1')
    expect(await allowedAtOnce(200, guess)).to.equal(10)
  })

  it('knows which passwords no unknown browser can try any more', async () => {
    const rateLimits = create()
    const limit = 'sign_in_account_untrusted'
    const [tried, locked] = ['account-tried', 'account-locked']
    const lockedOf = async () => [
      ...(await listLockedPasswords({ db, keyring }, [tried, locked, 'account-new'])),
    ]
    await allowedAtOnce(11, () => rateLimits.consume(limit, tried))
    expect(await lockedOf(), 'waiting').to.deep.equal([])
    await allowedAtOnce(10, () => rateLimits.consume(limit, locked))
    // As after ninety more, each of which has waited for its turn.
    const row = (counter: string) =>
      `authcore:limit:${limit}:${counter}:${keyring.hash(`rate_limit:${limit}`, locked).toString('base64url')}`
    const level = 'UPDATE rate_limit SET points = 91 WHERE key = $1 RETURNING key'
    expect(await query(db, level, [row('level')])).to.have.length(1)
    await query(db, 'DELETE FROM rate_limit WHERE key = $1', [row('gate')])
    expect(await create().consume(limit, locked)).to.include({ exhausted: true })
    expect(await lockedOf()).to.deep.equal([locked])
    await rateLimits.reset(limit, locked)
    expect(await lockedOf()).to.deep.equal([])
  })

  it('leaves the budget of a trusted browser alone', async () => {
    const rateLimits = create()
    await allowedAtOnce(50, () => rateLimits.consume('sign_in_account_untrusted', 'account-2'))
    const verdict = await rateLimits.consume('sign_in_account_trusted', 'account-2')
    expect(verdict).to.include({ allowed: true })
  })

  it('tells of every refusal by the name of the limit', async () => {
    const rateLimits = create()
    limited.length = 0
    await allowedAtOnce(12, () => rateLimits.consume('user_code_session', 'session-1'))
    expect(limited).to.deep.equal(['user_code_session', 'user_code_session'])
  })

  it('takes several limits together or none of them', async () => {
    const rateLimits = create()
    const attempts = [
      { limit: 'user_code_ip', key: '192.0.2.1' },
      { limit: 'user_code_session', key: 'session-2' },
    ] as const
    for (let i = 0; i < 10; i++) {
      expect(await rateLimits.consumeAll(attempts)).to.include({ allowed: true })
    }
    for (let i = 0; i < 40; i++) {
      expect(await rateLimits.consumeAll(attempts)).to.include({ allowed: false })
    }
    const other = await rateLimits.consume('user_code_ip', '192.0.2.1')
    expect(other).to.deep.equal({ allowed: true, remaining: 19 })
  })

  it('blocks after failures without a statement', async () => {
    const rateLimits = create()
    for (let i = 0; i < 30; i++) await rateLimits.consume('client_auth_client', 'c1|192.0.2.1')
    expect(rateLimits.peekBlocked('client_auth_client', 'c1|192.0.2.1')).to.be.within(1, 60)
    expect(rateLimits.peekBlocked('client_auth_client', 'c1|192.0.2.2')).to.equal(0)
  })

  it('stores no address and no identifier in the clear', async () => {
    await create().consume('sign_in_ip', '198.51.100.77')
    const rows = await query<{ key: string }>(db, 'SELECT key FROM rate_limit')
    expect(rows.length).to.be.greaterThan(0)
    for (const { key } of rows) {
      expect(key).to.match(/^authcore:limit:[a-z_:]+:[\w-]{43}$/)
      expect(key).to.not.include('198.51')
    }
  })

  it('fails where PostgreSQL is away; it never allows', async () => {
    const gone = openDb({
      connection: { ...limits.database.connection, port: 1 },
      poolMax: 1,
      timeoutMs: 1_000,
    })
    const rateLimits = createRateLimits({ db: gone, keyring, log: silent })
    const failure = await rateLimits.consume('sign_in_ip', 'x').catch((error: unknown) => error)
    expect(failure).to.have.property('code', 'unavailable')
    await gone.destroy()
  })

  it('removes rows whose window is over, in batches, around those in use', async () => {
    await query(db, 'DELETE FROM rate_limit')
    await query(
      db,
      `INSERT INTO rate_limit (key, points, expire)
       SELECT 'old-' || n, 1, 1000 FROM generate_series(1, 25) AS n
       UNION ALL SELECT 'live', 1, 9999999999999 UNION ALL SELECT 'lasting', 1, NULL`,
    )
    await db.transaction(async (tx) => {
      await query(tx, `SELECT key FROM rate_limit WHERE key = 'old-3' FOR UPDATE`)
      expect(await deleteExpiredRateLimits(db, 10)).to.equal(10)
      expect(await deleteExpiredRateLimits(db, 100)).to.equal(14)
    })
    expect(await deleteExpiredRateLimits(db, 100)).to.equal(1)
    const rows = await query<{ key: string }>(db, 'SELECT key FROM rate_limit ORDER BY key')
    expect(rows.map((row) => row.key)).to.deep.equal(['lasting', 'live'])
  })

  describe('with Redis', () => {
    before(function () {
      requires(this, available())
    })

    it('counts in PostgreSQL while Redis is away, and is never unlimited', async function () {
      this.timeout(30_000)
      const server = await startRedis()
      const redis = new Redis(server.port, '127.0.0.1', {
        commandTimeout: 500,
        maxRetriesPerRequest: 1,
        retryStrategy: () => 100,
      })
      redis.on('error', () => {})
      await redis.ping()
      const said: string[] = []
      const log = {
        warn: (_: unknown, words: string) => said.push(words),
        info: (words: string) => said.push(words),
      }
      const rateLimits = createRateLimits({ db, redis, keyring, log: log as never })
      const guess = (key: string) => rateLimits.consume('sign_in_account_trusted', key)
      const rows = () =>
        query(db, `SELECT key FROM rate_limit WHERE key LIKE '%:sign_in_account_trusted:%'`)
      await query(db, 'DELETE FROM rate_limit')
      try {
        expect(await allowedAtOnce(100, () => guess('a'))).to.equal(10)
        expect(await rows()).to.have.length(0)
        await server.stop()
        await sleep(100)
        expect(await allowedAtOnce(100, () => guess('b'))).to.equal(10)
        expect(await rows()).to.not.have.length(0)
        expect(said).to.deep.equal(['redis is away; limits count in postgresql'])
      } finally {
        redis.disconnect()
      }
    })

    it('keeps what is counted of an account whatever becomes of Redis', async function () {
      this.timeout(30_000)
      const server = await startRedis()
      const redis = new Redis(server.port, '127.0.0.1', { maxRetriesPerRequest: 1 })
      redis.on('error', () => {})
      const rateLimits = create(redis)
      const guess = () => rateLimits.consume('sign_in_account_untrusted', 'kept')
      try {
        expect(await allowedAtOnce(20, guess)).to.equal(10)
        await redis.flushall()
        expect((await create(redis).consume('sign_in_account_untrusted', 'kept')).allowed).to.equal(
          false,
        )
        await server.stop()
        expect((await create(redis).consume('sign_in_account_untrusted', 'kept')).allowed).to.equal(
          false,
        )
      } finally {
        redis.disconnect()
      }
    })

    it('does not wait for a hanging Redis more than once', async function () {
      this.timeout(30_000)
      const server = await startRedis()
      const redis = new Redis(server.port, '127.0.0.1', { commandTimeout: 300 })
      redis.on('error', () => {})
      await redis.ping()
      const rateLimits = create(redis)
      try {
        // The reply comes after two seconds; the command gives up after 300 ms.
        const admin = new Redis(server.port, '127.0.0.1')
        await admin.call('CLIENT', 'PAUSE', '2000', 'ALL')
        admin.disconnect()
        const startedAt = performance.now()
        for (let i = 0; i < 20; i++) {
          expect(await rateLimits.consume('sign_in_ip', 'hang')).to.include({ allowed: true })
        }
        expect(performance.now() - startedAt).to.be.lessThan(1_000)
      } finally {
        redis.disconnect()
        await server.stop()
      }
    })
  })
})

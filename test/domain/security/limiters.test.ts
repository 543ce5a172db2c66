import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { createBackoffLimiter } from '../../../src/domain/security/backoff_limiter.ts'
import { type CounterStores, createRedisBreaker } from '../../../src/domain/security/counter.ts'
import { createFixedLimiter } from '../../../src/domain/security/fixed_limiter.ts'
import type { Db } from '../../../src/platform/persistence/db.ts'
import { available, startRedis } from '../../support/redis.ts'
import { requires } from '../../support/skip.ts'
import { allowedAtOnce, type LimitsDatabase, openLimitsDatabase } from './limits_database.ts'

/** One suite, both homes of the counters. */
function describeLimiters(
  home: string,
  open: (this: Mocha.Context) => Promise<CounterStores>,
): void {
  describe(`domain/security limiters in ${home}`, () => {
    let stores: CounterStores
    let serial = 0
    let key: string

    before(async function () {
      this.timeout(60_000)
      stores = await open.call(this)
    })

    beforeEach(() => {
      key = `key-${serial++}`
    })

    describe('fixed', () => {
      const make = (counts: 'attempts' | 'failures', points = 3, windowS = 60) =>
        createFixedLimiter(stores, `fixed_${counts}_${points}_${windowS}`, {
          kind: 'fixed',
          points,
          windowS,
          counts,
        })

      it('allows its points and then tells when to come back', async () => {
        const limiter = make('attempts')
        expect(await limiter.consume(key, 1)).to.deep.equal({ allowed: true, remaining: 2 })
        await limiter.consume(key, 1)
        await limiter.consume(key, 1)
        const refused = await limiter.consume(key, 1)
        expect(refused).to.include({ allowed: false })
        expect(refused).to.have.property('retryAfterS').within(1, 60)
      })

      it('tells everybody after the first who is refused the same', async () => {
        const limiter = make('attempts', 1)
        for (let i = 0; i < 2; i++) await limiter.consume(key, 1)
        expect(await limiter.consume(key, 1))
          .to.have.property('retryAfterS')
          .within(50, 60)
      })

      it('keeps keys apart', async () => {
        const limiter = make('attempts', 1)
        await limiter.consume(key, 1)
        expect(await limiter.consume(`${key}-other`, 1)).to.include({ allowed: true })
      })

      it('allows exactly its points to attempts made at once', async () => {
        const limiter = make('attempts', 10)
        expect(await allowedAtOnce(200, () => limiter.consume(key, 1))).to.equal(10)
      })

      it('allows them to two nodes together', async () => {
        const nodes = [make('attempts', 10), make('attempts', 10)]
        let turn = 0
        const attempt = () => nodes[turn++ % 2]!.consume(key, 1)
        expect(await allowedAtOnce(100, attempt)).to.equal(10)
      })

      it('gives back what succeeded, refusals notwithstanding', async () => {
        const limiter = make('attempts', 5)
        for (let i = 0; i < 20; i++) {
          expect(await limiter.consume(key, 1)).to.include({ allowed: true })
          await limiter.refund(key, 1)
        }
        await allowedAtOnce(50, () => limiter.consume(key, 1))
        for (let i = 0; i < 5; i++) await limiter.refund(key, 1)
        expect(await limiter.consume(key, 1)).to.deep.equal({ allowed: true, remaining: 4 })
      })

      it('begins anew after its window', async () => {
        const limiter = make('attempts', 1, 1)
        await limiter.consume(key, 1)
        expect(await limiter.consume(key, 1)).to.include({ allowed: false })
        await sleep(1_100)
        expect(await limiter.consume(key, 1)).to.include({ allowed: true })
      })

      it('knows without asking when all failures there may be have happened', async () => {
        const limiter = make('failures', 2)
        expect(limiter.peekBlocked(() => key)).to.equal(0)
        await limiter.consume(key, 1)
        expect(limiter.peekBlocked(() => key)).to.equal(0)
        await limiter.consume(key, 1)
        expect(limiter.peekBlocked(() => key)).to.be.within(1, 60)
        await limiter.reset(key)
        expect(limiter.peekBlocked(() => key)).to.equal(0)
        expect(await limiter.consume(key, 1)).to.deep.equal({ allowed: true, remaining: 1 })
      })
    })
  })
}

let limits: LimitsDatabase
const openDatabase = async () => {
  limits ??= await openLimitsDatabase()
  return limits.db
}

describeLimiters('PostgreSQL', async () => ({ db: await openDatabase(), redis: undefined }))

let redis: Redis | undefined
let stopRedis: (() => Promise<void>) | undefined

describeLimiters('Redis', async function () {
  requires(this, available())
  const server = await startRedis()
  stopRedis = () => server.stop()
  redis = new Redis(server.port, '127.0.0.1', { lazyConnect: true })
  await redis.connect()
  return { db: await openDatabase(), redis: createRedisBreaker(redis, () => {}) }
})

/** Counted in PostgreSQL whatever there is besides. */
describe('domain/security backoff limiter', () => {
  let db: Db
  let serial = 0
  let key: string

  before(async function () {
    this.timeout(60_000)
    db = await openDatabase()
  })
  beforeEach(() => {
    key = `backoff-${serial++}`
  })

  const make = (change: { total?: number; firstDelayS?: number } = {}) =>
    createBackoffLimiter(db, `backoff_${JSON.stringify(change)}`, {
      kind: 'backoff',
      free: 10,
      firstDelayS: 30,
      maxDelayS: 900,
      total: 100,
      windowS: 3_600,
      ...change,
    })

  it('lets 200 guesses at once get no further than 10 one after the other', async () => {
    const limiter = make()
    expect(await allowedAtOnce(200, () => limiter.consume(key, 1))).to.equal(10)
    const refused = await limiter.consume(key, 1)
    expect(refused).to.include({ allowed: false })
  })

  it('allows ten and then wants a wait', async () => {
    const limiter = make()
    for (let i = 0; i < 10; i++) {
      expect(await limiter.consume(key, 1), String(i)).to.include({ allowed: true })
    }
    expect(await limiter.consume(key, 1))
      .to.have.property('retryAfterS')
      .within(28, 30)
  })

  it('lets one through per delay, and doubles it', async function () {
    this.timeout(15_000)
    const limiter = make({ firstDelayS: 1 })
    await allowedAtOnce(10, () => limiter.consume(key, 1))
    await sleep(1_100)
    expect(await allowedAtOnce(50, () => limiter.consume(key, 1))).to.equal(1)
    await sleep(1_100)
    expect(await limiter.consume(key, 1)).to.include({ allowed: false })
    await sleep(1_100)
    expect(await allowedAtOnce(50, () => limiter.consume(key, 1))).to.equal(1)
    await sleep(1_100)
    expect(await limiter.consume(key, 1))
      .to.have.property('retryAfterS')
      .within(2, 4)
  })

  it('forgets everything after a success', async () => {
    const limiter = make()
    await allowedAtOnce(50, () => limiter.consume(key, 1))
    await limiter.reset(key)
    expect(await allowedAtOnce(50, () => limiter.consume(key, 1))).to.equal(10)
  })

  it('takes back an attempt that was never judged', async () => {
    const limiter = make()
    await limiter.consume(key, 1)
    await limiter.refund(key, 1)
    expect(await allowedAtOnce(10, () => limiter.consume(key, 1))).to.equal(10)
    await limiter.refund(key, 1)
    expect(await limiter.consume(key, 1)).to.include({ allowed: true })
  })

  it('ends after all attempts there are, and says so', async function () {
    this.timeout(15_000)
    const limiter = make({ total: 11, firstDelayS: 1 })
    await allowedAtOnce(10, () => limiter.consume(key, 1))
    await sleep(1_100)
    expect(await limiter.consume(key, 1)).to.include({ allowed: true })
    await sleep(2_100)
    for (let i = 0; i < 2; i++) {
      expect(await limiter.consume(key, 1)).to.include({ allowed: false, exhausted: true })
      await sleep(1_100)
    }
    await limiter.reset(key)
    expect(await limiter.consume(key, 1)).to.include({ allowed: true })
  })
})

after(async () => {
  redis?.disconnect()
  await stopRedis?.()
  await limits?.stop()
})

import {
  type RateLimiterAbstract,
  RateLimiterPostgres,
  RateLimiterRedis,
  type RateLimiterRes,
} from 'rate-limiter-flexible'
import { type Db, query } from '../../platform/persistence/db.ts'
import type { RedisClient } from '../../platform/persistence/redis.ts'

/**
 * One kind of counter: keys with points that end by themselves. In Redis where there is one; while it
 * is away, and without one, in PostgreSQL. There is no third place and no counting in memory: where
 * neither answers, the caller gets the error.
 */
export type Counter = {
  /** Adds points atomically. @param windowS for a key that is new, instead of the counter's own */
  add(key: string, points: number, windowS?: number): Promise<Count>
  get(key: string): Promise<Count>
  set(key: string, points: number, windowS: number): Promise<void>
  delete(key: string): Promise<void>
  /** The key as PostgreSQL has it. */
  rowKey(key: string): string
}

export type Count = { points: number; endsInMs: number }

export type CounterStores = { db: Db; redis: RedisBreaker | undefined }

export function createCounter(
  { db, redis }: CounterStores,
  { name, windowS }: { name: string; windowS: number },
): Counter {
  const common = { keyPrefix: `authcore:limit:${name}`, points: MAX_POINTS, duration: windowS }
  const postgres = new PostgresCounter({
    ...common,
    storeClient: db,
    storeType: 'knex',
    tableName: 'rate_limit',
    tableCreated: true,
    clearExpiredByTimeout: false,
  })
  const limiter: RateLimiterAbstract = redis
    ? new RedisCounter(redis, { ...common, insuranceLimiter: postgres })
    : postgres
  return {
    add: (key, points, customDuration) =>
      limiter
        .penalty(key, points, customDuration === undefined ? {} : { customDuration })
        .then(countOf),
    get: async (key) => countOf(await limiter.get(key)),
    set: async (key, points, seconds) => void (await limiter.set(key, points, seconds)),
    delete: async (key) => void (await limiter.delete(key)),
    rowKey: (key) => limiter.getKey(key),
  }
}

/** What is allowed is decided by the caller; the library only counts. */
const MAX_POINTS = Number.MAX_SAFE_INTEGER

function countOf(res: RateLimiterRes | null): Count {
  return res === null
    ? { points: 0, endsInMs: 0 }
    : { points: res.consumedPoints, endsInMs: Math.max(res.msBeforeNext, 0) }
}

// The library's stores are meant to be derived from, but its types do not name what is derived.
declare module 'rate-limiter-flexible' {
  interface RateLimiterRedis {
    _upsert(...args: unknown[]): Promise<unknown>
    _get(...args: unknown[]): Promise<unknown>
    _delete(...args: unknown[]): Promise<unknown>
  }
  interface RateLimiterPostgres {
    _query(statement: { text: string; values: unknown[] }): Promise<unknown>
  }
}

/** The library's statements, run like every other one: prepared, timed and with our errors. */
class PostgresCounter extends RateLimiterPostgres {
  readonly #db: Db

  constructor(options: ConstructorParameters<typeof RateLimiterPostgres>[0]) {
    super(options)
    this.#db = options.storeClient as Db
  }

  override async _query({ text, values }: { text: string; values: unknown[] }) {
    const rows = await query(this.#db, text, values)
    return { rows, rowCount: rows.length }
  }
}

/**
 * Redis, or the memory that it did not answer a moment ago: one request waits for its time-out, the
 * others of the next seconds do not.
 */
export type RedisBreaker = {
  client: RedisClient
  /** Runs the command, or fails at once while Redis is known to be away. */
  run<T>(command: () => Promise<T>): Promise<T>
}

const AWAY_MS = 5_000

export function createRedisBreaker(
  client: RedisClient,
  onChange: (state: 'away' | 'back', error?: unknown) => void,
): RedisBreaker {
  let awayUntil = 0
  let away = false
  return {
    client,
    async run(command) {
      if (performance.now() < awayUntil) throw new Error('Redis is away')
      try {
        const result = await command()
        if (away) onChange('back')
        away = false
        return result
      } catch (error) {
        awayUntil = performance.now() + AWAY_MS
        if (!away) onChange('away', error)
        away = true
        throw error
      }
    },
  }
}

class RedisCounter extends RateLimiterRedis {
  readonly #breaker: RedisBreaker

  constructor(
    breaker: RedisBreaker,
    options: Omit<ConstructorParameters<typeof RateLimiterRedis>[0], 'storeClient'>,
  ) {
    super({ ...options, storeClient: breaker.client, rejectIfRedisNotReady: true })
    this.#breaker = breaker
  }

  override _upsert(...args: unknown[]) {
    return this.#breaker.run(() => super._upsert(...args))
  }

  override _get(...args: unknown[]) {
    return this.#breaker.run(() => super._get(...args))
  }

  override _delete(...args: unknown[]) {
    return this.#breaker.run(() => super._delete(...args))
  }
}

import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Logger } from '../../platform/observability/logger.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { RedisClient } from '../../platform/persistence/redis.ts'
import { createBackoffLimiter, listExhausted } from './backoff_limiter.ts'
import { type CounterStores, createRedisBreaker } from './counter.ts'
import { createFixedLimiter } from './fixed_limiter.ts'
import type { Limiter, Verdict } from './limiter.ts'
import { LIMITS, type LimitName } from './limits.ts'

/**
 * How often something may be tried: the limits of `limits.ts`, counted where every node sees it. An
 * attempt is counted before it is judged, in one atomic step, so that two hundred at once get no
 * further than one after the other. Keys are stored as keyed hashes: no address and no identifier.
 */
export type RateLimits = {
  consume(limit: LimitName, key: string, points?: number): Promise<Verdict>
  /** All of them or none: where one refuses, what the others had counted is given back. */
  consumeAll(attempts: readonly Attempt[]): Promise<Verdict>
  /** Gives an attempt back: it succeeded, or it was never judged. */
  refund(limit: LimitName, key: string, points?: number): Promise<void>
  /**
   * Seconds for which this process knows the key to be blocked, or 0. Asks nobody: for endpoints
   * where only failures are counted.
   */
  peekBlocked(limit: LimitName, key: string): number
  /** Forgets the key: after a success of the account, or when an administrator says so. */
  reset(limit: LimitName, key: string): Promise<void>
}

export type Attempt = { limit: LimitName; key: string }

export type RateLimitDeps = {
  db: Db
  redis?: RedisClient | undefined
  keyring: Pick<Keyring, 'hash'>
  log: Pick<Logger, 'warn' | 'info'>
  /** Told of every refusal. */
  onLimited?: (limit: LimitName) => void
}

export function createRateLimits(deps: RateLimitDeps): RateLimits {
  const stores: CounterStores = { db: deps.db, redis: watchRedis(deps) }
  const limiters = new Map(
    (Object.keys(LIMITS) as LimitName[]).map((name) => [name, createLimiter(stores, name)]),
  )
  const limiter = (name: LimitName) => limiters.get(name)!
  const hash = (name: LimitName, key: string) => hashOf(deps.keyring, name, key)

  const consume: RateLimits['consume'] = async (name, key, points = 1) => {
    const verdict = await limiter(name).consume(hash(name, key), points)
    if (!verdict.allowed) deps.onLimited?.(name)
    return verdict
  }
  const refund: RateLimits['refund'] = (name, key, points = 1) =>
    limiter(name).refund(hash(name, key), points)

  return {
    consume,
    consumeAll: (attempts) => consumeAll(attempts, consume, refund),
    refund,
    peekBlocked(name, key) {
      const retryAfterS = limiter(name).peekBlocked(() => hash(name, key))
      if (retryAfterS > 0) deps.onLimited?.(name)
      return retryAfterS
    },
    reset: (name, key) => limiter(name).reset(hash(name, key)),
  }
}

/**
 * Those of these accounts whose password no unknown browser can try any more, until the window ends or
 * somebody forgets the tries.
 */
export async function listLockedPasswords(
  { db, keyring }: Pick<RateLimitDeps, 'db' | 'keyring'>,
  accountIds: readonly string[],
): Promise<Set<string>> {
  const name = 'sign_in_account_untrusted'
  const ids = new Map(accountIds.map((id) => [hashOf(keyring, name, id), id]))
  const locked = await listExhausted(db, name, { limit: LIMITS[name], keys: [...ids.keys()] })
  return new Set([...locked].flatMap((key) => ids.get(key) ?? []))
}

function hashOf(keyring: RateLimitDeps['keyring'], name: LimitName, key: string): string {
  return keyring.hash(`rate_limit:${name}`, key).toString('base64url')
}

function createLimiter(stores: CounterStores, name: LimitName): Limiter {
  const limit = LIMITS[name]
  return limit.kind === 'fixed'
    ? createFixedLimiter(stores, name, limit)
    : createBackoffLimiter(stores.db, name, limit)
}

function watchRedis({ redis, log }: RateLimitDeps) {
  if (!redis) return undefined
  return createRedisBreaker(redis, (state, error) => {
    if (state === 'away') log.warn({ err: error }, 'redis is away; limits count in postgresql')
    else log.info('redis is back; limits count there')
  })
}

async function consumeAll(
  attempts: readonly Attempt[],
  consume: RateLimits['consume'],
  refund: RateLimits['refund'],
): Promise<Verdict> {
  let remaining = Number.POSITIVE_INFINITY
  for (const [index, { limit, key }] of attempts.entries()) {
    const verdict = await consume(limit, key)
    if (!verdict.allowed) {
      await Promise.all(attempts.slice(0, index).map((taken) => refund(taken.limit, taken.key)))
      return verdict
    }
    remaining = Math.min(remaining, verdict.remaining)
  }
  return { allowed: true, remaining }
}

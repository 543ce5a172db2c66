import { createBlockedKeys } from './blocked_keys.ts'
import { type CounterStores, createCounter } from './counter.ts'
import type { Limiter } from './limiter.ts'
import type { FixedLimit } from './limits.ts'

/** Where points may be given back on another node, a refusal is remembered no longer than this. */
const REFUNDABLE_MEMORY_MS = 1_000

export function createFixedLimiter(
  stores: CounterStores,
  name: string,
  limit: FixedLimit,
): Limiter {
  const counter = createCounter(stores, { name, windowS: limit.windowS })
  const blocked = createBlockedKeys()
  const refundable = limit.counts === 'attempts'
  const memoryMs = refundable ? REFUNDABLE_MEMORY_MS : Number.POSITIVE_INFINITY
  return {
    async consume(key, points) {
      const blockedMs = blocked.remainingMs(key)
      if (blockedMs > 0) return refused(blockedMs)
      const count = await counter.add(key, points)
      if (count.points >= limit.points && !refundable) blocked.block(key, count.endsInMs)
      if (count.points <= limit.points) {
        return { allowed: true, remaining: limit.points - count.points }
      }
      blocked.block(key, Math.min(count.endsInMs, memoryMs))
      // What is refused is not tried; it must not use up what others get back.
      if (refundable) await counter.add(key, -points)
      return refused(count.endsInMs)
    },
    async refund(key, points) {
      blocked.forget(key)
      await counter.add(key, -points)
    },
    peekBlocked: (key) => Math.ceil(blocked.remainingMs(key) / 1000),
    async reset(key) {
      blocked.forget(key)
      await counter.delete(key)
    },
  }
}

function refused(ms: number) {
  return { allowed: false, retryAfterS: Math.max(1, Math.ceil(ms / 1000)) } as const
}

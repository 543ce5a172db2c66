import { createBlockedKeys } from './blocked_keys.ts'
import { type CounterStores, createCounter } from './counter.ts'
import { type Limiter, refused } from './limiter.ts'
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
  const memoryMs = refundable ? REFUNDABLE_MEMORY_MS : undefined
  return {
    async consume(key, points) {
      const remembered = blocked.find(key)
      if (remembered) return remembered
      const count = await counter.add(key, points)
      const refusal = refused(count.endsInMs)
      if (count.points >= limit.points && !refundable) blocked.block(key, refusal)
      if (count.points <= limit.points) {
        return { allowed: true, remaining: limit.points - count.points }
      }
      blocked.block(key, refusal, memoryMs)
      // What is refused is not tried; it must not use up what others get back.
      if (refundable) await counter.add(key, -points)
      return refusal
    },
    async refund(key, points) {
      blocked.forget(key)
      await counter.add(key, -points)
    },
    peekBlocked: (keyOf) => (blocked.isEmpty() ? 0 : (blocked.find(keyOf())?.retryAfterS ?? 0)),
    async reset(key) {
      blocked.forget(key)
      await counter.delete(key)
    },
  }
}

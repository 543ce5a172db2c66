import { LRUCache } from 'lru-cache'
import type { Refusal } from './limiter.ts'

/**
 * What this process remembers about keys that were refused, so that a flood of further attempts costs
 * no statement. Forgetting early is harmless: the counter knows.
 */
export type BlockedKeys = {
  /** @param memoryMs how long to answer from memory; no longer than the refusal itself lasts */
  block(key: string, refusal: Refusal, memoryMs?: number): void
  /** The refusal with what is left of its time, or nothing. */
  find(key: string): Refusal | undefined
  /** True where no key is remembered at all, as nearly always: nobody need make one to ask. */
  isEmpty(): boolean
  forget(key: string): void
}

type Entry = { refusal: Refusal; endsAt: number; forgottenAt: number }

export function createBlockedKeys(max = 20_000): BlockedKeys {
  // Made for the first refusal: empty it takes 0.4 MiB, and most limits of most days refuse nobody.
  let entries: LRUCache<string, Entry> | undefined
  return {
    block(key, refusal, memoryMs = Number.POSITIVE_INFINITY) {
      const now = performance.now()
      const endsAt = now + refusal.retryAfterS * 1000
      entries ??= new LRUCache({ max })
      entries.set(key, { refusal, endsAt, forgottenAt: Math.min(endsAt, now + memoryMs) })
    },
    find(key) {
      const entry = entries?.get(key)
      if (!entry) return undefined
      const now = performance.now()
      if (now < entry.forgottenAt) {
        return { ...entry.refusal, retryAfterS: Math.ceil((entry.endsAt - now) / 1000) }
      }
      entries?.delete(key)
      return undefined
    },
    isEmpty: () => !entries?.size,
    forget: (key) => void entries?.delete(key),
  }
}

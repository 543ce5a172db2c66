import { LRUCache } from 'lru-cache'

/**
 * What this process remembers about keys that were refused, so that a flood of further attempts costs
 * no statement. Forgetting early is harmless: the counter knows.
 */
export type BlockedKeys = {
  block(key: string, ms: number): void
  /** Milliseconds left, or 0. */
  remainingMs(key: string): number
  forget(key: string): void
}

export function createBlockedKeys(max = 20_000): BlockedKeys {
  const until = new LRUCache<string, number>({ max })
  return {
    block(key, ms) {
      if (ms > 0) until.set(key, performance.now() + ms)
    },
    remainingMs(key) {
      const end = until.get(key)
      if (end === undefined) return 0
      const left = end - performance.now()
      if (left <= 0) until.delete(key)
      return Math.max(left, 0)
    },
    forget: (key) => void until.delete(key),
  }
}

import { LRUCache } from 'lru-cache'
import type { ChangeFeed, ChangeTopic } from '../../platform/persistence/change_feed.ts'

/**
 * Records that every request needs, kept for a short while and dropped when the change feed names
 * them. What is not there is remembered apart and for two seconds only, so that a flood of invented
 * ids neither reaches the database nor drives real records out.
 */
export type RecordCache<T> = {
  /** Costs no statement where the record is cached, and one however many ask at once. */
  find(id: string): Promise<T | undefined>
  /** Forgets one record, or without `id` everything. */
  invalidate(id?: string): void
  /** Stops listening to the change feed. */
  close(): void
}

const MISS_TTL_MS = 2_000
const MISS_MAX = 10_000

export function createRecordCache<T extends object>(options: {
  topic: ChangeTopic
  load: (id: string) => Promise<T | undefined>
  changes?: Pick<ChangeFeed, 'subscribe'> | undefined
  ttlMs?: number | undefined
  max?: number | undefined
}): RecordCache<T> {
  const { topic, load, changes, ttlMs = 30_000, max = 10_000 } = options
  const found = new LRUCache<string, T>({ max, ttl: ttlMs })
  const missing = new LRUCache<string, true>({ max: MISS_MAX, ttl: Math.min(MISS_TTL_MS, ttlMs) })
  const loading = new Map<string, Promise<T | undefined>>()

  const invalidate = (id?: string): void => {
    if (id === undefined) {
      found.clear()
      missing.clear()
      loading.clear()
      return
    }
    found.delete(id)
    missing.delete(id)
    loading.delete(id)
  }
  const fetch = (id: string): Promise<T | undefined> => {
    const loaded = load(id)
      .then((record) => {
        // One that a change overtook answers those who waited for it, and is not kept.
        if (loading.get(id) === loaded) keep(id, record)
        return record
      })
      .finally(() => {
        if (loading.get(id) === loaded) loading.delete(id)
      })
    loading.set(id, loaded)
    return loaded
  }
  const keep = (id: string, record: T | undefined): void => {
    if (record) found.set(id, record)
    else missing.set(id, true)
  }
  const unsubscribe = changes?.subscribe((change) => {
    if (change.topic === 'everything') invalidate()
    else if (change.topic === topic) invalidate(change.id || undefined)
  })
  return {
    async find(id) {
      const record = found.get(id)
      if (record || missing.has(id)) return record
      return await (loading.get(id) ?? fetch(id))
    },
    invalidate,
    close: () => unsubscribe?.(),
  }
}

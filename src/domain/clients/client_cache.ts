import type { ChangeFeed } from '../../platform/persistence/change_feed.ts'
import type { Db } from '../../platform/persistence/db.ts'
import { type Client, isClientId } from './client.ts'
import { findClient } from './client_store.ts'
import { createRecordCache, type RecordCache } from './record_cache.ts'

export type ClientCache = RecordCache<Client>

/** Records are shared by everybody who asks: they are read, never changed. */
export function createClientCache(options: {
  db: Db
  changes?: Pick<ChangeFeed, 'subscribe'> | undefined
  ttlMs?: number | undefined
  max?: number | undefined
}): ClientCache {
  const cache = createRecordCache({
    ...options,
    topic: 'client',
    load: (clientId) => findClient(options.db, clientId),
  })
  // What cannot be an id is not worth a place among the missing.
  return { ...cache, find: async (id) => (isClientId(id) ? await cache.find(id) : undefined) }
}

import type { ChangeFeed } from '../../platform/persistence/change_feed.ts'
import type { Db } from '../../platform/persistence/db.ts'
import { createRecordCache, type RecordCache } from './record_cache.ts'
import { isResourceIdentifier, type ResourceServer } from './resource_server.ts'
import { findResourceServer } from './resource_server_store.ts'

export type ResourceServerCache = RecordCache<ResourceServer>

/** Records are shared by everybody who asks: they are read, never changed. */
export function createResourceServerCache(options: {
  db: Db
  changes?: Pick<ChangeFeed, 'subscribe'> | undefined
  ttlMs?: number | undefined
  max?: number | undefined
}): ResourceServerCache {
  const cache = createRecordCache({
    ...options,
    topic: 'resource_server',
    load: (identifier) => findResourceServer(options.db, identifier),
  })
  return {
    ...cache,
    find: async (id) => (isResourceIdentifier(id) ? await cache.find(id) : undefined),
  }
}

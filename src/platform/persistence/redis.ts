import { createRequire } from 'node:module'
import type { Cluster, Redis } from 'ioredis'
import type { Config } from '../config/schema.ts'

/**
 * The connection to Redis, where one is configured: single, behind Sentinel, or a Cluster. Commands
 * fail fast while Redis is away; nothing queues up behind a dead server.
 */

export type RedisClient = Redis | Cluster

const COMMON = {
  // A request must not wait for Redis longer than a person waits for a page.
  commandTimeout: 2_000,
  connectTimeout: 2_000,
  maxRetriesPerRequest: 1,
  enableOfflineQueue: true,
  retryStrategy: (attempt: number) => Math.min(attempt * 100, 2_000),
} as const

/** Opens the configured connection, or returns undefined where there is none. */
export function openRedis(storage: Config['storage']): RedisClient | undefined {
  const urls = storage.redisUrls.map((text) => new URL(text))
  const [first] = urls
  if (!first) return undefined
  // Loaded only where it is configured: it is a tenth of the server's memory at rest.
  const ioredis = createRequire(import.meta.url)('ioredis') as typeof import('ioredis')
  const credentials = {
    ...(first.username ? { username: decodeURIComponent(first.username) } : {}),
    ...(first.password ? { password: decodeURIComponent(first.password) } : {}),
    ...(first.protocol === 'rediss:' ? { tls: {} } : {}),
  }
  const nodes = urls.map((url) => ({ host: url.hostname, port: Number(url.port || 6379) }))
  const db = Number(first.pathname.slice(1) || 0)
  const client =
    storage.redisMode === 'cluster'
      ? new ioredis.Cluster(nodes, {
          redisOptions: { ...COMMON, ...credentials },
          clusterRetryStrategy: COMMON.retryStrategy,
        })
      : storage.redisMode === 'sentinel'
        ? new ioredis.Redis({
            ...COMMON,
            ...credentials,
            sentinels: nodes,
            name: storage.redisSentinelName,
            db,
          })
        : new ioredis.Redis({ ...COMMON, ...credentials, ...nodes[0], db })
  // Errors reach whoever awaits a command; without a listener they would end the process too.
  client.on('error', () => {})
  return client
}

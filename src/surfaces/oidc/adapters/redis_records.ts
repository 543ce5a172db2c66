import type { RedisClient } from '../../../platform/persistence/redis.ts'
import type { ModelName } from './models.ts'
import { keyOf, type OidcRecord, type RecordKey } from './record.ts'

/**
 * Ephemeral records in Redis: interactions and opaque access tokens. Nothing here guards against a
 * second use, so losing all of it costs a page reload or a token refresh, never a protection. Each
 * key has its own hash tag and every command touches one key, so a Cluster serves them too.
 */

const redisKey = (key: RecordKey) => `authcore:{${keyOf(key)}}`

/**
 * Not now: while the connection is being made again, a command would wait in its queue for as long
 * as a person waits for a page.
 */
function assertReachable(redis: RedisClient): void {
  if (redis.status !== 'ready') throw new Error(`Redis is away (${redis.status})`)
}

type Stored = {
  grantHash?: string
  accountId?: string
  clientId?: string
  uidHash?: string
  payload: Record<string, unknown>
  sealed?: string
  expiresAt?: number
}

export async function findRedisRecord(
  redis: RedisClient,
  key: RecordKey,
): Promise<OidcRecord | undefined> {
  assertReachable(redis)
  const text = await redis.get(redisKey(key))
  return text === null ? undefined : recordOf(key, JSON.parse(text) as Stored)
}

export async function upsertRedisRecord(redis: RedisClient, record: OidcRecord): Promise<void> {
  assertReachable(redis)
  const base64 = (bytes: Buffer | undefined) => bytes?.toString('base64')
  const text = JSON.stringify({
    grantHash: base64(record.grantHash),
    uidHash: base64(record.uidHash),
    accountId: record.accountId,
    clientId: record.clientId,
    payload: record.payload,
    sealed: base64(record.sealed),
    expiresAt: record.expiresAt?.getTime(),
  })
  const key = redisKey(record)
  if (record.expiresAt) await redis.set(key, text, 'PXAT', record.expiresAt.getTime())
  else await redis.set(key, text)
}

export async function deleteRedisRecord(redis: RedisClient, key: RecordKey): Promise<void> {
  assertReachable(redis)
  await redis.del(redisKey(key))
}

function recordOf(key: { model: ModelName; idHash: Buffer }, stored: Stored): OidcRecord {
  const bytes = (text: string | undefined) =>
    text === undefined ? undefined : Buffer.from(text, 'base64')
  return {
    ...key,
    grantHash: bytes(stored.grantHash),
    uidHash: bytes(stored.uidHash),
    accountId: stored.accountId,
    clientId: stored.clientId,
    payload: stored.payload,
    sealed: bytes(stored.sealed),
    expiresAt: stored.expiresAt === undefined ? undefined : new Date(stored.expiresAt),
  }
}

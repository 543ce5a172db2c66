import type { RedisClient } from '../../../platform/persistence/redis.ts'
import type { ModelName } from './models.ts'
import { keyOf, type OidcRecord, type RecordKey } from './record.ts'

/**
 * Ephemeral records in Redis: interactions and opaque access tokens. Nothing here guards against a
 * second use, so losing all of it costs a page reload or a token refresh, never a protection. Each
 * key has its own hash tag and every command touches one key, so a Cluster serves them too.
 */

const redisKey = (key: RecordKey) => `authcore:{${keyOf(key)}}`

/** When a Redis that did not answer is asked again. */
const awayUntil = new WeakMap<RedisClient, number>()
const AWAY_MS = 3_000

/**
 * Runs the command, or fails at once: while the connection is being made again a command would wait
 * in its queue, and where Redis hangs each would wait for its time-out. One request finds that out,
 * the others of the next moments do not wait for it.
 */
async function ask<T>(redis: RedisClient, command: () => Promise<T>): Promise<T> {
  if (redis.status !== 'ready' || performance.now() < (awayUntil.get(redis) ?? 0)) {
    throw new Error(`Redis is away (${redis.status})`)
  }
  try {
    return await command()
  } catch (error) {
    awayUntil.set(redis, performance.now() + AWAY_MS)
    throw error
  }
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
  const text = await ask(redis, () => redis.get(redisKey(key)))
  return text === null ? undefined : recordOf(key, JSON.parse(text) as Stored)
}

export async function upsertRedisRecord(redis: RedisClient, record: OidcRecord): Promise<void> {
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
  const endsAt = record.expiresAt?.getTime()
  await ask(redis, () =>
    endsAt === undefined ? redis.set(key, text) : redis.set(key, text, 'PXAT', endsAt),
  )
}

export async function deleteRedisRecord(redis: RedisClient, key: RecordKey): Promise<void> {
  await ask(redis, () => redis.del(redisKey(key)))
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

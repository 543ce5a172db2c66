import type { Db } from '../../platform/persistence/db.ts'
import { createBlockedKeys } from './blocked_keys.ts'
import { type Counter, type CounterStores, createCounter } from './counter.ts'
import { type Limiter, refused, type Verdict } from './limiter.ts'
import type { BackoffLimit } from './limits.ts'
import { deleteRateLimits, listFullRateLimits } from './rate_limit_store.ts'

/**
 * Some attempts at once, then one per delay. Three counters per key, each changed in atomic steps:
 *
 * - `free` counts the attempts that need no waiting: all free ones but the last.
 * - `gate` lets one attempt through and ends with the delay: who finds it taken waits.
 * - `level` counts the attempts that went through the gate and so decides the next delay.
 */

/** A refusal on this node must not outlive a success on another for long. */
const MEMORY_MS = 1_000

/** In the points of a gate: it will not open again within the window. */
const EXHAUSTED = 1_000_000_000

type Counters = { free: Counter; gate: Counter; level: Counter }

export function createBackoffLimiter(db: Db, name: string, limit: BackoffLimit): Limiter {
  const counters = createCounters(db, name, limit)
  const blocked = createBlockedKeys()
  const consume = async (key: string): Promise<Verdict> => {
    const used = await counters.free.add(key, 1)
    if (used.points < limit.free) return { allowed: true, remaining: limit.free - used.points }
    // This one goes by the gate; it is counted there.
    await counters.free.add(key, -1)
    return passGate(counters, limit, key)
  }
  return {
    async consume(key) {
      const remembered = blocked.find(key)
      if (remembered) return remembered
      const verdict = await consume(key)
      if (!verdict.allowed) blocked.block(key, verdict, MEMORY_MS)
      return verdict
    },
    async refund(key) {
      blocked.forget(key)
      const { points } = await counters.level.get(key)
      if (points === 0) return void (await counters.free.add(key, -1))
      await counters.level.add(key, -1)
      await counters.gate.delete(key)
    },
    peekBlocked: (keyOf) => (blocked.isEmpty() ? 0 : (blocked.find(keyOf())?.retryAfterS ?? 0)),
    async reset(key) {
      blocked.forget(key)
      await deleteAll(db, counters, key)
    },
  }
}

/** Those of these keys, which are already hashed, that have used up all attempts there are. */
export async function listExhausted(
  db: Db,
  name: string,
  { limit, keys }: { limit: BackoffLimit; keys: readonly string[] },
): Promise<Set<string>> {
  const { gate } = createCounters(db, name, limit)
  const rowKeys = new Map(keys.map((key) => [gate.rowKey(key), key]))
  const full = await listFullRateLimits(db, { keys: [...rowKeys.keys()], above: EXHAUSTED - 1 })
  return new Set(full.flatMap((rowKey) => rowKeys.get(rowKey) ?? []))
}

function createCounters(db: Db, name: string, limit: BackoffLimit): Counters {
  const stores: CounterStores = { db, redis: undefined }
  const { windowS } = limit
  return {
    free: createCounter(stores, { name: `${name}:free`, windowS }),
    gate: createCounter(stores, { name: `${name}:gate`, windowS: limit.firstDelayS }),
    level: createCounter(stores, { name: `${name}:level`, windowS }),
  }
}

async function passGate(
  { gate, level }: Counters,
  limit: BackoffLimit,
  key: string,
): Promise<Verdict> {
  const taken = await gate.add(key, 1)
  if (taken.points > 1) {
    const refusal = refused(taken.endsInMs)
    return taken.points > EXHAUSTED ? { ...refusal, exhausted: true } : refusal
  }
  // From here on this attempt is alone with the key until the gate ends.
  const passed = await level.add(key, 1)
  if (limit.free - 1 + passed.points > limit.total) {
    await level.add(key, -1)
    await gate.set(key, EXHAUSTED, Math.max(1, Math.ceil(passed.endsInMs / 1000)))
    return { ...refused(passed.endsInMs), exhausted: true }
  }
  const delayS = Math.min(limit.firstDelayS * 2 ** (passed.points - 1), limit.maxDelayS)
  if (passed.points > 1) await gate.set(key, 1, delayS)
  return { allowed: true, remaining: 0 }
}

async function deleteAll(db: Db, counters: Counters, key: string): Promise<void> {
  const all = Object.values(counters)
  await deleteRateLimits(
    db,
    all.map((counter) => counter.rowKey(key)),
  )
}

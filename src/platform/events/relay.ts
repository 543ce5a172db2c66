import { type Db, inTransaction, query, type Transaction } from '../persistence/db.ts'
import { hasWaitingEvents, onEvents } from './outbox.ts'

/**
 * Carries events from the outbox to the sinks. A batch is taken with SKIP LOCKED, handed to every
 * sink in the same transaction and deleted by its commit: a sink sees each event once, in the order
 * of the outbox, however many workers run and whenever one of them dies.
 */

export type StoredEvent = {
  id: string
  type: string
  subject: string | null
  occurredAt: Date
  data: Record<string, unknown>
}

export type EventSink = {
  name: string
  /** Runs inside the relay's transaction: it writes, it never calls out. */
  deliver(tx: Transaction, events: readonly StoredEvent[]): Promise<void>
}

type OutboxRow = {
  event_id: string
  type: string
  subject: string | null
  occurred_at: Date
  data: Record<string, unknown>
}

const BATCH = 200

/** Delivers one batch and returns how many events it had; 0 means the outbox is empty. */
export async function relayBatch(db: Db, sinks: readonly EventSink[]): Promise<number> {
  return await inTransaction(db, async (tx) => {
    const rows = await query<OutboxRow & { id: string }>(
      tx,
      `WITH batch AS (
         SELECT id FROM event_outbox ORDER BY id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
       )
       DELETE FROM event_outbox WHERE id = ANY (ARRAY (SELECT id FROM batch))
       RETURNING id, event_id, type, subject, occurred_at, data`,
    )
    if (rows.length === 0) return 0
    const events = rows
      .sort((a, b) => Number(BigInt(a.id) - BigInt(b.id)))
      .map((row) => ({
        id: row.event_id,
        type: row.type,
        subject: row.subject,
        occurredAt: row.occurred_at,
        data: row.data,
      }))
    for (const sink of sinks) await sink.deliver(tx, events)
    return rows.length
  })
}

export type Relay = { stop(): Promise<void> }

const BUSY_MS = 0
/** Also between an event of this process and the look for it, which is not committed when we hear of it. */
const IDLE_MS = 1_000
const IDLE_MAX_MS = 15_000
const RETRY_MS = 5_000

/**
 * Runs `relayBatch` for as long as the worker lives: at once while there is work, a second after this
 * process has written events, and every 15 s for those of others, who may be gone when theirs are there.
 */
export function startRelay(
  db: Db,
  sinks: readonly EventSink[],
  log: { warn(fields: object, message: string): void },
): Relay {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()
  let pauseMs = IDLE_MS
  let heard = false

  const round = async (): Promise<void> => {
    try {
      heard = false
      const busy = pauseMs === BUSY_MS || (await hasWaitingEvents(db))
      const delivered = busy ? await relayBatch(db, sinks) : 0
      if (delivered > 0) pauseMs = BUSY_MS
      else pauseMs = heard ? IDLE_MS : Math.min(Math.max(pauseMs * 2, IDLE_MS), IDLE_MAX_MS)
    } catch (error) {
      pauseMs = RETRY_MS
      log.warn({ err: error }, 'events could not be relayed and will be tried again')
    }
    if (!stopped) schedule()
  }
  const schedule = (): void => {
    timer = setTimeout(() => {
      timer = undefined
      running = round()
    }, pauseMs)
    timer.unref()
  }
  const unsubscribe = onEvents(() => {
    heard = true
    // A round that runs looks again by itself.
    if (timer === undefined || pauseMs <= IDLE_MS) return
    clearTimeout(timer)
    pauseMs = IDLE_MS
    schedule()
  })
  schedule()
  return {
    async stop() {
      stopped = true
      unsubscribe()
      clearTimeout(timer)
      await running
    },
  }
}

import { DomainError } from '../../core/errors.ts'
import type { Db } from '../persistence/db.ts'
import type { AuthEvent } from './event.ts'
import { appendEvents } from './outbox.ts'

/**
 * Records facts that no row stands for: a stateless token handed out, a request refused. They are
 * gathered and written together, so that a flood of refusals costs one statement now and then and
 * no request waits for it. What a crash can lose is bounded by `FLUSH_MS`; facts with a row of their
 * own go through `appendEvent` in its transaction instead.
 */
export type EventRecorder = {
  record(event: AuthEvent): void
  /** Writes what is gathered now; called at shutdown, and by tests. */
  flush(): Promise<void>
  stop(): Promise<void>
}

const FLUSH_MS = 250
const BATCH = 500
/** Beyond this the oldest are dropped and counted: memory stays bounded while the database is away. */
const CAPACITY = 20_000

type Log = { error(fields: object, message: string): void }

export function createEventRecorder(db: Db, log: Log): EventRecorder {
  let waiting: AuthEvent[] = []
  let dropped = 0
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> = Promise.resolve()

  /** Returns what could not be written yet. */
  const store = async (batch: AuthEvent[]): Promise<AuthEvent[]> => {
    try {
      await appendEvents(db, batch)
      return []
    } catch (error) {
      if (!isFaultOfData(error)) {
        const fields = { err: error, waiting: waiting.length + batch.length, dropped }
        log.error(fields, 'events could not be recorded yet')
        return batch
      }
      if (batch.length > 1) return await storeHalves(batch)
      log.error(
        { err: error, 'event.type': batch[0]!.type },
        'an event cannot be recorded and is given up',
      )
      return []
    }
  }
  /** One event that PostgreSQL refuses must not hold up the others. */
  const storeHalves = async (batch: AuthEvent[]): Promise<AuthEvent[]> => {
    const middle = batch.length >> 1
    const left = await store(batch.slice(0, middle))
    if (left.length > 0) return [...left, ...batch.slice(middle)]
    return await store(batch.slice(middle))
  }
  const write = async (): Promise<void> => {
    while (waiting.length > 0) {
      // Taken out before it is written: `record` drops from the front meanwhile.
      const left = await store(waiting.splice(0, BATCH))
      if (left.length === 0) continue
      waiting = [...left, ...waiting]
      dropped += waiting.splice(0, Math.max(0, waiting.length - CAPACITY)).length
      return schedule()
    }
  }
  const flush = (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    writing = writing.then(write)
    return writing
  }
  const schedule = (): void => {
    timer ??= setTimeout(() => void flush(), FLUSH_MS)
    timer.unref()
  }
  return {
    record(event) {
      if (waiting.length >= CAPACITY) {
        waiting.shift()
        dropped += 1
      }
      waiting.push(event)
      schedule()
    },
    flush,
    stop: flush,
  }
}

/** Not JSON, or an SQLSTATE of class 22 (data), 23 (constraint) or 54 (too large): no use to retry. */
function isFaultOfData(error: unknown): boolean {
  if (error instanceof TypeError) return true
  const source = error instanceof DomainError ? error.cause : error
  return /^(22|23|54)/.test((source as { code?: string } | undefined)?.code ?? '')
}

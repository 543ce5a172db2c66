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

  const write = async (): Promise<void> => {
    while (waiting.length > 0) {
      const batch = waiting.slice(0, BATCH)
      try {
        await appendEvents(db, batch)
      } catch (error) {
        log.error(
          { err: error, waiting: waiting.length, dropped },
          'events could not be recorded yet',
        )
        schedule()
        return
      }
      waiting = waiting.slice(batch.length)
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

import { type AddValue, addTo, type Db, query } from '../persistence/db.ts'
import type { AuthEvent } from './event.ts'

/**
 * Events enter the outbox in the transaction of the fact they tell, so that neither is ever there
 * without the other.
 */

export async function appendEvent(tx: Db, event: AuthEvent): Promise<void> {
  await appendEvents(tx, [event])
}

/**
 * One statement for all of them. Nothing is notified: NOTIFY would serialise every commit of the
 * server on one lock. A relay in this process is told, and those of others look by themselves.
 */
export async function appendEvents(tx: Db, events: readonly AuthEvent[]): Promise<void> {
  if (events.length === 0) return
  const values: unknown[] = []
  const text = insertOf(events, addTo(values))
  await query(tx, text, values)
}

/**
 * `insert`, a statement of `values`, as one that tells its fact too: where that is all that there is to
 * do, neither takes a transaction of its own. `values` grows.
 */
export function withEvent(insert: string, values: unknown[], event: AuthEvent): string {
  return `WITH ${appendedEventsCte([event], addTo(values), '')} ${insert}`
}

const listeners = new Set<() => void>()

/** Called when this process is about to write events, until the returned function is. */
export function onEvents(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/**
 * For statements that write facts and their events at once.
 *
 * @param condition a WHERE clause, or nothing; for one event a FROM clause of one row at most, too
 * @param name of the part, where a statement has several
 */
export function appendedEventsCte(
  events: readonly AuthEvent[],
  add: AddValue,
  condition: string,
  name = 'appended_event',
): string {
  return `${name} AS (${insertOf(events, add, condition)})`
}

const COLUMNS = 'event_id, type, subject, occurred_at, data'

/** One event, as with nearly every request, is spared the detour over JSON. */
function insertOf(events: readonly AuthEvent[], add: AddValue, condition = ''): string {
  if (events.length > 0) for (const listener of listeners) listener()
  const [first, ...more] = events.map(rowOf)
  if (first && more.length === 0) {
    const values = [
      add(first.id, 'uuid'),
      add(first.type, 'text'),
      add(first.subject ?? null, 'text'),
      add(first.occurred_at, 'timestamptz'),
      add(first.data, 'json'),
    ]
    return `INSERT INTO event_outbox (${COLUMNS}) SELECT ${values.join(', ')} ${condition}`
  }
  return `INSERT INTO event_outbox (${COLUMNS})
    SELECT id, type, subject, occurred_at, data::json
      FROM json_to_recordset(${add(JSON.stringify(events.map(rowOf)), 'json')})
        AS e(id uuid, type text, subject text, occurred_at timestamptz, data text) ${condition}`
}

function rowOf({ id, type, occurredAt, subject, data }: AuthEvent) {
  return {
    id,
    type,
    occurred_at: occurredAt,
    // A name out of a request may hold what no text column takes; `data` keeps it as it was.
    subject: subject?.toWellFormed().replaceAll('\0', '\ufffd'),
    // Text inside the JSON: what a request carried (U+0000) is copied, never decoded.
    data: JSON.stringify(data),
  }
}

/** Whether any event waits: less to ask for than a transaction that finds none. */
export async function hasWaitingEvents(db: Db): Promise<boolean> {
  return (await query(db, 'SELECT 1 AS one FROM event_outbox ORDER BY id LIMIT 1')).length > 0
}

/** How many events wait to be relayed. */
export async function countWaitingEvents(db: Db): Promise<number> {
  const [row] = await query<{ waiting: number }>(
    db,
    'SELECT count(*)::integer AS waiting FROM event_outbox',
  )
  return row!.waiting
}

import { type Db, query } from '../persistence/db.ts'
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
 * server on one lock, and the relay looks every second anyway.
 */
export async function appendEvents(tx: Db, events: readonly AuthEvent[]): Promise<void> {
  if (events.length === 0) return
  await query(tx, `WITH ${EVENTS_CTE} SELECT count(*) FROM appended_event`, [eventRows(events)])
}

/** The events as the one JSON parameter that `EVENTS_CTE` reads. */
export function eventRows(events: readonly AuthEvent[]): string {
  return JSON.stringify(
    events.map(({ id, type, occurredAt, subject, data }) => ({
      id,
      type,
      occurred_at: occurredAt,
      // A name out of a request may hold what no text column takes; `data` keeps it as it was.
      subject: subject?.toWellFormed().replaceAll('\0', '\ufffd'),
      // Text inside the JSON: what a request carried (U+0000) is copied, never decoded.
      data: JSON.stringify(data),
    })),
  )
}

/** For statements that write facts and their events at once: `$1` is `eventRows(events)`. */
export const EVENTS_CTE = `
  appended_event AS (
    INSERT INTO event_outbox (event_id, type, subject, occurred_at, data)
    SELECT id, type, subject, occurred_at, data::json
      FROM json_to_recordset($1::json)
        AS e(id uuid, type text, subject text, occurred_at timestamptz, data text)
    RETURNING 1
  )`

/** How many events wait to be relayed. */
export async function countWaitingEvents(db: Db): Promise<number> {
  const [row] = await query<{ waiting: number }>(
    db,
    'SELECT count(*)::integer AS waiting FROM event_outbox',
  )
  return row!.waiting
}

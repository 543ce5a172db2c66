import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, query } from '../../platform/persistence/db.ts'
import { openPersonal } from './personal_data.ts'

/** The trail as those read it whom it is about; how it is written and proven is in `audit_trail.ts`. */
export type EntryOfSubject = {
  eventId: string
  type: string
  occurredAt: Date
  data: Record<string, unknown>
}

type EntryRow = {
  event_id: string
  type: string
  occurred_at: Date
  data: Record<string, unknown>
}

type ReadDeps = { db: Db; keyring: Keyring }

/** With what is personal in them: these are read by whom they are about. */
async function opened(
  { db, keyring }: ReadDeps,
  subject: string,
  rows: readonly EntryRow[],
): Promise<EntryOfSubject[]> {
  const sealed = rows.map((row) => ({ ...row, id: row.event_id, subject }))
  const open = await openPersonal(db, keyring, sealed)
  return open.map((row) => ({
    eventId: row.id,
    type: row.type,
    occurredAt: row.occurred_at,
    data: row.data,
  }))
}

/**
 * The newest first.
 *
 * @param before an event of this subject, after which to go on. Events are named by their ids: the
 *   numbers of the trail would tell how much happens here altogether.
 */
export async function listEntriesOfSubject(
  { db, keyring }: ReadDeps,
  {
    subject,
    types,
    before,
    limit,
  }: { subject: string; types: readonly string[]; before: string | undefined; limit: number },
): Promise<EntryOfSubject[]> {
  const rows = await query<EntryRow>(
    db,
    `SELECT event_id, type, occurred_at, data FROM audit_entry
      WHERE subject = $1 AND type = ANY($2)
        AND seq < coalesce((SELECT seq FROM audit_entry WHERE event_id = $3 AND subject = $1),
                           9223372036854775807)
      ORDER BY seq DESC LIMIT $4`,
    [subject, types, before ?? null, limit],
  )
  return await opened({ db, keyring }, subject, rows)
}

/** Of every type, the newest first. */
export async function listNewestEntriesOfSubject(
  { db, keyring }: ReadDeps,
  { subject, limit }: { subject: string; limit: number },
): Promise<EntryOfSubject[]> {
  const rows = await query<EntryRow>(
    db,
    `SELECT event_id, type, occurred_at, data FROM audit_entry
      WHERE subject = $1 ORDER BY seq DESC LIMIT $2`,
    [subject, limit],
  )
  return await opened({ db, keyring }, subject, rows)
}

import type { StoredEvent } from '../../platform/events/relay.ts'
import { type Db, query } from '../../platform/persistence/db.ts'

/** The end of the audit trail, for reading; `domain/audit` writes and verifies it. */
export type AuditEntry = StoredEvent & { seq: string }

type Row = {
  seq: string
  event_id: string
  type: string
  subject: string | null
  occurred_at: Date
  data: Record<string, unknown>
}

/** The newest entries that match, oldest of them first. */
export async function listNewestEntries(
  db: Db,
  { subject, type, limit }: { subject?: string; type?: string; limit: number },
): Promise<AuditEntry[]> {
  const rows = await query<Row>(
    db,
    `SELECT seq, event_id, type, subject, occurred_at, data
       FROM audit_entry
      WHERE ($1::text IS NULL OR subject = $1) AND ($2::text IS NULL OR type = $2)
      ORDER BY seq DESC LIMIT $3`,
    [subject ?? null, type ?? null, limit],
  )
  return rows.reverse().map((row) => ({
    seq: row.seq,
    id: row.event_id,
    type: row.type,
    subject: row.subject,
    occurredAt: row.occurred_at,
    data: row.data,
  }))
}

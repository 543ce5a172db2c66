import { type Db, query } from '../../platform/persistence/db.ts'
import type { Message, MessageKind } from './message.ts'

type MessageRow = {
  id: string
  kind: MessageKind
  account_id: string
  recipient: string
  fields: { client: string }
  created_at: Date
}

/** The newest messages first. */
export async function listMessages(db: Db, { limit }: { limit: number }): Promise<Message[]> {
  const rows = await query<MessageRow>(
    db,
    `SELECT id, kind, account_id, recipient, fields, created_at
       FROM message ORDER BY created_at DESC, id LIMIT $1`,
    [limit],
  )
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind,
    accountId: row.account_id,
    recipient: row.recipient,
    fields: row.fields,
    createdAt: row.created_at,
  }))
}

/**
 * Writes a notice to the account's address, naming the client. Nothing happens for
 * an account without an address, or for an event that was noticed before.
 */
export async function insertNotice(
  tx: Db,
  notice: { eventId: string; kind: MessageKind; accountId: string; clientId: string; at: Date },
): Promise<void> {
  await query(
    tx,
    `INSERT INTO message (id, kind, account_id, recipient, fields, created_at)
     SELECT $1, $5, account.id, account.email,
            json_build_object('client', coalesce(client.name, $3)), $4
       FROM account LEFT JOIN client ON client.client_id = $3
      WHERE account.id = $2 AND account.email IS NOT NULL
     ON CONFLICT (id) DO NOTHING`,
    [notice.eventId, notice.accountId, notice.clientId, notice.at, notice.kind],
  )
}

import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, query, queryOne, type Transaction } from '../../platform/persistence/db.ts'
import type { Channel, MessageKind } from './kinds.ts'
import type { Message, MessageState } from './message.ts'
import { openFields } from './sealed_fields.ts'

type MessageRow = {
  id: string
  kind: MessageKind
  channel: Channel
  account_id: string | null
  recipient: string
  locale: string
  fields: Record<string, unknown>
  fields_sealed: Buffer | null
  state: MessageState
  attempts: number
  created_at: Date
}

const COLUMNS = `id, kind, channel, account_id, recipient, locale, fields, fields_sealed, state, attempts, created_at`

type Opens = Pick<Keyring, 'open'>

/** The newest messages first. */
export async function listMessages(
  db: Db,
  keyring: Opens,
  { limit }: { limit: number },
): Promise<Message[]> {
  const rows = await query<MessageRow>(
    db,
    `SELECT ${COLUMNS} FROM message ORDER BY created_at DESC, id LIMIT $1`,
    [limit],
  )
  return rows.map((row) => messageOf(keyring, row))
}

export type NewMessage = {
  id: string
  kind: MessageKind
  channel: Channel
  accountId: string | undefined
  recipient: string
  recipientHash: Buffer
  locale: string
  fieldsSealed: Buffer
  idempotencyKey: string | undefined
  createdAt: Date
  expiresAt: Date
}

/** False where a message with its idempotency key is there already. */
export async function insertMessage(tx: Transaction, message: NewMessage): Promise<boolean> {
  const row = await queryOne(
    tx,
    `INSERT INTO message (id, kind, channel, account_id, recipient, recipient_hash, locale,
                          fields_sealed, idempotency_key, created_at, expires_at, state)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'queued')
     ON CONFLICT (idempotency_key) DO NOTHING
     RETURNING id`,
    [
      message.id,
      message.kind,
      message.channel,
      message.accountId ?? null,
      message.recipient,
      message.recipientHash,
      message.locale,
      message.fieldsSealed,
      message.idempotencyKey ?? null,
      message.createdAt,
      message.expiresAt,
    ],
  )
  return row !== undefined
}

/** Held until the transaction ends. */
export async function lockRecipient(tx: Transaction, recipientHash: Buffer): Promise<void> {
  await query(tx, 'SELECT pg_advisory_xact_lock($1)', [recipientHash.readBigInt64BE().toString()])
}

export async function countRecent(
  tx: Transaction,
  { recipientHash, kinds, now }: { recipientHash: Buffer; kinds: MessageKind[]; now: Date },
): Promise<{ lastHour: number; lastDay: number }> {
  const row = await queryOne<{ last_hour: number; last_day: number }>(
    tx,
    `SELECT count(*) FILTER (WHERE created_at > $3::timestamptz - interval '1 hour')::integer AS last_hour,
            count(*)::integer AS last_day
       FROM message
      WHERE recipient_hash = $1 AND kind = ANY($2) AND created_at > $3::timestamptz - interval '1 day'`,
    [recipientHash, kinds, now],
  )
  return { lastHour: row!.last_hour, lastDay: row!.last_day }
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

function messageOf(keyring: Opens, row: MessageRow): Message {
  return {
    id: row.id,
    kind: row.kind,
    channel: row.channel,
    accountId: row.account_id ?? undefined,
    recipient: row.recipient,
    locale: row.locale,
    fields: fieldsOf(keyring, row),
    state: row.state,
    attempts: row.attempts,
    createdAt: row.created_at,
  }
}

function fieldsOf(keyring: Opens, { id, fields, fields_sealed: sealed }: MessageRow) {
  if (sealed) return openFields(keyring, id, sealed)
  return Object.keys(fields).length > 0 ? fields : undefined
}

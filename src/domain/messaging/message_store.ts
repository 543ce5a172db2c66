import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, query, queryOne, type Transaction } from '../../platform/persistence/db.ts'
import { deleteEnded } from '../../platform/persistence/delete_ended.ts'
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
  expires_at: Date
}

const COLUMNS = `id, kind, channel, account_id, recipient, locale, fields, fields_sealed, state, attempts, created_at, expires_at`

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

export type MessageFacts = Pick<Message, 'id' | 'kind' | 'channel' | 'recipient' | 'state'> & {
  transport: string | undefined
  failure: string | undefined
  createdAt: Date
  sentAt: Date | undefined
}

/** The newest first, without what they say. */
export async function listMessageFacts(
  db: Db,
  { limit }: { limit: number },
): Promise<MessageFacts[]> {
  const rows = await query<{
    id: string
    kind: MessageKind
    channel: Channel
    recipient: string
    state: MessageState
    transport: string | null
    failure: string | null
    created_at: Date
    sent_at: Date | null
  }>(
    db,
    `SELECT id, kind, channel, recipient, state, transport, failure, created_at, sent_at
       FROM message ORDER BY created_at DESC, id LIMIT $1`,
    [limit],
  )
  return rows.map(({ created_at, sent_at, transport, failure, ...row }) => ({
    ...row,
    transport: transport ?? undefined,
    failure: failure ?? undefined,
    createdAt: created_at,
    sentAt: sent_at ?? undefined,
  }))
}

export type MessageOfAccount = Pick<
  MessageFacts,
  'kind' | 'channel' | 'state' | 'createdAt' | 'sentAt'
>

/** The newest first, without what they say and where they went. */
export async function listMessagesOfAccount(
  db: Db,
  { accountId, limit }: { accountId: string; limit: number },
): Promise<MessageOfAccount[]> {
  const rows = await query<
    Pick<MessageRow, 'kind' | 'channel' | 'state' | 'created_at'> & { sent_at: Date | null }
  >(
    db,
    `SELECT kind, channel, state, created_at, sent_at FROM message
      WHERE account_id = $1 ORDER BY created_at DESC, id LIMIT $2`,
    [accountId, limit],
  )
  return rows.map(({ created_at, sent_at, ...row }) => ({
    ...row,
    createdAt: created_at,
    sentAt: sent_at ?? undefined,
  }))
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

/** Longer than any attempt takes: a claim that is older is a dead worker's. */
const CLAIM_S = 90

/**
 * Takes a message that waits, or whose worker died, for one attempt; nobody else has it meanwhile.
 * Undefined where there is nothing to do.
 */
export async function claimMessage(
  db: Db,
  keyring: Opens,
  { id, now }: { id: string; now: Date },
): Promise<(Message & { expired: boolean }) | undefined> {
  const row = await queryOne<MessageRow & { expired: boolean }>(
    db,
    `UPDATE message SET state = 'sending', attempts = attempts + 1, claimed_at = $2
      WHERE id = $1
        AND (state = 'queued'
             OR state = 'sending' AND claimed_at < $2::timestamptz - interval '${CLAIM_S} seconds')
      RETURNING ${COLUMNS}, expires_at <= $2 AS expired`,
    [id, now],
  )
  return row && { ...messageOf(keyring, row), expired: row.expired }
}

/** Whether an attempt is under way, or died a moment ago. */
export async function isBeingSent(db: Db, { id }: { id: string }): Promise<boolean> {
  const row = await queryOne(db, `SELECT FROM message WHERE id = $1 AND state = 'sending'`, [id])
  return row !== undefined
}

/** Back to those that wait. */
export async function releaseMessage(
  db: Db,
  { id, failure }: { id: string; failure: string },
): Promise<void> {
  await query(
    db,
    `UPDATE message SET state = 'queued', claimed_at = NULL, failure = $2
      WHERE id = $1 AND state = 'sending'`,
    [id, failure],
  )
}

export type Settlement = {
  id: string
  state: 'sent' | 'failed' | 'expired'
  transport?: string | undefined
  providerId?: string | undefined
  failure?: string | undefined
  at: Date
  wipe: boolean
}

/** A report of its delivery that came meanwhile stands; what it said goes all the same. */
export async function settleMessage(tx: Db, settled: Settlement): Promise<void> {
  await query(
    tx,
    `UPDATE message
        SET state = CASE WHEN state = 'sending' THEN $2 ELSE state END,
            transport = $3, provider_id = $4, failure = $5,
            sent_at = CASE WHEN $2 = 'sent' THEN $6::timestamptz END,
            settled_at = $6,
            fields_sealed = CASE WHEN $7 THEN NULL ELSE fields_sealed END
      WHERE id = $1`,
    [
      settled.id,
      settled.state,
      settled.transport ?? null,
      settled.providerId ?? null,
      settled.failure ?? null,
      settled.at,
      settled.wipe,
    ],
  )
}

export type Report = {
  id: string
  transport: string
  /** Where the provider is one behind our transports: any message by this channel is meant. */
  channel?: Channel | undefined
  outcome: 'delivered' | 'bounced'
  at: Date
}
export type Reported = Pick<Message, 'id' | 'kind' | 'channel' | 'accountId'>

/** Undefined where this transport has no such message, or what became of it is known. */
export async function recordReport(tx: Db, report: Report): Promise<Reported | undefined> {
  const row = await queryOne<Pick<MessageRow, 'id' | 'kind' | 'channel' | 'account_id'>>(
    tx,
    `UPDATE message SET state = $3, settled_at = $4
      WHERE id = $1 AND state IN ('sending', 'sent')
        AND CASE WHEN $5::text IS NULL THEN coalesce(transport, $2) = $2 ELSE channel = $5 END
      RETURNING id, kind, channel, account_id`,
    [report.id, report.transport, report.outcome, report.at, report.channel ?? null],
  )
  return (
    row && {
      id: row.id,
      kind: row.kind,
      channel: row.channel,
      accountId: row.account_id ?? undefined,
    }
  )
}

/** A mail of ours whose address is bad; undefined where it was told before. */
export async function markUndeliverable(
  tx: Transaction,
  { id, at }: { id: string; at: Date },
): Promise<(Omit<Reported, 'id'> & { recipient: string }) | undefined> {
  const row = await queryOne<Pick<MessageRow, 'kind' | 'channel' | 'account_id' | 'recipient'>>(
    tx,
    `UPDATE message SET undeliverable_at = $2
      WHERE id = $1 AND channel = 'email' AND undeliverable_at IS NULL
      RETURNING kind, channel, account_id, recipient`,
    [id, at],
  )
  return row && { ...row, accountId: row.account_id ?? undefined }
}

export async function findMessage(
  db: Db,
  keyring: Opens,
  { id }: { id: string },
): Promise<Message | undefined> {
  const row = await queryOne<MessageRow>(db, `SELECT ${COLUMNS} FROM message WHERE id = $1`, [id])
  return row && messageOf(keyring, row)
}

/** Seconds that the oldest message has waited; 0 where none does. */
export async function oldestWaitingS(db: Db, { now }: { now: Date }): Promise<number> {
  const row = await queryOne<{ waiting: number }>(
    db,
    `SELECT greatest(0, coalesce(extract(epoch FROM $1::timestamptz - min(created_at)), 0))::float8 AS waiting
       FROM message WHERE state IN ('queued', 'sending')`,
    [now],
  )
  return row!.waiting
}

/** Whatever became of it. Its job finds nothing then. */
export async function deleteOldMessages(
  db: Db,
  { before, limit }: { before: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'message', ends: 'created_at' }, { until: before, limit })
}

export type Addressee = {
  /** Where it is proven, or there is nothing that is. */
  email: string | undefined
  /** Where it is proven. */
  phone: string | undefined
  clientName: string
  locale: string | undefined
}

/** Whom a notice about an account and a client goes to; undefined where there is no such account. */
export async function findAddressee(
  db: Db,
  { accountId, clientId }: { accountId: string; clientId: string },
): Promise<Addressee | undefined> {
  const row = await queryOne<{
    email: string | null
    phone: string | null
    client_name: string
    locale: string | null
  }>(
    db,
    `SELECT CASE WHEN account.email_verified OR NOT account.phone_verified THEN account.email END AS email,
            CASE WHEN account.phone_verified THEN account.phone END AS phone,
            coalesce(client.name, $2) AS client_name, account.claims->>'locale' AS locale
       FROM account LEFT JOIN client ON client.client_id = $2
      WHERE account.id = $1`,
    [accountId, clientId],
  )
  return (
    row && {
      email: row.email ?? undefined,
      phone: row.phone ?? undefined,
      clientName: row.client_name,
      locale: row.locale ?? undefined,
    }
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
    expiresAt: row.expires_at,
  }
}

function fieldsOf(keyring: Opens, { id, fields, fields_sealed: sealed }: MessageRow) {
  if (sealed) return openFields(keyring, id, sealed)
  return Object.keys(fields).length > 0 ? fields : undefined
}

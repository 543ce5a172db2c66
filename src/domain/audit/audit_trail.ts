import { createHmac, type KeyObject } from 'node:crypto'
import type { EventSink, StoredEvent } from '../../platform/events/relay.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, query, queryOne, type Transaction } from '../../platform/persistence/db.ts'
import { sealPersonal } from './personal_data.ts'

/**
 * The audit trail: every event once, in one gapless sequence, each row bound to the one before it by
 * an HMAC. Whoever changes, removes or inserts a row without the key breaks the chain there, and
 * `verifyAuditTrail` names the first row where it breaks.
 */

/** 32 bytes derived for this purpose, known to the server and never to the database. */
export function auditKey(keyring: Keyring): KeyObject {
  return keyring.deriveKey('audit')
}

const GENESIS = Buffer.alloc(32)
const VERIFY_BATCH = 1_000

/** What is personal in an event is sealed before it is chained; see `personal_data.ts`. */
export function createAuditSink(keyring: Keyring): EventSink {
  const key = auditKey(keyring)
  return {
    name: 'audit',
    async deliver(tx, events) {
      await query(tx, `SELECT pg_advisory_xact_lock(hashtext('authcore:audit'))`)
      const last = await queryOne<{ seq: string; hash: Buffer }>(
        tx,
        'SELECT seq, hash FROM audit_entry ORDER BY seq DESC LIMIT 1',
      )
      const fresh = await withoutKnown(tx, events)
      const kept = await sealPersonal(tx, keyring, fresh)
      await insertEntries(tx, chain(key, kept, BigInt(last?.seq ?? 0), last?.hash ?? GENESIS))
    },
  }
}

/**
 * The events that are not in the trail yet, each once. One comes twice where a writer lost its
 * connection and could not know that it had been heard.
 */
async function withoutKnown(
  tx: Transaction,
  events: readonly StoredEvent[],
): Promise<StoredEvent[]> {
  const once = new Map(events.map((event) => [event.id, event]))
  const known = await query<{ event_id: string }>(
    tx,
    'SELECT event_id FROM audit_entry WHERE event_id = ANY($1::uuid[])',
    [[...once.keys()]],
  )
  for (const { event_id } of known) once.delete(event_id)
  return [...once.values()]
}

type Entry = {
  seq: string
  event_id: string
  type: string
  subject: string | null
  occurred_at: string
  data: string
  previous_hash: string
  hash: string
}

function chain(
  key: KeyObject,
  events: readonly StoredEvent[],
  lastSeq: bigint,
  lastHash: Buffer,
): Entry[] {
  let seq = lastSeq
  let previous = lastHash
  return events.map((event) => {
    seq += 1n
    const entry = {
      seq: seq.toString(),
      event_id: event.id,
      type: event.type,
      subject: event.subject,
      occurred_at: event.occurredAt.toISOString(),
      data: JSON.stringify(event.data),
    }
    const hash = hashEntry(key, previous, entry)
    const row = { ...entry, previous_hash: previous.toString('hex'), hash: hash.toString('hex') }
    previous = hash
    return row
  })
}

type Hashed = Omit<Entry, 'hash' | 'previous_hash'>

function hashEntry(key: KeyObject, previous: Buffer, entry: Hashed): Buffer {
  const { seq, event_id, type, subject, occurred_at, data } = entry
  return createHmac('sha256', key)
    .update(previous)
    .update(JSON.stringify([seq, event_id, type, subject, occurred_at, data]))
    .digest()
}

async function insertEntries(tx: Transaction, entries: readonly Entry[]): Promise<void> {
  await query(
    tx,
    `INSERT INTO audit_entry
            (seq, event_id, type, subject, occurred_at, data, previous_hash, hash)
     SELECT seq, event_id, type, subject, occurred_at, data::json,
            decode(previous_hash, 'hex'), decode(hash, 'hex')
       FROM json_to_recordset($1::json)
         AS e(seq bigint, event_id uuid, type text, subject text, occurred_at timestamptz,
              data text, previous_hash text, hash text)`,
    [JSON.stringify(entries)],
  )
}

export type AuditVerdict =
  | { kind: 'intact'; entries: number }
  | { kind: 'broken'; seq: string; reason: 'gap' | 'link' | 'content' }

type VerifyRow = Hashed & { previous_hash: Buffer; hash: Buffer }

/**
 * Walks the whole trail in bounded memory and names the first row that is not as it was written.
 * Rows missing at the end leave no trace in a chain: who fears that keeps its length elsewhere.
 */
export async function verifyAuditTrail(db: Db, key: KeyObject): Promise<AuditVerdict> {
  let seq = 0n
  let previous: Buffer = GENESIS
  for (;;) {
    const rows = await listEntriesAfter(db, seq)
    for (const row of rows) {
      seq += 1n
      if (row.seq !== seq.toString()) return { kind: 'broken', seq: seq.toString(), reason: 'gap' }
      if (!row.previous_hash.equals(previous))
        return { kind: 'broken', seq: row.seq, reason: 'link' }
      if (!row.hash.equals(hashEntry(key, previous, row))) {
        return { kind: 'broken', seq: row.seq, reason: 'content' }
      }
      previous = row.hash
    }
    if (rows.length < VERIFY_BATCH) return { kind: 'intact', entries: Number(seq) }
  }
}

async function listEntriesAfter(db: Db, seq: bigint): Promise<VerifyRow[]> {
  return await query<VerifyRow>(
    db,
    `SELECT seq, event_id, type, subject,
            to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS occurred_at,
            data::text AS data, previous_hash, hash
       FROM audit_entry WHERE seq > $1 ORDER BY seq LIMIT ${VERIFY_BATCH}`,
    [seq.toString()],
  )
}

import { type Db, query, queryOne, type Transaction } from '../../../platform/persistence/db.ts'
import { deleteEnded } from '../../../platform/persistence/delete_ended.ts'

export type StoredCode = {
  id: string
  purpose: string
  accountId?: string | undefined
  payloadSealed: Buffer
  /** The way that the message went. */
  channel: 'email' | 'sms'
  /** Absent until the message that carries it was written. */
  codeHash?: Buffer | undefined
}

type CodeRow = {
  id: string
  purpose: string
  account_id: string | null
  payload_sealed: Buffer
  channel: 'email' | 'sms'
  code_hash: Buffer | null
}

const COLUMNS = 'id, purpose, account_id, payload_sealed, channel, code_hash'
/** So many wrong codes, and the right one is worth nothing any more. */
const MAX_TRIES = 5

function codeFromRow(row: CodeRow): StoredCode {
  return {
    id: row.id,
    purpose: row.purpose,
    ...(row.account_id === null ? {} : { accountId: row.account_id }),
    payloadSealed: row.payload_sealed,
    channel: row.channel,
    ...(row.code_hash === null ? {} : { codeHash: row.code_hash }),
  }
}

export async function upsertOneTimeCode(
  tx: Transaction,
  code: {
    id: string
    purpose: string
    boundHash: Buffer
    payloadSealed: Buffer
    createdAt: Date
    expiresAt: Date
  },
): Promise<void> {
  await query(
    tx,
    `INSERT INTO one_time_code (id, purpose, bound_hash, payload_sealed, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (purpose, bound_hash) DO UPDATE SET
       id = excluded.id, payload_sealed = excluded.payload_sealed, account_id = NULL,
       code_hash = NULL, link_hash = NULL, tries = 0,
       created_at = excluded.created_at, expires_at = excluded.expires_at`,
    [code.id, code.purpose, code.boundHash, code.payloadSealed, code.createdAt, code.expiresAt],
  )
}

/** Holds the row until the transaction ends. */
export async function lockOneTimeCode(
  tx: Transaction,
  id: string,
  now: Date,
): Promise<StoredCode | undefined> {
  const row = await queryOne<CodeRow>(
    tx,
    `SELECT ${COLUMNS} FROM one_time_code WHERE id = $1 AND expires_at > $2 FOR UPDATE`,
    [id, now],
  )
  return row && codeFromRow(row)
}

export async function findPendingCode(
  db: Db,
  { purpose, boundHash, now }: { purpose: string; boundHash: Buffer; now: Date },
): Promise<StoredCode | undefined> {
  const row = await queryOne<CodeRow>(
    db,
    `SELECT ${COLUMNS} FROM one_time_code
      WHERE purpose = $1 AND bound_hash = $2 AND expires_at > $3`,
    [purpose, boundHash, now],
  )
  return row && codeFromRow(row)
}

export async function setCode(
  tx: Transaction,
  code: {
    id: string
    accountId: string | undefined
    channel: 'email' | 'sms'
    codeHash: Buffer
    linkHash: Buffer
  },
): Promise<void> {
  await query(
    tx,
    `UPDATE one_time_code SET account_id = $2, code_hash = $3, link_hash = $4, channel = $5
      WHERE id = $1`,
    [code.id, code.accountId ?? null, code.codeHash, code.linkHash, code.channel],
  )
}

/** Undefined where there is none, it has ended, or its tries are used up. */
export async function countTry(
  db: Db,
  { purpose, boundHash, now }: { purpose: string; boundHash: Buffer; now: Date },
): Promise<StoredCode | undefined> {
  const row = await queryOne<CodeRow>(
    db,
    `UPDATE one_time_code SET tries = tries + 1
      WHERE purpose = $1 AND bound_hash = $2 AND expires_at > $3 AND tries < ${MAX_TRIES}
     RETURNING ${COLUMNS}`,
    [purpose, boundHash, now],
  )
  return row && codeFromRow(row)
}

export async function findByLink(
  db: Db,
  { purpose, linkHash, now }: { purpose: string; linkHash: Buffer; now: Date },
): Promise<StoredCode | undefined> {
  const row = await queryOne<CodeRow>(
    db,
    `SELECT ${COLUMNS} FROM one_time_code
      WHERE purpose = $1 AND link_hash = $2 AND expires_at > $3`,
    [purpose, linkHash, now],
  )
  return row && codeFromRow(row)
}

/** False where it was used, or made anew, meanwhile. */
export async function deleteOneTimeCode(
  tx: Transaction,
  { id, codeHash }: { id: string; codeHash?: Buffer | undefined },
): Promise<boolean> {
  const rows = await query(
    tx,
    'DELETE FROM one_time_code WHERE id = $1 AND code_hash = $2 RETURNING id',
    [id, codeHash ?? null],
  )
  return rows.length > 0
}

/** What the account was sent before the one that is kept. */
export async function deleteOtherCodesOfAccount(
  tx: Transaction,
  { accountId, id }: { accountId: string; id?: string },
): Promise<void> {
  await query(
    tx,
    'DELETE FROM one_time_code WHERE account_id = $1 AND ($2::uuid IS NULL OR id <> $2::uuid)',
    [accountId, id ?? null],
  )
}

/** Removes up to `limit`, passing over rows that another node is removing. @returns how many */
export async function deleteExpiredOneTimeCodes(
  db: Db,
  { now, limit }: { now: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'one_time_code' }, { until: now, limit })
}

import { type Db, query, queryOne } from '../../../platform/persistence/db.ts'
import type { TotpCredential } from './totp.ts'

const COLUMNS = 'id, account_id, name, secret_sealed, created_at, confirmed_at, last_used_at'

type TotpRow = {
  id: string
  account_id: string
  name: string
  secret_sealed: Buffer
  created_at: Date
  confirmed_at: Date | null
  last_used_at: Date | null
}

export type StoredTotp = TotpCredential & { secretSealed: Buffer }

function totpFromRow(row: TotpRow): StoredTotp {
  return {
    id: row.id,
    accountId: row.account_id,
    name: row.name,
    secretSealed: row.secret_sealed,
    createdAt: row.created_at,
    ...(row.confirmed_at === null ? {} : { confirmedAt: row.confirmed_at }),
    ...(row.last_used_at === null ? {} : { lastUsedAt: row.last_used_at }),
  }
}

/** Those that a sign-in may use, in the order of their making. */
export async function listConfirmedTotps(db: Db, accountId: string): Promise<StoredTotp[]> {
  const rows = await query<TotpRow>(
    db,
    `SELECT ${COLUMNS} FROM totp_credential
      WHERE account_id = $1 AND confirmed_at IS NOT NULL ORDER BY id`,
    [accountId],
  )
  return rows.map(totpFromRow)
}

/** The enrolment that waits for its first code, where it began after `since`. */
export async function findPendingTotp(
  db: Db,
  accountId: string,
  since: Date,
): Promise<StoredTotp | undefined> {
  const row = await queryOne<TotpRow>(
    db,
    `SELECT ${COLUMNS} FROM totp_credential
      WHERE account_id = $1 AND confirmed_at IS NULL AND created_at > $2
      ORDER BY id DESC LIMIT 1`,
    [accountId, since],
  )
  return row && totpFromRow(row)
}

export async function insertTotp(tx: Db, totp: StoredTotp): Promise<void> {
  await query(
    tx,
    `INSERT INTO totp_credential (id, account_id, name, secret_sealed, created_at)
     VALUES ($1, $2, $3, $4, $5)`,
    [totp.id, totp.accountId, totp.name, totp.secretSealed, totp.createdAt],
  )
}

/** False where it was confirmed before, or is gone. Its first code is used up with it. */
export async function confirmTotp(
  tx: Db,
  { id, name, step, now }: { id: string; name: string; step: number; now: Date },
): Promise<boolean> {
  const rows = await query(
    tx,
    `UPDATE totp_credential SET confirmed_at = $2, last_step = $3, name = $4
      WHERE id = $1 AND confirmed_at IS NULL RETURNING id`,
    [id, now, step, name],
  )
  return rows.length > 0
}

/** Uses up the step and all before it; false where somebody was faster (RFC 6238 §5.2). */
export async function consumeTotpStep(
  tx: Db,
  { id, step, now }: { id: string; step: number; now: Date },
): Promise<boolean> {
  const rows = await query(
    tx,
    `UPDATE totp_credential SET last_step = $2, last_used_at = $3
      WHERE id = $1 AND confirmed_at IS NOT NULL AND last_step < $2 RETURNING id`,
    [id, step, now],
  )
  return rows.length > 0
}

export async function deletePendingTotps(tx: Db, accountId: string): Promise<void> {
  await query(tx, 'DELETE FROM totp_credential WHERE account_id = $1 AND confirmed_at IS NULL', [
    accountId,
  ])
}

/** Undefined where this account has no such credential. */
export async function deleteTotp(
  tx: Db,
  accountId: string,
  id: string,
): Promise<StoredTotp | undefined> {
  const row = await queryOne<TotpRow>(
    tx,
    `DELETE FROM totp_credential WHERE account_id = $1 AND id = $2 AND confirmed_at IS NOT NULL
     RETURNING ${COLUMNS}`,
    [accountId, id],
  )
  return row && totpFromRow(row)
}

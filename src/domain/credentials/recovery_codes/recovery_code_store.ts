import { type Db, query, queryOne, type Transaction } from '../../../platform/persistence/db.ts'

/** Takes the place of every code that the account had. */
export async function replaceRecoveryCodes(
  tx: Transaction,
  set: { accountId: string; salt: Buffer; hashes: readonly Buffer[]; createdAt: Date },
): Promise<void> {
  const { accountId, salt, hashes, createdAt } = set
  await query(
    tx,
    `INSERT INTO recovery_code_set (account_id, salt, created_at) VALUES ($1, $2, $3)
     ON CONFLICT (account_id) DO UPDATE SET salt = excluded.salt, created_at = excluded.created_at`,
    [accountId, salt, createdAt],
  )
  await query(tx, 'DELETE FROM recovery_code WHERE account_id = $1', [accountId])
  await query(
    tx,
    'INSERT INTO recovery_code (account_id, hash) SELECT $1, hash FROM unnest($2::bytea[]) AS hash',
    [accountId, hashes],
  )
}

export type RecoveryCodeSet = { salt: Buffer; createdAt: Date; unused: number }

export async function findRecoveryCodeSet(
  db: Db,
  accountId: string,
): Promise<RecoveryCodeSet | undefined> {
  const row = await queryOne<{ salt: Buffer; created_at: Date; unused: number }>(
    db,
    `SELECT salt, created_at,
            (SELECT count(*)::int FROM recovery_code
              WHERE recovery_code.account_id = recovery_code_set.account_id AND used_at IS NULL)
              AS unused
       FROM recovery_code_set WHERE account_id = $1`,
    [accountId],
  )
  return row && { salt: row.salt, createdAt: row.created_at, unused: row.unused }
}

/** False where there were none. */
export async function deleteRecoveryCodes(tx: Db, accountId: string): Promise<boolean> {
  const rows = await query(
    tx,
    'DELETE FROM recovery_code_set WHERE account_id = $1 RETURNING account_id',
    [accountId],
  )
  return rows.length > 0
}

/** Uses the code up: of several that present it at once, one succeeds. */
export async function consumeRecoveryCodeRow(
  tx: Db,
  { accountId, hash, now }: { accountId: string; hash: Buffer; now: Date },
): Promise<boolean> {
  const rows = await query(
    tx,
    `UPDATE recovery_code SET used_at = $3
      WHERE account_id = $1 AND hash = $2 AND used_at IS NULL RETURNING account_id`,
    [accountId, hash, now],
  )
  return rows.length > 0
}

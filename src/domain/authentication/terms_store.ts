import { type Db, query } from '../../platform/persistence/db.ts'

type Acceptance = { accountId: string; version: string }

/** Whether the account has accepted this very version. */
export async function isAccepted(db: Db, { accountId, version }: Acceptance): Promise<boolean> {
  const rows = await query(
    db,
    'SELECT version FROM terms_acceptance WHERE account_id = $1 AND version = $2',
    [accountId, version],
  )
  return rows.length > 0
}

/** False where it was accepted before: the first time counts. */
export async function insertAcceptance(
  tx: Db,
  { accountId, version, acceptedAt }: Acceptance & { acceptedAt: Date },
): Promise<boolean> {
  const rows = await query(
    tx,
    `INSERT INTO terms_acceptance (account_id, version, accepted_at) VALUES ($1, $2, $3)
     ON CONFLICT (account_id, version) DO NOTHING RETURNING version`,
    [accountId, version, acceptedAt],
  )
  return rows.length > 0
}

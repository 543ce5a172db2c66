import { type Db, query, queryOne, type Transaction } from '../../platform/persistence/db.ts'
import { deleteEnded } from '../../platform/persistence/delete_ended.ts'

/** Addresses without the addresses: all that is stored is a keyed hash. */
export type UndeliverableReason = 'hard_bounce' | 'complaint'

export type UndeliverableAddress = {
  addressHash: Buffer
  reason: UndeliverableReason
  transport: string
  at: Date
}

/** The newest report of an address is the one that is kept. */
export async function upsertUndeliverable(
  tx: Transaction,
  { addressHash, reason, transport, at }: UndeliverableAddress,
): Promise<void> {
  await query(
    tx,
    `INSERT INTO undeliverable_address (address_hash, reason, transport, since, tried_at)
     VALUES ($1, $2, $3, $4, $4)
     ON CONFLICT (address_hash) DO UPDATE SET reason = $2, transport = $3, tried_at = $4`,
    [addressHash, reason, transport, at],
  )
}

export async function findUndeliverable(
  db: Db,
  { addressHash }: { addressHash: Buffer },
): Promise<{ reason: UndeliverableReason } | undefined> {
  return await queryOne(db, 'SELECT reason FROM undeliverable_address WHERE address_hash = $1', [
    addressHash,
  ])
}

/** True for one caller only, and not again before `before` is that long ago. */
export async function claimTry(
  db: Db,
  { addressHash, now, before }: { addressHash: Buffer; now: Date; before: Date },
): Promise<boolean> {
  const row = await queryOne(
    db,
    `UPDATE undeliverable_address SET tried_at = $2
      WHERE address_hash = $1 AND tried_at <= $3 RETURNING tried_at`,
    [addressHash, now, before],
  )
  return row !== undefined
}

/** False where it was not there. */
export async function deleteUndeliverable(
  tx: Db,
  { addressHash }: { addressHash: Buffer },
): Promise<boolean> {
  const row = await queryOne(
    tx,
    'DELETE FROM undeliverable_address WHERE address_hash = $1 RETURNING reason',
    [addressHash],
  )
  return row !== undefined
}

export async function findCanonicalEmail(
  db: Db,
  { accountId }: { accountId: string },
): Promise<string | undefined> {
  const row = await queryOne<{ email_canonical: string | null }>(
    db,
    'SELECT email_canonical FROM account WHERE id = $1',
    [accountId],
  )
  return row?.email_canonical ?? undefined
}

/** False where the token was used before. */
export async function insertReportToken(
  tx: Transaction,
  { tokenHash, expiresAt }: { tokenHash: Buffer; expiresAt: Date },
): Promise<boolean> {
  const row = await queryOne(
    tx,
    `INSERT INTO delivery_report_token (token_hash, expires_at) VALUES ($1, $2)
     ON CONFLICT (token_hash) DO NOTHING RETURNING token_hash`,
    [tokenHash, expiresAt],
  )
  return row !== undefined
}

export async function deleteExpiredReportTokens(
  db: Db,
  { now, limit }: { now: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'delivery_report_token' }, { until: now, limit })
}

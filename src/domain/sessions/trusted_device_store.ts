import { isId } from '../../core/ids.ts'
import { type Db, query } from '../../platform/persistence/db.ts'
import { deleteEnded } from '../../platform/persistence/delete_ended.ts'
import type { TrustedDevice } from './trusted_device.ts'

type TrustedDeviceRow = {
  id: string
  account_id: string
  user_agent: string | null
  created_at: Date
  expires_at: Date
}

export async function insertTrustedDevice(
  tx: Db,
  device: TrustedDevice & { tokenHash: Buffer },
): Promise<void> {
  await query(
    tx,
    `INSERT INTO trusted_device (id, account_id, token_hash, user_agent, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    [
      device.id,
      device.accountId,
      device.tokenHash,
      device.userAgent ?? null,
      device.createdAt,
      device.expiresAt,
    ],
  )
}

export async function findTrustedDevice(
  db: Db,
  { accountId, tokenHashes, now }: { accountId: string; tokenHashes: Buffer[]; now: Date },
): Promise<boolean> {
  const rows = await query(
    db,
    `SELECT id FROM trusted_device
      WHERE token_hash = ANY($1::bytea[]) AND account_id = $2 AND expires_at > $3`,
    [tokenHashes, accountId, now],
  )
  return rows.length > 0
}

/** The newest first. */
export async function listTrustedDevices(
  db: Db,
  { accountId, now }: { accountId: string; now: Date },
): Promise<TrustedDevice[]> {
  const rows = await query<TrustedDeviceRow>(
    db,
    `SELECT id, account_id, user_agent, created_at, expires_at FROM trusted_device
      WHERE account_id = $1 AND expires_at > $2 ORDER BY id DESC`,
    [accountId, now],
  )
  return rows.map((row) => ({
    id: row.id,
    accountId: row.account_id,
    ...(row.user_agent === null ? {} : { userAgent: row.user_agent }),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }))
}

/** False where the account trusts no such device. */
export async function deleteTrustedDevice(
  tx: Db,
  { accountId, id }: { accountId: string; id: string },
): Promise<boolean> {
  if (!isId(id)) return false
  const rows = await query(
    tx,
    'DELETE FROM trusted_device WHERE account_id = $1 AND id = $2 RETURNING id',
    [accountId, id],
  )
  return rows.length > 0
}

/** A factor was changed or the password set anew: nothing trusted before is trusted now. */
export async function deleteTrustedDevicesOfAccount(tx: Db, accountId: string): Promise<void> {
  await query(tx, 'DELETE FROM trusted_device WHERE account_id = $1', [accountId])
}

/** Removes up to `limit`, passing over rows that another node is removing. @returns how many */
export async function deleteExpiredTrustedDevices(
  db: Db,
  { now, limit }: { now: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'trusted_device' }, { until: now, limit })
}

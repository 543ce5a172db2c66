import { type Db, query } from '../../platform/persistence/db.ts'
import { deleteEnded } from '../../platform/persistence/delete_ended.ts'

/** Rows of the limits kept in PostgreSQL: a hashed key, its points and when they end. */

/** Removes several counters in one statement. */
export async function deleteRateLimits(db: Db, keys: readonly string[]): Promise<void> {
  await query(db, 'DELETE FROM rate_limit WHERE key = ANY($1::text[])', [keys])
}

/** Those of these counters that hold more than so many points and have not ended. */
export async function listFullRateLimits(
  db: Db,
  { keys, above }: { keys: readonly string[]; above: number },
): Promise<string[]> {
  const rows = await query<{ key: string }>(
    db,
    'SELECT key FROM rate_limit WHERE key = ANY($1::text[]) AND points > $2 AND expire > $3',
    [keys, above, Date.now()],
  )
  return rows.map(({ key }) => key)
}

/**
 * Removes up to `batch` rows whose window is over, stepping around rows in use.
 *
 * @returns how many were removed; fewer than `batch` means that nothing is left
 */
export async function deleteExpiredRateLimits(db: Db, batch: number): Promise<number> {
  const ended = { until: Date.now(), limit: batch }
  return await deleteEnded(db, { table: 'rate_limit', ends: 'expire' }, ended)
}

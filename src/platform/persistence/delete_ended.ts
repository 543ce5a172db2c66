import { type Db, query } from './db.ts'

/**
 * Housekeeping: removes rows whose time is over, the oldest first, passing over those that another node
 * is removing.
 *
 * @param rows names in the schema, which are put into the statement: nothing that came from outside
 * @returns how many, up to `limit`
 */
export async function deleteEnded(
  db: Db,
  { table, key = 'id', ends = 'expires_at' }: { table: string; key?: string; ends?: string },
  { until, limit }: { until: Date; limit: number },
): Promise<number> {
  const removed = await query(
    db,
    `DELETE FROM ${table} WHERE (${key}) IN (
       SELECT ${key} FROM ${table} WHERE ${ends} <= $1
        ORDER BY ${ends} LIMIT $2 FOR UPDATE SKIP LOCKED)
     RETURNING 1`,
    [until, limit],
  )
  return removed.length
}

import { type Db, query } from './db.ts'

/**
 * Housekeeping: removes rows whose time is over, the oldest first, passing over those that another node
 * is removing. They are found again by where they lie, which holds while they are locked: by their key
 * the planner, who does not know how few they are, would read the whole table.
 *
 * @param until in the type of the column: a time, or for `rate_limit` milliseconds since 1970
 * @param rows names in the schema, which are put into the statement: nothing that came from outside
 * @returns how many, up to `limit`
 */
export async function deleteEnded(
  db: Db,
  { table, ends = 'expires_at' }: { table: string; ends?: string },
  { until, limit }: { until: Date | number; limit: number },
): Promise<number> {
  const removed = await query(
    db,
    `DELETE FROM ${table} WHERE ctid = ANY (ARRAY (
       SELECT ctid FROM ${table} WHERE ${ends} <= $1
        ORDER BY ${ends} LIMIT $2 FOR UPDATE SKIP LOCKED))
     RETURNING 1`,
    [until, limit],
  )
  return removed.length
}

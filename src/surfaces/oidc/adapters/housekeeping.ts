import { type Db, query } from '../../../platform/persistence/db.ts'
import { MODELS, type ModelName, partitionOf } from './models.ts'

/**
 * Removes what has expired, in bounded batches that skip what another worker holds. It runs by
 * itself in every worker; nobody schedules a janitor.
 */

const BATCH = 1_000
/** Kept a little beyond its time, so that the engine can still say "expired" and clocks may differ. */
const GRACE = `interval '2 minutes'`

const TABLES = [
  ...(Object.keys(MODELS) as ModelName[]).map(partitionOf),
  'replay_marker',
  'revoked_token',
]

// Found again by where they lie, as in `delete_ended.ts`.
const texts = TABLES.map(
  (table) => `WITH expired AS (
      SELECT ctid FROM ${table} WHERE expires_at < now() - ${GRACE}
       ORDER BY expires_at LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
    ), removed AS (
      DELETE FROM ${table} WHERE ctid = ANY (ARRAY (SELECT ctid FROM expired)) RETURNING 1
    )
    SELECT count(*)::integer AS removed FROM removed`,
)

/** Removes up to one batch of each kind; returns how many rows went. Call again while it is not 0. */
export async function deleteExpiredRecords(db: Db): Promise<number> {
  let total = 0
  for (const text of texts) {
    const [row] = await query<{ removed: number }>(db, text)
    total += row!.removed
  }
  return total
}

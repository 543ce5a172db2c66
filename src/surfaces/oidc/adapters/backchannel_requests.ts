import { type Db, query, queryOne } from '../../../platform/persistence/db.ts'
import { partitionOf } from './models.ts'
import { findRecord } from './postgres_records.ts'
import type { OidcRecord } from './record.ts'

/** Requests for approval (CIBA): what waits for a person, and their one answer. */

const MODEL = 'BackchannelAuthenticationRequest'

/** What waits for an account, the oldest first. Refused ones may be among it: they have no grant. */
export async function listUnansweredRequests(
  db: Db,
  accountId: string,
  limit: number,
): Promise<OidcRecord[]> {
  const rows = await query<{ id_hash: Buffer }>(
    db,
    `SELECT id_hash FROM ${partitionOf(MODEL)}
      WHERE account_id = $1 AND grant_hash IS NULL
        AND consumed_at IS NULL AND expires_at > now()
      ORDER BY created_at LIMIT $2`,
    [accountId, limit],
  )
  const found = await Promise.all(rows.map(({ id_hash }) => findRequest(db, id_hash)))
  return found.filter((record) => record !== undefined)
}

export async function findRequest(db: Db, idHash: Buffer): Promise<OidcRecord | undefined> {
  return (await findRecord(db, { model: MODEL, idHash }))?.record
}

/**
 * Writes the answer of the person; false where there is one, or it is too late. The seal is new with
 * every write: while it is the one that was read, nobody answered in between.
 */
export async function answerRequest(
  tx: Db,
  record: OidcRecord,
  readSeal: Buffer | undefined,
): Promise<boolean> {
  const row = await queryOne(
    tx,
    `UPDATE ${partitionOf(MODEL)} SET payload = $2::json, sealed = $3, grant_hash = $4
      WHERE id_hash = $1 AND sealed = $5
        AND consumed_at IS NULL AND expires_at > now()
      RETURNING 1 AS one`,
    [
      record.idHash,
      JSON.stringify(record.payload),
      record.sealed ?? null,
      record.grantHash ?? null,
      readSeal ?? null,
    ],
  )
  return row !== undefined
}

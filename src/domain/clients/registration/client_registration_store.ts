import { type Db, query, queryOne } from '../../../platform/persistence/db.ts'
import type { ClientPreset } from '../client_presets.ts'

/** What is known of a client beyond its record where it registered itself. */

export async function insertClientRegistration(
  tx: Db,
  registration: {
    clientId: string
    accessTokenHash: Buffer
    presets: readonly ClientPreset[]
    createdAt: Date
  },
): Promise<void> {
  const { clientId, accessTokenHash, presets, createdAt } = registration
  await query(
    tx,
    `INSERT INTO client_registration (client_id, access_token_hash, presets, created_at)
     VALUES ($1, $2, $3::text[], $4)`,
    [clientId, accessTokenHash, presets, createdAt],
  )
}

/** The client that this registration access token belongs to, and the presets it may have. */
export async function findRegistrationByToken(
  db: Db,
  accessTokenHash: Buffer,
): Promise<{ clientId: string; presets: ClientPreset[] } | undefined> {
  const row = await queryOne<{ client_id: string; presets: ClientPreset[] }>(
    db,
    'SELECT client_id, presets FROM client_registration WHERE access_token_hash = $1',
    [accessTokenHash],
  )
  return row && { clientId: row.client_id, presets: row.presets }
}

/** True for the one call that ended it. */
export async function endRegistrationAccess(tx: Db, accessTokenHash: Buffer): Promise<boolean> {
  const row = await queryOne(
    tx,
    `UPDATE client_registration SET access_token_hash = NULL
      WHERE access_token_hash = $1 RETURNING client_id`,
    [accessTokenHash],
  )
  return row !== undefined
}

/** Remembers of those who registered themselves that they obtained a token. */
export async function markRegistrationsUsed(
  tx: Db,
  clientIds: readonly string[],
  at: Date,
): Promise<void> {
  await query(
    tx,
    `UPDATE client_registration SET first_used_at = $2
      WHERE client_id = ANY($1::text[]) AND first_used_at IS NULL`,
    [clientIds, at],
  )
}

/**
 * Clients that registered themselves before this time and were never used, held until the transaction
 * ends. None while events wait that could tell of a use.
 */
export async function lockUnusedRegistrations(
  tx: Db,
  { before, limit }: { before: Date; limit: number },
): Promise<string[]> {
  const rows = await query<{ client_id: string }>(
    tx,
    `SELECT client_id FROM client_registration r
      WHERE first_used_at IS NULL AND created_at < $1
        AND NOT EXISTS (SELECT 1 FROM consent WHERE consent.client_id = r.client_id)
        AND NOT EXISTS (SELECT 1 FROM event_outbox WHERE occurred_at < now() - interval '1 hour')
      ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED`,
    [before, limit],
  )
  return rows.map(({ client_id }) => client_id)
}

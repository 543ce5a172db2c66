import { type Db, queryOne } from '../../../platform/persistence/db.ts'
import { partitionOf } from './models.ts'

/**
 * What may be seen once only (client assertions, DPoP proofs) and what was revoked although nothing
 * is stored of it (JWT access tokens). Durable always: losing it would let the past happen again.
 */

/** True for the first caller with this id, false for every other one, however many come at once. */
export async function markSeen(db: Db, idHash: Buffer, expiresAt: Date): Promise<boolean> {
  const row = await queryOne(
    db,
    `INSERT INTO replay_marker (id_hash, expires_at) VALUES ($1, $2)
     ON CONFLICT (id_hash) DO NOTHING RETURNING 1 AS one`,
    [idHash, expiresAt],
  )
  return row !== undefined
}

/** The account behind the token's grant comes back, where there is one: its `sub` may be pairwise. */
export async function insertRevokedToken(
  db: Db,
  token: { jtiHash: Buffer; grantHash: Buffer | undefined; expiresAt: Date },
): Promise<{ accountId: string | undefined }> {
  const row = await queryOne<{ account_id: string | null }>(
    db,
    `WITH revoked AS (
       INSERT INTO revoked_token (jti_hash, expires_at) VALUES ($1, $2)
       ON CONFLICT (jti_hash) DO NOTHING)
     SELECT account_id FROM ${partitionOf('Grant')} WHERE id_hash = $3`,
    [token.jtiHash, token.expiresAt, token.grantHash ?? null],
  )
  return { accountId: row?.account_id ?? undefined }
}

export type JwtStanding = {
  revoked: boolean
  grantAlive: boolean
  accountId: string | null
  accountStatus: string | null
}

/** What stands behind a JWT access token at this moment, in one statement. */
export async function findJwtStanding(
  db: Db,
  input: { jtiHash: Buffer; grantHash: Buffer | undefined },
): Promise<JwtStanding> {
  const row = await queryOne<{
    revoked: boolean
    grant_alive: boolean
    account_id: string | null
    account_status: string | null
  }>(
    db,
    `SELECT EXISTS (SELECT 1 FROM revoked_token WHERE jti_hash = $1) AS revoked,
            g.id_hash IS NOT NULL AS grant_alive, g.account_id, a.status AS account_status
       FROM (SELECT $2::bytea AS grant_hash) token
       LEFT JOIN ${partitionOf('Grant')} g ON g.id_hash = token.grant_hash
       LEFT JOIN account a ON a.id = g.account_id`,
    [input.jtiHash, input.grantHash ?? null],
  )
  return {
    revoked: row!.revoked,
    grantAlive: row!.grant_alive,
    accountId: row!.account_id,
    accountStatus: row!.account_status,
  }
}

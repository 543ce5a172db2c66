import { type Db, query, queryOne } from '../../../platform/persistence/db.ts'

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

export async function insertRevokedToken(db: Db, jtiHash: Buffer, expiresAt: Date): Promise<void> {
  await query(
    db,
    `INSERT INTO revoked_token (jti_hash, expires_at) VALUES ($1, $2)
     ON CONFLICT (jti_hash) DO NOTHING`,
    [jtiHash, expiresAt],
  )
}

/** What stands behind a JWT access token at this moment, in one statement. */
export async function findJwtStanding(
  db: Db,
  input: { jtiHash: Buffer; grantHash: Buffer | undefined; accountId: string | undefined },
): Promise<{ revoked: boolean; grantAlive: boolean; accountStatus: string | null }> {
  const row = await queryOne<{
    revoked: boolean
    grant_alive: boolean
    account_status: string | null
  }>(
    db,
    `SELECT EXISTS (SELECT 1 FROM revoked_token WHERE jti_hash = $1) AS revoked,
            EXISTS (SELECT 1 FROM oidc_record WHERE model = 'Grant' AND id_hash = $2) AS grant_alive,
            (SELECT status FROM account WHERE id = $3) AS account_status`,
    [input.jtiHash, input.grantHash ?? null, input.accountId ?? null],
  )
  return {
    revoked: row!.revoked,
    grantAlive: row!.grant_alive,
    accountStatus: row!.account_status,
  }
}

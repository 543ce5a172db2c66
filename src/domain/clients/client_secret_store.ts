import { type Db, query } from '../../platform/persistence/db.ts'

export async function insertClientSecret(
  tx: Db,
  secret: { id: string; clientId: string; hash: Buffer; createdAt: Date },
): Promise<void> {
  await query(
    tx,
    'INSERT INTO client_secret (id, client_id, hash, created_at) VALUES ($1, $2, $3, $4)',
    [secret.id, secret.clientId, secret.hash, secret.createdAt],
  )
}

/** Lets a secret end; one that ends earlier already keeps its time. */
export async function expireClientSecret(tx: Db, id: string, expiresAt: Date): Promise<void> {
  await query(
    tx,
    'UPDATE client_secret SET expires_at = least(expires_at, $2::timestamptz) WHERE id = $1',
    [id, expiresAt],
  )
}

/** Deletes all secrets of a client but one; without `keepId`, all of them. */
export async function deleteOtherClientSecrets(
  tx: Db,
  clientId: string,
  keepId?: string | undefined,
): Promise<void> {
  await query(
    tx,
    'DELETE FROM client_secret WHERE client_id = $1 AND ($2::uuid IS NULL OR id <> $2::uuid)',
    [clientId, keepId ?? null],
  )
}

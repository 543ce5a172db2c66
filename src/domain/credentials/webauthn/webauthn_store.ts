import { type Db, query, queryOne } from '../../../platform/persistence/db.ts'
import type { WebAuthnCredential } from './webauthn.ts'

const COLUMNS = `id, account_id, credential_id, user_handle, public_key, sign_count, name,
  backup_eligible, backed_up, user_verified, transports, aaguid, hardware_attested, created_at,
  last_used_at`

type WebAuthnRow = {
  id: string
  account_id: string
  credential_id: Buffer
  user_handle: Buffer
  public_key: Buffer
  sign_count: string
  name: string
  backup_eligible: boolean
  backed_up: boolean
  user_verified: boolean
  transports: string[]
  aaguid: string
  hardware_attested: boolean
  created_at: Date
  last_used_at: Date | null
}

function credentialFromRow(row: WebAuthnRow): WebAuthnCredential {
  return {
    id: row.id,
    accountId: row.account_id,
    credentialId: row.credential_id,
    userHandle: row.user_handle,
    publicKey: row.public_key,
    signCount: Number(row.sign_count),
    name: row.name,
    backupEligible: row.backup_eligible,
    backedUp: row.backed_up,
    userVerified: row.user_verified,
    transports: row.transports,
    aaguid: row.aaguid,
    hardwareAttested: row.hardware_attested,
    createdAt: row.created_at,
    ...(row.last_used_at === null ? {} : { lastUsedAt: row.last_used_at }),
  }
}

/** In the order of their making. */
export async function listWebAuthnCredentials(
  db: Db,
  accountId: string,
): Promise<WebAuthnCredential[]> {
  const rows = await query<WebAuthnRow>(
    db,
    `SELECT ${COLUMNS} FROM webauthn_credential WHERE account_id = $1 ORDER BY id`,
    [accountId],
  )
  return rows.map(credentialFromRow)
}

export async function findWebAuthnCredential(
  db: Db,
  credentialId: Buffer,
): Promise<WebAuthnCredential | undefined> {
  const row = await queryOne<WebAuthnRow>(
    db,
    `SELECT ${COLUMNS} FROM webauthn_credential WHERE credential_id = $1`,
    [credentialId],
  )
  return row && credentialFromRow(row)
}

/** False where the authenticator's name for it is taken, by whomever (WebAuthn L3 §7.1 step 26). */
export async function insertWebAuthnCredential(
  tx: Db,
  credential: WebAuthnCredential,
): Promise<boolean> {
  const rows = await query(
    tx,
    `INSERT INTO webauthn_credential (${COLUMNS})
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, NULL)
     ON CONFLICT (credential_id) DO NOTHING RETURNING id`,
    [
      credential.id,
      credential.accountId,
      credential.credentialId,
      credential.userHandle,
      credential.publicKey,
      credential.signCount,
      credential.name,
      credential.backupEligible,
      credential.backedUp,
      credential.userVerified,
      credential.transports,
      credential.aaguid,
      credential.hardwareAttested,
      credential.createdAt,
    ],
  )
  return rows.length > 0
}

/**
 * Notes a use. False where the counter of the authenticator has not gone on since the last one, or
 * the credential is gone; one that counts nothing says 0 for ever (WebAuthn L3 §7.2 step 22).
 */
export async function touchWebAuthnCredential(
  tx: Db,
  input: { id: string; signCount: number; backedUp: boolean; userVerified: boolean; now: Date },
): Promise<boolean> {
  const rows = await query(
    tx,
    `UPDATE webauthn_credential
        SET sign_count = $2, backed_up = $3, user_verified = user_verified OR $4, last_used_at = $5
      WHERE id = $1 AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0)) RETURNING id`,
    [input.id, input.signCount, input.backedUp, input.userVerified, input.now],
  )
  return rows.length > 0
}

/** False where this account has no such credential. */
export async function renameWebAuthnCredential(
  db: Db,
  { accountId, id, name }: { accountId: string; id: string; name: string },
): Promise<boolean> {
  const rows = await query(
    db,
    'UPDATE webauthn_credential SET name = $3 WHERE account_id = $1 AND id = $2 RETURNING id',
    [accountId, id, name],
  )
  return rows.length > 0
}

/** False where this account has no such credential. */
export async function deleteWebAuthnCredential(
  tx: Db,
  { accountId, id }: { accountId: string; id: string },
): Promise<boolean> {
  const rows = await query(
    tx,
    'DELETE FROM webauthn_credential WHERE account_id = $1 AND id = $2 RETURNING id',
    [accountId, id],
  )
  return rows.length > 0
}

import { isId } from '../../core/ids.ts'
import { type Db, query, queryOne } from '../../platform/persistence/db.ts'
import { deleteEnded } from '../../platform/persistence/delete_ended.ts'
import type { Invitation } from './invitation.ts'

type InvitationRow = {
  id: string
  email: string | null
  email_canonical: string | null
  client_id: string | null
  created_by: string
  created_at: Date
  expires_at: Date
  used_at: Date | null
  used_by: string | null
  revoked_at: Date | null
}

const COLUMNS =
  'id, email, email_canonical, client_id, created_by, created_at, expires_at, used_at, used_by, revoked_at'

function invitationFromRow(row: InvitationRow): Invitation {
  return {
    id: row.id,
    email: row.email ?? undefined,
    emailCanonical: row.email_canonical ?? undefined,
    clientId: row.client_id ?? undefined,
    createdBy: row.created_by,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    usedAt: row.used_at ?? undefined,
    usedBy: row.used_by ?? undefined,
    revokedAt: row.revoked_at ?? undefined,
  }
}

export async function insertInvitation(
  tx: Db,
  invitation: Invitation & { tokenHash: Buffer },
): Promise<void> {
  await query(
    tx,
    `INSERT INTO invitation
       (id, token_hash, email, email_canonical, client_id, created_by, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      invitation.id,
      invitation.tokenHash,
      invitation.email ?? null,
      invitation.emailCanonical ?? null,
      invitation.clientId ?? null,
      invitation.createdBy,
      invitation.createdAt,
      invitation.expiresAt,
    ],
  )
}

/** Whatever has become of it. */
export async function findInvitation(db: Db, tokenHash: Buffer): Promise<Invitation | undefined> {
  const row = await queryOne<InvitationRow>(
    db,
    `SELECT ${COLUMNS} FROM invitation WHERE token_hash = $1`,
    [tokenHash],
  )
  return row && invitationFromRow(row)
}

/** Uses it up: of several at once, one is told true. */
export async function consumeInvitation(tx: Db, id: string, now: Date): Promise<boolean> {
  const row = await queryOne(
    tx,
    `UPDATE invitation SET used_at = $2
      WHERE id = $1 AND used_at IS NULL AND revoked_at IS NULL AND expires_at > $2 RETURNING id`,
    [id, now],
  )
  return row !== undefined
}

/** Notes whose account it became. */
export async function setInvitationUsedBy(tx: Db, id: string, accountId: string): Promise<void> {
  await query(tx, 'UPDATE invitation SET used_by = $2 WHERE id = $1', [id, accountId])
}

/** False where there is none that still waits. */
export async function revokeWaitingInvitation(tx: Db, id: string, now: Date): Promise<boolean> {
  if (!isId(id)) return false
  const row = await queryOne(
    tx,
    `UPDATE invitation SET revoked_at = $2
      WHERE id = $1 AND used_at IS NULL AND revoked_at IS NULL RETURNING id`,
    [id, now],
  )
  return row !== undefined
}

/** The one by which an account was made. */
export async function findInvitationUsedBy(
  db: Db,
  accountId: string,
): Promise<Invitation | undefined> {
  const row = await queryOne<InvitationRow>(
    db,
    `SELECT ${COLUMNS} FROM invitation WHERE used_by = $1`,
    [accountId],
  )
  return row && invitationFromRow(row)
}

/** The newest first. */
export async function listInvitations(db: Db): Promise<Invitation[]> {
  const rows = await query<InvitationRow>(
    db,
    `SELECT ${COLUMNS} FROM invitation ORDER BY created_at DESC, id LIMIT 1000`,
  )
  return rows.map(invitationFromRow)
}

/** Removes up to `limit` that ended before a time, used or not. @returns how many */
export async function deleteOldInvitations(
  db: Db,
  { before, limit }: { before: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'invitation' }, { until: before, limit })
}

import { type Db, query, queryOne, type Transaction } from '../../platform/persistence/db.ts'

/** One subject of a source, and the account that it is here. */
export type Identity = {
  /** A UUID. */
  id: string
  connectionId: string
  subject: string
  accountId: string
  /** The name or address that the person has there, as they last came with it. */
  shownAs?: string | undefined
  /** The account was made for it: what the source tells of the person is told of the account. */
  ownsAccount: boolean
  createdAt: Date
  lastUsedAt?: Date | undefined
  /** Since when the source, gone through as a whole, has this person no longer, or does not let them in. */
  barredAt?: Date | undefined
}

type IdentityRow = {
  id: string
  connection_id: string
  subject: string
  account_id: string
  shown_as: string | null
  owns_account: boolean
  created_at: Date
  last_used_at: Date | null
  barred_at: Date | null
}

const WRITTEN =
  'id, connection_id, subject, account_id, shown_as, owns_account, created_at, last_used_at'
const COLUMNS = `${WRITTEN}, barred_at`

function identityFromRow(row: IdentityRow): Identity {
  return {
    id: row.id,
    connectionId: row.connection_id,
    subject: row.subject,
    accountId: row.account_id,
    shownAs: row.shown_as ?? undefined,
    ownsAccount: row.owns_account,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at ?? undefined,
    barredAt: row.barred_at ?? undefined,
  }
}

/** The same subject of another source is somebody else. */
export async function findIdentity(
  db: Db,
  { connectionId, subject }: Pick<Identity, 'connectionId' | 'subject'>,
): Promise<Identity | undefined> {
  const row = await queryOne<IdentityRow>(
    db,
    `SELECT ${COLUMNS} FROM identity WHERE connection_id = $1 AND subject = $2`,
    [connectionId, subject],
  )
  return row && identityFromRow(row)
}

export async function listIdentitiesOfAccount(db: Db, accountId: string): Promise<Identity[]> {
  const rows = await query<IdentityRow>(
    db,
    `SELECT ${COLUMNS} FROM identity WHERE account_id = $1 ORDER BY created_at, id`,
    [accountId],
  )
  return rows.map(identityFromRow)
}

export async function countIdentities(db: Db, connectionId: string): Promise<number> {
  const row = await queryOne<{ count: number }>(
    db,
    'SELECT count(*)::int AS count FROM identity WHERE connection_id = $1',
    [connectionId],
  )
  return row!.count
}

/** @throws DomainError `conflict` where the subject is somebody's already */
export async function insertIdentity(tx: Transaction, identity: Identity): Promise<void> {
  await query(tx, `INSERT INTO identity (${WRITTEN}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, [
    identity.id,
    identity.connectionId,
    identity.subject,
    identity.accountId,
    identity.shownAs ?? null,
    identity.ownsAccount,
    identity.createdAt,
    identity.lastUsedAt ?? null,
  ])
}

/**
 * Somebody comes in by it.
 *
 * @param use `evenBarred`: where nobody would find out that the source has them again
 * @returns false where it is barred, and nobody does
 */
export async function noteIdentityUse(
  tx: Transaction,
  use: { id: string; shownAs: string | undefined; now: Date; evenBarred: boolean },
): Promise<boolean> {
  const { id, shownAs, now, evenBarred } = use
  const rows = await query(
    tx,
    `UPDATE identity SET last_used_at = $2, shown_as = coalesce($3, shown_as)
      WHERE id = $1 AND (barred_at IS NULL OR $4) RETURNING id`,
    [id, now, shownAs ?? null, evenBarred],
  )
  return rows.length > 0
}

/** Consumes it. @returns the one that is gone now; undefined where the account has no such */
export async function deleteIdentity(
  tx: Transaction,
  { id, accountId }: Pick<Identity, 'id' | 'accountId'>,
): Promise<Identity | undefined> {
  const row = await queryOne<IdentityRow>(
    tx,
    `DELETE FROM identity WHERE id = $1 AND account_id = $2 RETURNING ${COLUMNS}`,
    [id, accountId],
  )
  return row && identityFromRow(row)
}

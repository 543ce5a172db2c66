import { type Db, queryOne } from '../../../platform/persistence/db.ts'
import { partitionOf } from './models.ts'

/** Whom a token that is stored nowhere speaks for, and whether that still stands: one statement each. */

type SubjectRow = {
  grant_hash: Buffer
  account_id: string
  account_status: string
  revoked: boolean
}
export type Subject = {
  grantHash: Buffer
  accountId: string
  accountStatus: string
  /** The token itself was revoked, although its grant stands. */
  revoked: boolean
}

const SUBJECT = `SELECT g.id_hash AS grant_hash, a.id AS account_id, a.status AS account_status,
       EXISTS (SELECT 1 FROM revoked_token WHERE jti_hash = $1) AS revoked
  FROM ${partitionOf('Grant')} g JOIN account a ON a.id = g.account_id
 WHERE (g.expires_at IS NULL OR g.expires_at > now())`

/** Undefined where the grant is gone. */
export async function findSubjectOfGrant(
  db: Db,
  { jtiHash, grantHash }: { jtiHash: Buffer; grantHash: Buffer },
): Promise<Subject | undefined> {
  const row = await queryOne<SubjectRow>(db, `${SUBJECT} AND g.id_hash = $2`, [jtiHash, grantHash])
  return row && subjectOf(row)
}

/**
 * An ID token names no grant: it stands while its client holds one of the account, and then for the
 * newest. Undefined where there is none.
 */
export async function findSubjectOfClient(
  db: Db,
  { accountId, clientId }: { accountId: string; clientId: string },
): Promise<Subject | undefined> {
  const row = await queryOne<SubjectRow>(
    db,
    `${SUBJECT} AND g.account_id = $2 AND g.client_id = $3 ORDER BY g.created_at DESC LIMIT 1`,
    [null, accountId, clientId],
  )
  return row && subjectOf(row)
}

function subjectOf(row: SubjectRow): Subject {
  return {
    grantHash: row.grant_hash,
    accountId: row.account_id,
    accountStatus: row.account_status,
    revoked: row.revoked,
  }
}

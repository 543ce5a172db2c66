import { type Db, query, queryOne, type Transaction } from '../../platform/persistence/db.ts'
import { deleteEnded } from '../../platform/persistence/delete_ended.ts'

/**
 * Where somebody is signed in: what there is to know of it for the person themselves. The protocol
 * engine keeps its own record beside this one; what it stores and ends, is stored and ended here in
 * the same statement.
 */
export type Session = {
  id: string
  accountId: string
  /** Names the engine's session, and nothing that a browser holds. */
  uidHash: Buffer
  acr?: string | undefined
  amr: string[]
  ip?: string | undefined
  userAgent?: string | undefined
  createdAt: Date
  /** To the minute: a session that is used all the time is not written all the time. */
  lastSeenAt: Date
}

type SessionRow = {
  id: string
  account_id: string
  uid_hash: Buffer
  acr: string | null
  amr: string[]
  ip: string | null
  user_agent: string | null
  created_at: Date
  last_seen_at: Date
}

const COLUMNS = 'id, account_id, uid_hash, acr, amr, ip, user_agent, created_at, last_seen_at'

function sessionFromRow(row: SessionRow): Session {
  return {
    id: row.id,
    accountId: row.account_id,
    uidHash: row.uid_hash,
    acr: row.acr ?? undefined,
    amr: row.amr,
    ip: row.ip ?? undefined,
    userAgent: row.user_agent ?? undefined,
    createdAt: row.created_at,
    lastSeenAt: row.last_seen_at,
  }
}

/**
 * Part of the statement that stores the engine's sessions: notes those with an account.
 *
 * @param rows SQL of a record set with `uid_hash`, `account_id`, `acr`, `amr`, `ip`,
 *   `user_agent` and `expires_at`
 */
export function seenSessionCte(rows: string): string {
  return `seen_session AS (
    INSERT INTO session AS s
           (uid_hash, account_id, acr, amr, ip, user_agent, created_at, last_seen_at, expires_at)
    SELECT DISTINCT ON (r.uid_hash) r.uid_hash, r.account_id, r.acr,
           coalesce(r.amr, '{}'), r.ip, r.user_agent, now(), now(),
           coalesce(r.expires_at, 'infinity')
      FROM ${rows}
    ON CONFLICT (uid_hash) DO UPDATE
       SET account_id = excluded.account_id, acr = excluded.acr, amr = excluded.amr,
           ip = coalesce(excluded.ip, s.ip), user_agent = coalesce(excluded.user_agent, s.user_agent),
           last_seen_at = excluded.last_seen_at, expires_at = excluded.expires_at
     WHERE s.last_seen_at < now() - interval '1 minute' OR s.account_id <> excluded.account_id
        OR s.acr IS DISTINCT FROM excluded.acr OR s.amr <> excluded.amr
  )`
}

/** Those that stand, the one used last first. */
export async function listSessions(
  db: Db,
  { accountId, now }: { accountId: string; now: Date },
): Promise<Session[]> {
  const rows = await query<SessionRow>(
    db,
    `SELECT ${COLUMNS} FROM session WHERE account_id = $1 AND expires_at > $2
      ORDER BY last_seen_at DESC, id`,
    [accountId, now],
  )
  return rows.map(sessionFromRow)
}

/** How many stand. */
export async function countSessions(
  db: Db,
  { accountId, now }: { accountId: string; now: Date },
): Promise<number> {
  const row = await queryOne<{ count: number }>(
    db,
    'SELECT count(*)::int AS count FROM session WHERE account_id = $1 AND expires_at > $2',
    [accountId, now],
  )
  return row!.count
}

/** Until the transaction ends nobody else who asks for this ends sessions of the account. */
export async function lockSessions(tx: Transaction, accountId: string): Promise<void> {
  await query(tx, 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
    `authcore:session:${accountId}`,
  ])
}

/** Removes up to `limit`, passing over rows that another node is removing. @returns how many */
export async function deleteExpiredSessions(
  db: Db,
  { now, limit }: { now: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'session' }, { until: now, limit })
}

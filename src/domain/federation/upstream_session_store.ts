import { newId } from '../../core/ids.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, query, queryOne, type Transaction } from '../../platform/persistence/db.ts'
import { deleteEnded } from '../../platform/persistence/delete_ended.ts'

/** A session of ours, and the one at a source that it came by. */
export type UpstreamSession = {
  id: string
  connectionId: string
  accountId: string
  /** Names the engine's session. */
  uidHash: Buffer
  /** What the source calls it, and what its end there takes. */
  hint: UpstreamHint
}

export type UpstreamHint = { sessionId?: string | undefined; logoutHint?: string | undefined }

type Deps = { keyring: Keyring }

/** Until the engine has a session for it. */
const WAIT_MS = 900_000

/** Takes the place of another sign-in within the interaction. */
export async function noteUpstreamSession(
  { keyring }: Deps,
  tx: Transaction,
  input: {
    connectionId: string
    identityId: string
    interactionUid: string
    hint: UpstreamHint
    now: Date
  },
): Promise<void> {
  const { connectionId, identityId, interactionUid, hint, now } = input
  const id = newId(now.getTime())
  await query(
    tx,
    `INSERT INTO upstream_session
            (id, identity_id, interaction_hash, upstream_hash, hint_sealed, expires_at)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (interaction_hash) DO UPDATE
       SET id = excluded.id, identity_id = excluded.identity_id,
           upstream_hash = excluded.upstream_hash, hint_sealed = excluded.hint_sealed,
           expires_at = excluded.expires_at`,
    [
      id,
      identityId,
      keyring.hash('interaction', interactionUid),
      upstreamHash(keyring, connectionId, hint.sessionId),
      keyring.seal(JSON.stringify(hint), placeOf(id)),
      new Date(now.getTime() + WAIT_MS),
    ],
  )
}

/** The engine has a session for what was signed in within the interaction. */
export async function claimUpstreamSession(
  { keyring }: Deps,
  db: Db,
  input: { interactionUid: string; uidHash: Buffer; expiresAt: Date },
): Promise<void> {
  await query(
    db,
    `UPDATE upstream_session SET uid_hash = $2, interaction_hash = NULL, expires_at = $3
      WHERE interaction_hash = $1`,
    [keyring.hash('interaction', input.interactionUid), input.uidHash, input.expiresAt],
  )
}

type Row = {
  id: string
  connection_id: string
  account_id: string
  uid_hash: Buffer
  hint_sealed: Buffer
}

const SELECT = `SELECT u.id, i.connection_id, i.account_id, u.uid_hash, u.hint_sealed
   FROM upstream_session u JOIN identity i ON i.id = u.identity_id
  WHERE u.uid_hash IS NOT NULL`

/** Those that came by these sessions of the source, or where none is named, by this subject of it. */
export async function listUpstreamSessions(
  { keyring }: Deps,
  db: Db,
  input: { connectionId: string; subject?: string | undefined; sessionIds: readonly string[] },
): Promise<UpstreamSession[]> {
  const { connectionId, subject, sessionIds } = input
  const hashes = sessionIds.map((id) => upstreamHash(keyring, connectionId, id))
  const rows = await query<Row>(
    db,
    `${SELECT} AND i.connection_id = $1
       AND ($2::text IS NULL OR i.subject = $2)
       AND (cardinality($3::bytea[]) = 0 OR u.upstream_hash = ANY ($3))
       AND ($2::text IS NOT NULL OR cardinality($3::bytea[]) > 0)`,
    [connectionId, subject ?? null, hashes],
  )
  return rows.map((row) => sessionFromRow(keyring, row))
}

/** What a session of ours came by; the last one, where there were several. */
export async function findUpstreamSession(
  { keyring }: Deps,
  db: Db,
  uidHash: Buffer,
): Promise<UpstreamSession | undefined> {
  const sql = `${SELECT} AND u.uid_hash = $1 ORDER BY u.id DESC LIMIT 1`
  const row = await queryOne<Row>(db, sql, [uidHash])
  return row && sessionFromRow(keyring, row)
}

/** Consumes it. */
export async function deleteUpstreamSessions(db: Db, uidHash: Buffer): Promise<void> {
  await query(db, 'DELETE FROM upstream_session WHERE uid_hash = $1', [uidHash])
}

/** Removes up to `limit`, passing over rows that another node is removing. @returns how many */
export async function deleteExpiredUpstreamSessions(
  db: Db,
  { now, limit }: { now: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'upstream_session' }, { until: now, limit })
}

function sessionFromRow(keyring: Keyring, row: Row): UpstreamSession {
  return {
    id: row.id,
    connectionId: row.connection_id,
    accountId: row.account_id,
    uidHash: row.uid_hash,
    hint: JSON.parse(keyring.open(row.hint_sealed, placeOf(row.id)).toString('utf8')),
  }
}

/** A source's ids may be guessed; who reads the table learns none. */
function upstreamHash(
  keyring: Keyring,
  connectionId: string,
  sessionId: string | undefined,
): Buffer | null {
  if (sessionId === undefined) return null
  return keyring.hash('upstream_session', `${connectionId}:${sessionId}`)
}

function placeOf(id: string): string {
  return `upstream_session:hint_sealed:${id}`
}

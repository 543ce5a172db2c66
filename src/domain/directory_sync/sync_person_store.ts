import { type Db, query, queryOne, type Transaction } from '../../platform/persistence/db.ts'

/** The identities of one connection, as a run through its directory reads and marks them. */

export type KnownPerson = {
  id: string
  subject: string
  accountId: string
  ownsAccount: boolean
  shownAs: string | undefined
  /** The run in which they were seen last. */
  seenIn: string | undefined
  barred: boolean
  claims: Record<string, unknown>
  attributes: Record<string, unknown>
}

type KnownRow = {
  id: string
  subject: string
  account_id: string
  owns_account: boolean
  shown_as: string | null
  seen_in: string | null
  barred: boolean
  claims: Record<string, unknown>
  attributes: Record<string, unknown>
}

/** By their subjects. */
export async function listKnownPeople(
  db: Db,
  connectionId: string,
  subjects: readonly string[],
): Promise<Map<string, KnownPerson>> {
  const rows = await query<KnownRow>(
    db,
    `SELECT identity.id, subject, account_id, owns_account, shown_as, seen_in,
            barred_at IS NOT NULL AS barred, claims, attributes
       FROM identity JOIN account ON account.id = account_id
      WHERE connection_id = $1 AND subject = ANY($2::text[])`,
    [connectionId, subjects],
  )
  return new Map(rows.map((row) => [row.subject, knownFromRow(row)]))
}

function knownFromRow(row: KnownRow): KnownPerson {
  return {
    id: row.id,
    subject: row.subject,
    accountId: row.account_id,
    ownsAccount: row.owns_account,
    shownAs: row.shown_as ?? undefined,
    seenIn: row.seen_in ?? undefined,
    barred: row.barred,
    claims: row.claims,
    attributes: row.attributes,
  }
}

/** Who was seen, what was found against them, and what they are called there. */
export type Sighting = { id: string; fault: string | undefined; shownAs: string | undefined }

export async function markSeen(
  tx: Transaction,
  runId: string,
  sightings: readonly Sighting[],
): Promise<void> {
  if (sightings.length === 0) return
  await query(
    tx,
    `UPDATE identity
        SET seen_in = $1, fault = given.fault, shown_as = coalesce(given.shown_as, identity.shown_as)
       FROM json_to_recordset($2::json) AS given (id uuid, fault text, shown_as text)
      WHERE identity.id = given.id`,
    [
      runId,
      JSON.stringify(sightings.map(({ shownAs, ...rest }) => ({ ...rest, shown_as: shownAs }))),
    ],
  )
}

/** Which of these are somebody's here. */
export async function listTakenNames(
  db: Db,
  { emails, usernames }: { emails: readonly string[]; usernames: readonly string[] },
): Promise<{ emails: Set<string>; usernames: Set<string> }> {
  const rows = await query<{ kind: string; canonical: string }>(
    db,
    `SELECT 'email' AS kind, email_canonical AS canonical FROM account
      WHERE email_canonical = ANY($1::text[])
     UNION ALL
     SELECT 'username', username_canonical FROM account
      WHERE username_canonical = ANY($2::text[])`,
    [emails, usernames],
  )
  const those = (kind: string) =>
    new Set(rows.filter((row) => row.kind === kind).map(({ canonical }) => canonical))
  return { emails: those('email'), usernames: those('username') }
}

export type NewIdentity = {
  id: string
  subject: string
  accountId: string
  shownAs: string | undefined
}

/** Of accounts that were made for them. @throws DomainError `conflict` where a subject is somebody's already */
export async function insertSeenIdentities(
  tx: Transaction,
  { connectionId, runId, now }: { connectionId: string; runId: string; now: Date },
  identities: readonly NewIdentity[],
): Promise<void> {
  await query(
    tx,
    `INSERT INTO identity
            (id, connection_id, subject, account_id, shown_as, owns_account, created_at, seen_in)
     SELECT id, $1, subject, account_id, shown_as, true, $3, $2
       FROM json_to_recordset($4::json)
         AS given (id uuid, subject text, account_id uuid, shown_as text)`,
    [
      connectionId,
      runId,
      now,
      JSON.stringify(
        identities.map(({ id, subject, accountId, shownAs }) => ({
          ...{ id, subject, account_id: accountId, shown_as: shownAs },
        })),
      ),
    ],
  )
}

/** Which run this is, and who counts as lost in it. */
export type Reckoning = {
  connectionId: string
  runId: string
  startedAt: Date
  /** Whether those who were not seen lose their access. */
  absentEnds: boolean
}

/**
 * Who let somebody in until now, and was found wanting in this run: there and not let in, or not there
 * at all. Whoever was made, or has signed in there, since the run began may have come behind its back.
 */
const IS_LOST = `barred_at IS NULL AND (
  (seen_in = $2 AND fault IS NOT NULL)
  OR ($4::boolean AND seen_in IS DISTINCT FROM $2 AND greatest(created_at, last_used_at) < $3))`

function reckoned({ connectionId, runId, startedAt, absentEnds }: Reckoning) {
  return [connectionId, runId, startedAt, absentEnds]
}

/** How many would lose their access, of how many who have it. */
export async function countLost(
  db: Db,
  reckoning: Reckoning,
): Promise<{ lost: number; known: number }> {
  const row = await queryOne<{ lost: number; known: number }>(
    db,
    `SELECT count(*) FILTER (WHERE ${IS_LOST})::integer AS lost,
            count(*) FILTER (WHERE barred_at IS NULL)::integer AS known
       FROM identity WHERE connection_id = $1`,
    reckoned(reckoning),
  )
  return row!
}

export type Found = { id: string; accountId: string; ownsAccount: boolean }
type FoundRow = { id: string; account_id: string; owns_account: boolean }

function foundFromRow(row: FoundRow): Found {
  return { id: row.id, accountId: row.account_id, ownsAccount: row.owns_account }
}

export async function listLost(db: Db, reckoning: Reckoning, limit: number): Promise<Found[]> {
  const rows = await query<FoundRow>(
    db,
    `SELECT id, account_id, owns_account FROM identity
      WHERE connection_id = $1 AND ${IS_LOST} LIMIT $5`,
    [...reckoned(reckoning), limit],
  )
  return rows.map(foundFromRow)
}

/** @returns false where this is not so any more: somebody has just signed in there */
export async function barLost(
  tx: Transaction,
  reckoning: Reckoning,
  { id, now }: { id: string; now: Date },
): Promise<boolean> {
  const rows = await query(
    tx,
    `UPDATE identity SET barred_at = $6
      WHERE connection_id = $1 AND id = $5 AND ${IS_LOST} RETURNING id`,
    [...reckoned(reckoning), id, now],
  )
  return rows.length > 0
}

/** Who lets nobody in, and is there again without a fault. */
export async function listReturned(
  db: Db,
  { connectionId, runId }: Pick<Reckoning, 'connectionId' | 'runId'>,
  limit: number,
): Promise<Found[]> {
  const rows = await query<FoundRow>(
    db,
    `SELECT id, account_id, owns_account FROM identity
      WHERE connection_id = $1 AND seen_in = $2 AND fault IS NULL AND barred_at IS NOT NULL
      LIMIT $3`,
    [connectionId, runId, limit],
  )
  return rows.map(foundFromRow)
}

export async function unbar(tx: Transaction, id: string): Promise<void> {
  await query(tx, 'UPDATE identity SET barred_at = NULL WHERE id = $1', [id])
}

export type Standing = { id: string; barred: boolean; recent: boolean }

/** All of the connection, in the order of their ids; `recent`: made or used since `startedAt`. */
export async function listStandings(
  db: Db,
  { connectionId, startedAt }: Pick<Reckoning, 'connectionId' | 'startedAt'>,
  { after, limit }: { after: string; limit: number },
): Promise<Standing[]> {
  return await query<Standing>(
    db,
    `SELECT id, barred_at IS NOT NULL AS barred,
            greatest(created_at, last_used_at) >= $2 AS recent
       FROM identity WHERE connection_id = $1 AND id > $3 ORDER BY id LIMIT $4`,
    [connectionId, startedAt, after, limit],
  )
}

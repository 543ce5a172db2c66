import { seenSessionCte } from '../../../domain/sessions/session_store.ts'
import type { AuthEvent } from '../../../platform/events/event.ts'
import { appendedEventsCte } from '../../../platform/events/outbox.ts'
import { type AddValue, addTo, type Db, queryOne } from '../../../platform/persistence/db.ts'
import { type ModelName, partitionOf } from './models.ts'
import { deleteSessions } from './postgres_records.ts'
import type { OidcRecord, RecordKey } from './record.ts'

/**
 * Everything a request has to write, in one statement, so that it happens whole or not at all. The
 * statement has only the parts that this request needs: PostgreSQL begins and ends every part of a
 * statement, also those that have nothing to do, and that is most of what a small write costs. There
 * are as many texts as there are kinds of requests.
 */

/** Everything one request writes. */
export type RecordChanges = {
  upserts: readonly RecordToStore[]
  /** Sessions and interactions that end with this request. */
  destroys: readonly RecordKey[]
  /** Sessions that were given a new id: another tab may be on its way with the old one. */
  sessionsReplaced: readonly RecordKey[]
  /** Sessions that are logged out: every row of theirs goes. */
  sessionUidsEnded: readonly Buffer[]
  consume?: Consumption | undefined
  events: readonly AuthEvent[]
}

type RecordToStore = OidcRecord & {
  mergeAuthorizations?: boolean
  /** The session row that must still be there: a session that was logged out stays so. */
  requires?: Buffer | undefined
  /** Where the request came from that stores it. */
  ip?: string | undefined
  userAgent?: string | undefined
}

export type Consumption = RecordKey & {
  /** The grant that must still stand for the use to count. */
  grantHash?: Buffer | undefined
  successor?: Buffer | undefined
  /** How long the used record is remembered, seconds; undefined: as long as it would have lived. */
  rememberS?: number | undefined
}

/**
 * Writes all changes in one statement, all or none of them.
 *
 * @returns false where the record to consume was consumed before or its grant is gone; nothing is
 *   written then
 */
export async function applyChanges(db: Db, changes: RecordChanges): Promise<boolean> {
  const values: unknown[] = []
  const text = statementOf(changes, addTo(values))
  const row = await queryOne<{ applied: boolean }>(db, text, values)
  if (changes.sessionUidsEnded.length > 0) await deleteSessions(db, changes.sessionUidsEnded)
  return row?.applied === true
}

/** What the parts of one statement share. */
type Statement = {
  add: AddValue
  /** True where a record is consumed: nothing else happens unless that did. */
  consumes: boolean
  /** True where a session is stored that must still be there. */
  holdsSession: boolean
}

function statementOf(changes: RecordChanges, add: AddValue): string {
  const { consume, upserts, destroys, sessionsReplaced, sessionUidsEnded, events } = changes
  const held = upserts.flatMap(({ requires }) => requires ?? [])
  const statement = { add, consumes: consume !== undefined, holdsSession: held.length > 0 }
  const interactions = hashesOf(destroys, 'Interaction')
  const sessions = hashesOf(destroys, 'Session')
  const seen = upserts.filter(({ model, accountId }) => model === 'Session' && accountId)
  const parts = [
    ...(consume ? consumeCtes(statement, consume) : []),
    ...(held.length > 0 ? [standingSessionCte(statement, held)] : []),
    ...upserts.map((record, index) => storedCte(statement, record, index)),
    ...(seen.length > 0 ? [seenCte(statement, seen)] : []),
    ...(interactions.length > 0 ? [endedInteractionCte(statement, interactions)] : []),
    ...(sessions.length + sessionUidsEnded.length > 0
      ? [endedSessionCte(statement, sessions, sessionUidsEnded)]
      : []),
    ...(sessionsReplaced.length > 0
      ? [replacedSessionCte(statement, sessionsReplaced, sessionUidsEnded)]
      : []),
    ...(events.length > 0 ? [appendedEventsCte(events, add, when([applies(statement)]))] : []),
  ]
  const applied = consume ? CONSUMED : 'true'
  return `${parts.length > 0 ? `WITH ${parts.join(', ')}` : ''} SELECT ${applied} AS applied`
}

const CONSUMED = 'EXISTS (SELECT 1 FROM consumed)'

/** The condition of every write beside a consumption. */
const applies = ({ consumes }: Statement) => (consumes ? CONSUMED : '')
/** A row that this statement has changed already can no longer be held by it. */
const heldFirst = ({ holdsSession }: Statement) =>
  holdsSession ? '(SELECT count(*) FROM standing_session) >= 0' : ''
const stands = (idHash: string) =>
  `EXISTS (SELECT 1 FROM standing_session s WHERE s.id_hash = ${idHash})`

function when(conditions: readonly string[]): string {
  const real = conditions.filter((condition) => condition !== '')
  return real.length > 0 ? `WHERE ${real.join(' AND ')}` : ''
}

function consumeCtes({ add }: Statement, consume: Consumption): string[] {
  const { model, idHash, grantHash, successor, rememberS } = consume
  const grantAlive =
    grantHash &&
    `grant_alive AS (
    -- Taken against a revocation that runs at the same time: one of the two comes first.
    SELECT 1 FROM ${partitionOf('Grant')} WHERE id_hash = ${add(grantHash, 'bytea')} FOR KEY SHARE
  )`
  const changes = [
    'consumed_at = now()',
    ...(successor ? [`successor = ${add(successor, 'bytea')}`] : []),
    ...(rememberS === undefined
      ? []
      : [
          `expires_at = LEAST(expires_at, now() + make_interval(secs => ${add(rememberS, 'integer')}))`,
        ]),
  ]
  const conditions = [
    `id_hash = ${add(idHash, 'bytea')}`,
    'consumed_at IS NULL',
    ...(grantAlive ? ['EXISTS (SELECT 1 FROM grant_alive)'] : []),
  ]
  const consumed = `consumed AS (
    UPDATE ${partitionOf(model)} SET ${changes.join(', ')} ${when(conditions)} RETURNING 1
  )`
  return grantAlive ? [grantAlive, consumed] : [consumed]
}

function standingSessionCte({ add }: Statement, held: readonly Buffer[]): string {
  return `standing_session AS (
    -- Held against a logout that runs at the same time: one of the two comes first.
    SELECT id_hash FROM ${partitionOf('Session')}
     WHERE id_hash = ANY(${add(held, 'bytea[]')}) FOR UPDATE
  )`
}

function storedCte(statement: Statement, record: RecordToStore, index: number): string {
  const { add } = statement
  const { model, requires } = record
  const values = [
    `'${model}'`,
    add(record.idHash, 'bytea'),
    add(record.grantHash ?? null, 'bytea'),
    add(record.uidHash ?? null, 'bytea'),
    add(record.userCodeHash ?? null, 'bytea'),
    add(record.accountId ?? null, 'uuid'),
    add(record.clientId ?? null, 'text'),
    add(JSON.stringify(record.payload), 'json'),
    add(record.sealed ?? null, 'bytea'),
    add(record.expiresAt?.toISOString() ?? null, 'timestamptz'),
  ]
  const conditions = [applies(statement), requires ? stands(add(requires, 'bytea')) : '']
  return `stored_${index} AS (
    INSERT INTO ${partitionOf(model)} AS old
           (model, id_hash, grant_hash, uid_hash, user_code_hash, account_id, client_id, payload,
            sealed, expires_at)
    SELECT ${values.join(', ')} ${when(conditions)}
    ON CONFLICT (id_hash, model) DO UPDATE
       SET grant_hash = excluded.grant_hash, uid_hash = excluded.uid_hash,
           user_code_hash = excluded.user_code_hash, account_id = excluded.account_id,
           client_id = excluded.client_id, sealed = excluded.sealed,
           expires_at = ${model === 'Session' ? SESSION_ENDS : 'excluded.expires_at'},
           payload = ${record.mergeAuthorizations ? MERGED_PAYLOAD : 'excluded.payload'}
  )`
}

/** A session that was replaced ends when it was told to, however often it is still used. */
const SESSION_ENDS = `CASE WHEN old.consumed_at IS NOT NULL THEN old.expires_at ELSE excluded.expires_at END`

const MERGED_PAYLOAD = `CASE WHEN old.payload -> 'authorizations' IS NOT NULL
             THEN (excluded.payload::jsonb || jsonb_build_object('authorizations',
                    (old.payload -> 'authorizations')::jsonb
                    || coalesce((excluded.payload -> 'authorizations')::jsonb, '{}')))::json
             ELSE excluded.payload END`

function seenCte(statement: Statement, sessions: readonly RecordToStore[]): string {
  const { add, holdsSession } = statement
  const rows = sessions.map(
    ({ uidHash, accountId, payload, ip, userAgent, expiresAt, requires }) => {
      const values = [
        add(uidHash ?? null, 'bytea'),
        add(accountId ?? null, 'uuid'),
        add(payload['acr'] ?? null, 'text'),
        add(payload['amr'] ?? null, 'text[]'),
        add(ip ?? null, 'text'),
        add(userAgent ?? null, 'text'),
        add(expiresAt?.toISOString() ?? null, 'timestamptz'),
        ...(holdsSession ? [add(requires ?? null, 'bytea')] : []),
      ]
      return `(${values.join(', ')})`
    },
  )
  const columns = `uid_hash, account_id, acr, amr, ip, user_agent, expires_at`
  const conditions = [
    applies(statement),
    holdsSession ? `(r.requires IS NULL OR ${stands('r.requires')})` : '',
  ]
  return seenSessionCte(
    `(VALUES ${rows.join(', ')}) AS r(${columns}${holdsSession ? ', requires' : ''}) ${when(conditions)}`,
  )
}

function endedInteractionCte(statement: Statement, idHashes: readonly Buffer[]): string {
  const ended = `id_hash = ANY(${statement.add(idHashes, 'bytea[]')})`
  return `ended_interaction AS (
    DELETE FROM ${partitionOf('Interaction')} ${when([ended, applies(statement)])}
  )`
}

function endedSessionCte(
  statement: Statement,
  idHashes: readonly Buffer[],
  uidHashes: readonly Buffer[],
): string {
  const { add } = statement
  const ended = `(id_hash = ANY(${add(idHashes, 'bytea[]')}) OR uid_hash = ANY(${add(uidHashes, 'bytea[]')}))`
  return `ended_session AS (
    DELETE FROM ${partitionOf('Session')} ${when([ended, applies(statement), heldFirst(statement)])}
  )`
}

/** Long enough for requests that a browser sends side by side, too short to be worth stealing. */
const REPLACED_FOR = `interval '30 seconds'`

function replacedSessionCte(
  statement: Statement,
  replaced: readonly RecordKey[],
  uidsEnded: readonly Buffer[],
): string {
  const { add } = statement
  const conditions = [
    `id_hash = ANY(${add(hashesOf(replaced, 'Session'), 'bytea[]')})`,
    'consumed_at IS NULL',
    ...(uidsEnded.length > 0 ? [`NOT uid_hash = ANY(${add(uidsEnded, 'bytea[]')})`] : []),
    applies(statement),
    heldFirst(statement),
  ]
  return `replaced_session AS (
    UPDATE ${partitionOf('Session')}
       SET consumed_at = now(), expires_at = LEAST(expires_at, now() + ${REPLACED_FOR})
     ${when(conditions)}
  )`
}

function hashesOf(keys: readonly RecordKey[], model: ModelName): Buffer[] {
  return keys.filter((key) => key.model === model).map((key) => key.idHash)
}

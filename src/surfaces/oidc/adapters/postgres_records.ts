import { type Db, query, queryOne } from '../../../platform/persistence/db.ts'
import { bringsGrant, isGrantBound, type ModelName, partitionOf } from './models.ts'
import type { AccountBesideRecord, FoundRecord, OidcRecord, RecordKey } from './record.ts'

/**
 * Records in PostgreSQL. Reading brings along what the engine asks for next (grant, session,
 * account); what a request writes is written by `apply_changes.ts`. Each model has a partition of its
 * own, which is named where one model is meant.
 */

const COLUMNS = [
  'model',
  'id_hash',
  'grant_hash',
  'uid_hash',
  'account_id',
  'client_id',
  'payload',
  'sealed',
  'successor',
  'consumed_at',
  'expires_at',
] as const

type Row = {
  model: ModelName
  id_hash: Buffer
  grant_hash: Buffer | null
  uid_hash: Buffer | null
  account_id: string | null
  client_id: string | null
  payload: Record<string, unknown>
  sealed: Buffer | null
  successor: Buffer | null
  consumed_at: Date | null
  expires_at: Date | null
}
/** A session inside a JSON aggregate: bytes as hex, times as text. */
type JsonRow = {
  id_hash: string
  uid_hash: string
  account_id: string | null
  payload: Record<string, unknown>
  sealed: string | null
  expires_at: string | null
}
/** What hangs beside a record, null or absent where nothing does. */
type BesideRow = {
  g_id_hash?: Buffer | null
  g_account_id?: string | null
  g_payload?: Record<string, unknown> | null
  g_expires_at?: Date | null
  sessions?: JsonRow[] | null
  account: AccountBesideRecord | null
}
type FoundRow = Row & BesideRow

const columns = (alias: string) => COLUMNS.map((name) => `${alias}.${name}`).join(', ')

const ACCOUNT = `CASE WHEN a.id IS NULL THEN NULL ELSE json_build_object(
    'id', a.id, 'status', a.status, 'username', a.username, 'email', a.email,
    'emailVerified', a.email_verified, 'phone', a.phone,
    'phoneVerified', a.phone_verified, 'claims', a.claims,
    'attributes', a.attributes, 'profilePostponedAt', a.profile_postponed_at,
    'createdAt', a.created_at, 'updatedAt', a.updated_at) END AS account`

const GRANT = `g.id_hash AS g_id_hash, g.account_id AS g_account_id, g.payload AS g_payload,
       g.expires_at AS g_expires_at`
const NO_GRANT = `NULL::bytea AS g_id_hash, NULL::uuid AS g_account_id, NULL::json AS g_payload,
       NULL::timestamptz AS g_expires_at, NULL::json AS sessions`

const SESSIONS = `(SELECT json_agg(json_build_object(
      'id_hash', encode(s.id_hash, 'hex'), 'uid_hash', encode(s.uid_hash, 'hex'),
      'account_id', s.account_id, 'payload', s.payload, 'sealed', encode(s.sealed, 'hex'),
      'expires_at', s.expires_at) ORDER BY s.created_at DESC)
     FROM ${partitionOf('Session')} s
    WHERE s.uid_hash = t.uid_hash AND (s.expires_at IS NULL OR s.expires_at > now())) AS sessions`

const GRANT_JOIN = `LEFT JOIN ${partitionOf('Grant')} g ON g.id_hash = t.grant_hash`
const ACCOUNT_JOIN = 'LEFT JOIN account a ON a.id = t.account_id'

function findText(model: ModelName, condition: string, { likeOthers = false } = {}): string {
  return `SELECT ${[columns('t'), ...besideColumns(model, likeOthers), ACCOUNT].join(', ')}
  FROM ${partitionOf(model)} t ${bringsGrant(model) ? GRANT_JOIN : ''} ${ACCOUNT_JOIN}
 WHERE ${condition}`
}

/**
 * Grant-bound models bring their grant and session along, an interaction the grant that it came to;
 * the others only the account.
 */
function besideColumns(model: ModelName, likeOthers: boolean): string[] {
  if (isGrantBound(model)) return [GRANT, SESSIONS]
  if (bringsGrant(model)) return [GRANT]
  return likeOthers ? [NO_GRANT] : []
}

const texts = new Map<string, string>()
function textFor(key: string, make: () => string): string {
  const known = texts.get(key)
  if (known !== undefined) return known
  const text = make()
  texts.set(key, text)
  return text
}

export async function findRecord(
  db: Db,
  { model, idHash }: RecordKey,
): Promise<FoundRecord | undefined> {
  const text = textFor(`find:${model}`, () =>
    findText(model, `t.id_hash = $1 ${unreplaced(model)}`),
  )
  return present(await queryOne<FoundRow>(db, text, [idHash]))
}

/** The engine looks at the end of a session in its payload, which a replaced one still has. */
function unreplaced(model: ModelName): string {
  return model === 'Session' ? 'AND (t.expires_at IS NULL OR t.expires_at > now())' : ''
}

export async function findRecordByUserCode(
  db: Db,
  userCodeHash: Buffer,
): Promise<FoundRecord | undefined> {
  const text = textFor('find:user_code', () => findText('DeviceCode', 't.user_code_hash = $1'))
  return present(await queryOne<FoundRow>(db, text, [userCodeHash]))
}

/** Every row of one session: two browsers' tabs resuming at once leave two, newest first. */
export async function listSessionRecords(db: Db, uidHash: Buffer): Promise<FoundRecord[]> {
  const text = textFor(
    'find:session_uid',
    () =>
      `${findText('Session', `t.uid_hash = $1 ${unreplaced('Session')}`)} ORDER BY t.created_at DESC`,
  )
  return (await query<FoundRow>(db, text, [uidHash])).map((row) => present(row)!)
}

/** Whichever of several models holds this id: introspection and revocation do not know the kind. */
export async function findRecordOfAny(
  db: Db,
  models: readonly ModelName[],
  idHash: Buffer,
): Promise<FoundRecord | undefined> {
  const text = textFor(`find:any:${models.join()}`, () =>
    models
      .map((model) => findText(model, 't.id_hash = $1', { likeOthers: true }))
      .join('\nUNION ALL\n'),
  )
  return present(await queryOne<FoundRow>(db, text, [idHash]))
}

/** What a token that is stored elsewhere would have brought along. */
export async function findBeside(
  db: Db,
  { grantHash, uidHash, accountId }: Pick<OidcRecord, 'grantHash' | 'uidHash' | 'accountId'>,
): Promise<Beside> {
  const row = await queryOne<BesideRow>(
    db,
    `SELECT ${GRANT}, ${SESSIONS}, ${ACCOUNT}
  FROM (SELECT $1::bytea AS grant_hash, $2::bytea AS uid_hash, $3::uuid AS account_id) t
  ${GRANT_JOIN} ${ACCOUNT_JOIN}`,
    [grantHash ?? null, uidHash ?? null, accountId ?? null],
  )
  return besideOf(row!)
}

type Beside = Omit<FoundRecord, 'record'>

function present(row: FoundRow | undefined): FoundRecord | undefined {
  return row && { record: recordOf(row), ...besideOf(row) }
}

function besideOf(row: BesideRow): Beside {
  return {
    grant: row.g_id_hash
      ? {
          model: 'Grant',
          idHash: row.g_id_hash,
          accountId: row.g_account_id ?? undefined,
          payload: row.g_payload!,
          expiresAt: row.g_expires_at ?? undefined,
        }
      : undefined,
    sessions: row.sessions?.map(sessionOf),
    account: row.account ?? undefined,
  }
}

function recordOf(row: Row): OidcRecord {
  return {
    model: row.model,
    idHash: row.id_hash,
    grantHash: row.grant_hash ?? undefined,
    uidHash: row.uid_hash ?? undefined,
    accountId: row.account_id ?? undefined,
    clientId: row.client_id ?? undefined,
    payload: row.payload,
    sealed: row.sealed ?? undefined,
    successor: row.successor ?? undefined,
    consumedAt: row.consumed_at ?? undefined,
    expiresAt: row.expires_at ?? undefined,
  }
}

function sessionOf(row: JsonRow): OidcRecord {
  return {
    model: 'Session',
    idHash: Buffer.from(row.id_hash, 'hex'),
    uidHash: Buffer.from(row.uid_hash, 'hex'),
    accountId: row.account_id ?? undefined,
    payload: row.payload,
    sealed: row.sealed === null ? undefined : Buffer.from(row.sealed, 'hex'),
    expiresAt: row.expires_at === null ? undefined : new Date(row.expires_at),
  }
}

/** And once more: a tab that was on its way may have given the session a new id, in a row not seen yet. */
export async function deleteSessions(db: Db, uidHashes: readonly Buffer[]): Promise<void> {
  await query(
    db,
    `WITH unseen AS (DELETE FROM session WHERE uid_hash = ANY($1::bytea[]))
     DELETE FROM ${partitionOf('Session')} WHERE uid_hash = ANY($1::bytea[])`,
    [uidHashes],
  )
}

/** Marks a record used, on its own: for what is not consumed at the end of a unit of work. */
export async function consumeRecord(db: Db, { model, idHash }: RecordKey): Promise<boolean> {
  const row = await queryOne(
    db,
    `UPDATE ${partitionOf(model)} SET consumed_at = now()
      WHERE id_hash = $1 AND consumed_at IS NULL RETURNING 1 AS one`,
    [idHash],
  )
  return row !== undefined
}

/**
 * Claims a device code for the one browser that answers it; false where another one was first. The
 * seal is new with every write: while it is the one that was read, nobody wrote in between. Nothing
 * is read out of the payload here, because `->` fails on what a request may carry (U+0000).
 */
export async function claimDeviceCode(
  db: Db,
  record: OidcRecord,
  readSeal: Buffer | undefined,
): Promise<boolean> {
  const row = await queryOne(
    db,
    `UPDATE ${partitionOf('DeviceCode')} SET payload = $2::json, sealed = $3
      WHERE id_hash = $1 AND sealed = $4 AND consumed_at IS NULL
      RETURNING 1 AS one`,
    [record.idHash, JSON.stringify(record.payload), record.sealed ?? null, readSeal ?? null],
  )
  return row !== undefined
}

export async function deleteRecord(db: Db, { model, idHash }: RecordKey): Promise<void> {
  await query(db, `DELETE FROM ${partitionOf(model)} WHERE id_hash = $1`, [idHash])
}

/** Everything that hangs on a grant, whatever the client may do today: one statement. */
export async function deleteRecordsOfGrant(db: Db, grantHash: Buffer): Promise<void> {
  await query(
    db,
    `DELETE FROM oidc_record
      WHERE model IN ('AuthorizationCode', 'AccessToken', 'RefreshToken', 'DeviceCode',
                      'BackchannelAuthenticationRequest')
        AND grant_hash = $1`,
    [grantHash],
  )
}

/** What one person gave one client: grants, and the tokens and codes of them. Sessions stay. */
export async function deleteRecordsOfParties(
  db: Db,
  { accountId, clientId }: { accountId: string; clientId: string },
): Promise<void> {
  await query(
    db,
    `DELETE FROM oidc_record
      WHERE model IN ('Grant', 'RefreshToken', 'AccessToken', 'AuthorizationCode', 'DeviceCode',
                      'BackchannelAuthenticationRequest')
        AND account_id = $1 AND client_id = $2`,
    [accountId, clientId],
  )
}

/** What of an account stays when everything else of it ends: one session with its grants. */
export type Kept = { uidHash: Buffer; grantHashes: readonly Buffer[] }

/**
 * Ends what an account holds: sessions, grants, tokens, sign-ins that are half way and the codes that
 * were sent for one. For an account that is disabled, deleted or taken back.
 */
export async function deleteRecordsOfAccount(
  db: Db,
  accountId: string,
  { uidHash, grantHashes }: Partial<Kept> = {},
): Promise<void> {
  await query(
    db,
    `WITH unseen AS (
       DELETE FROM session WHERE account_id = $1 AND uid_hash IS DISTINCT FROM $2::bytea
     ), half_way AS (
       DELETE FROM authentication_attempt WHERE account_id = $1
     ), sent AS (
       DELETE FROM one_time_code WHERE account_id = $1)
     DELETE FROM oidc_record
      WHERE model IN ('Session', 'Grant', 'RefreshToken', 'AccessToken', 'AuthorizationCode', 'DeviceCode',
                      'BackchannelAuthenticationRequest')
        AND account_id = $1
        AND ($2::bytea IS NULL OR model <> 'Session' OR uid_hash IS DISTINCT FROM $2::bytea)
        AND NOT (model = 'Grant' AND id_hash = ANY($3::bytea[]))
        AND NOT (grant_hash IS NOT NULL AND grant_hash = ANY($3::bytea[]))`,
    [accountId, uidHash ?? null, grantHashes ?? []],
  )
}

/** The sessions of an account, every row of each. */
export async function listSessionRecordsOfAccount(
  db: Db,
  accountId: string,
): Promise<OidcRecord[]> {
  const rows = await query<Row>(
    db,
    `SELECT ${columns('t')} FROM ${partitionOf('Session')} t
      WHERE t.account_id = $1 ${unreplaced('Session')}
      ORDER BY t.created_at DESC`,
    [accountId],
  )
  return rows.map(recordOf)
}

/** Ends the codes of a client that were not exchanged yet: what they would be sent to has changed. */
export async function deleteCodesOfClient(db: Db, clientId: string): Promise<void> {
  await query(db, `DELETE FROM ${partitionOf('AuthorizationCode')} WHERE client_id = $1`, [
    clientId,
  ])
}

/** Ends what a client holds: grants and tokens. For a deleted or disabled client. */
export async function deleteRecordsOfClient(db: Db, clientId: string): Promise<void> {
  await query(
    db,
    `DELETE FROM oidc_record
      WHERE model IN ('Grant', 'RefreshToken', 'AccessToken', 'ClientCredentials', 'AuthorizationCode', 'DeviceCode',
                      'BackchannelAuthenticationRequest')
        AND client_id = $1`,
    [clientId],
  )
}

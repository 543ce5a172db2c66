import { type Db, query } from '../../src/platform/persistence/db.ts'

/**
 * Tables as a deployment has them after some years, as far as the planner sees it: so many rows that
 * reading them all is dearer than any index. What stands in the rows is nobody's, and cannot be
 * opened.
 */

const PEOPLE = 8_000
/** Those of a day with as many messages. */
const JOBS = 40_000

/** What has as many rows as an operator makes by hand, or as the program has words for. */
export const SMALL_TABLES: ReadonlySet<string> = new Set([
  'resource_server',
  'signing_key',
  'connection',
  'account_import',
  'account_import_refusal',
  'directory_sync',
  'schema_migration',
  'schema_migration_lock',
  // Of the job queue: its queues, and what it says about them.
  'bam',
  'queue',
  'queue_stats',
  'schedule',
  'subscription',
  'version',
  'warning',
  'job_dependency',
])

const id = (what: string) => `md5('${what}' || i)::uuid`
const bytes = (what: string) => `sha256(('${what}' || i)::bytea)`
const sealed = (what: string) => `${bytes(what)} || ${bytes(`${what} tail`)}`
const person = id('account')
/** Until two weeks from now, one after the other. */
const later = `now() + interval '1 hour' + i * interval '1 minute'`
const earlier = `now() - i * interval '1 minute'`
const client = `'client' || (1 + i % 200)`

/** Columns and what stands in them, in row number `i`; in the order in which they refer to each other. */
const ROWS: Readonly<Record<string, Record<string, string>>> = {
  account: {
    id: person,
    email: `'person' || i || '@full.example'`,
    email_canonical: `'person' || i || '@full.example'`,
    email_verified: 'true',
    username: `'full' || i`,
    username_canonical: `'full' || i`,
    phone: `'+4915' || 100000000 + i`,
    claims: `jsonb_build_object('name', 'Person ' || i)`,
    created_at: earlier,
    idle_from: earlier,
    last_signed_in_at: earlier,
    deletion_at: `CASE WHEN i % 1000 = 0 THEN ${later} END`,
  },
  password_credential: {
    account_id: person,
    phc: `'$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$' || ${`encode(${bytes('phc')}, 'base64')`}`,
    changed_at: earlier,
  },
  subject_key: { account_id: person, key_sealed: sealed('key') },
  recovery_code_set: { account_id: person, salt: bytes('salt'), created_at: earlier },
  recovery_code: { account_id: person, hash: bytes('code') },
  totp_credential: {
    id: id('totp'),
    account_id: person,
    name: `'App'`,
    secret_sealed: sealed('totp'),
    created_at: earlier,
    confirmed_at: earlier,
  },
  webauthn_credential: {
    id: id('passkey'),
    account_id: person,
    credential_id: bytes('passkey'),
    user_handle: bytes('handle'),
    public_key: sealed('passkey'),
    sign_count: '0',
    name: `'Phone'`,
    backup_eligible: 'true',
    backed_up: 'true',
    user_verified: 'true',
    transports: `'{internal}'`,
    aaguid: id('aaguid'),
    created_at: earlier,
  },
  webauthn_challenge: { nonce: bytes('challenge'), expires_at: later },
  factor_guard: {
    account_id: person,
    kind: `'totp'`,
    failures: '0',
    window_began_at: earlier,
    window_failures: '0',
  },
  session: {
    id: id('session'),
    uid_hash: bytes('uid'),
    account_id: person,
    acr: `'urn:authcore:acr:password'`,
    amr: `'{pwd}'`,
    ip: `'192.0.2.1'`,
    user_agent: `'Mozilla/5.0'`,
    created_at: earlier,
    last_seen_at: earlier,
    expires_at: later,
  },
  push_subscription: {
    id: id('push'),
    session_id: id('session'),
    account_id: person,
    endpoint_hash: bytes('endpoint'),
    subscription_sealed: sealed('push'),
    created_at: earlier,
  },
  trusted_device: {
    id: id('device'),
    account_id: person,
    token_hash: bytes('device'),
    user_agent: `'Mozilla/5.0'`,
    created_at: earlier,
    expires_at: later,
  },
  sign_in_place: {
    account_id: person,
    network_hash: bytes('network'),
    country: `'DE'`,
    tried_at: earlier,
    expires_at: later,
  },
  terms_acceptance: { account_id: person, version: `'1'`, accepted_at: earlier },
  client: {
    client_id: `'client' || i`,
    name: `'Client ' || i`,
    metadata: `jsonb_build_object('redirect_uris', jsonb_build_array('https://rp' || i || '.example'))`,
  },
  client_secret: { id: id('secret'), client_id: `'client' || i`, hash: bytes('secret') },
  client_registration: {
    client_id: `'client' || i`,
    access_token_hash: bytes('registration'),
    presets: `'{web}'`,
    created_at: earlier,
    first_used_at: earlier,
  },
  registration_token: {
    id: id('invited client'),
    hash: bytes('invited client'),
    uses_left: '1',
    created_at: earlier,
    expires_at: later,
  },
  consent: { account_id: person, client_id: client, openid_scopes: `'{openid,email}'` },
  invitation: {
    id: id('invitation'),
    token_hash: bytes('invitation'),
    created_by: `'cli'`,
    created_at: earlier,
    expires_at: later,
  },
  identity: {
    id: id('identity'),
    connection_id: `md5('connection')::uuid`,
    subject: `'subject' || i`,
    account_id: person,
    owns_account: 'false',
    created_at: earlier,
  },
  upstream_session: {
    id: id('upstream'),
    identity_id: id('identity'),
    uid_hash: bytes('uid'),
    upstream_hash: bytes('upstream'),
    expires_at: later,
  },
  federation_request: {
    state_hash: bytes('state'),
    connection_id: `md5('connection')::uuid`,
    request_sealed: sealed('request'),
    expires_at: later,
  },
  pending_identity: {
    interaction_hash: bytes('pending'),
    connection_id: `md5('connection')::uuid`,
    person_sealed: sealed('pending'),
    expires_at: later,
  },
  seen_message: { message_hash: bytes('message'), expires_at: later },
  authentication_attempt: {
    interaction_hash: bytes('interaction'),
    account_id: person,
    acr: `'urn:authcore:acr:password'`,
    amr: `'{pwd}'`,
    authenticated_at: earlier,
    expires_at: later,
  },
  one_time_code: {
    id: id('code'),
    purpose: `'email_sign_in'`,
    bound_hash: bytes('bound'),
    account_id: person,
    payload_sealed: sealed('code'),
    code_hash: bytes('digits'),
    link_hash: bytes('link'),
    created_at: earlier,
    expires_at: later,
  },
  message: {
    id: id('message'),
    kind: `'sign_in_code'`,
    account_id: person,
    recipient: `'person' || i || '@full.example'`,
    created_at: earlier,
    state: `'sent'`,
    recipient_hash: bytes('recipient'),
    idempotency_key: `'message' || i`,
    transport: `'smtp'`,
    provider_id: `'provider' || i`,
    sent_at: earlier,
    settled_at: earlier,
  },
  notice: {
    id: id('notice'),
    account_id: person,
    kind: `'new_device'`,
    fields_sealed: sealed('notice'),
    idempotency_key: `'notice' || i`,
    created_at: earlier,
  },
  undeliverable_address: {
    address_hash: bytes('address'),
    reason: `'bounced'`,
    transport: `'smtp'`,
    since: earlier,
    tried_at: earlier,
  },
  delivery_report_token: { token_hash: bytes('report'), expires_at: later },
  spent_proof: { nonce: bytes('proof'), expires_at: later },
  replay_marker: { id_hash: bytes('replay'), expires_at: later },
  revoked_token: { jti_hash: bytes('jti'), expires_at: later },
  rate_limit: {
    key: `encode(${bytes('limit')}, 'base64')`,
    points: '1',
    expire: '(extract(epoch FROM now()) * 1000)::bigint + i * 60000',
  },
  audit_entry: {
    seq: 'i',
    event_id: id('event'),
    type: `(ARRAY['auth.login.success', 'token.issued', 'auth.login.failure', 'account.created'])[1 + i % 4]`,
    subject: `${person}::text`,
    occurred_at: earlier,
    data: `json_build_object('client_id', ${client}, 'ip', '192.0.2.1')`,
    previous_hash: bytes('previous'),
    hash: bytes('hash'),
  },
  event_outbox: {
    event_id: id('waiting'),
    type: `'token.issued'`,
    subject: `${person}::text`,
    data: `json_build_object('client_id', ${client})`,
  },
  'job_queue.job': {
    name: `'deliver_message'`,
    data: `jsonb_build_object('messageId', ${id('message')})`,
    state: `'completed'`,
    created_on: earlier,
    started_on: earlier,
    completed_on: earlier,
    keep_until: later,
  },
}

const RECORD = {
  id_hash: bytes('record'),
  client_id: client,
  payload: `json_build_object('iat', 1, 'exp', 2, 'kind', 'x', 'clientId', ${client}, 'scope', 'openid')`,
  expires_at: later,
}
const OF_PERSON = { ...RECORD, account_id: person }
const OF_GRANT = { ...OF_PERSON, grant_hash: bytes('record') }

/** By model; a model without a row here is refused by the test that uses this. */
const RECORDS: Readonly<Record<string, Record<string, string>>> = {
  Session: { ...OF_PERSON, uid_hash: bytes('uid'), sealed: sealed('session') },
  Interaction: RECORD,
  Grant: OF_PERSON,
  AuthorizationCode: OF_GRANT,
  AccessToken: OF_GRANT,
  RefreshToken: OF_GRANT,
  ClientCredentials: RECORD,
  DeviceCode: { ...OF_GRANT, user_code_hash: bytes('user code') },
  PushedAuthorizationRequest: RECORD,
  BackchannelAuthenticationRequest: OF_GRANT,
}

/** Fills every table that grows, and lets the planner know; as a superuser on one connection. */
export async function fillTables(db: Db): Promise<void> {
  // What refers to what is in order by itself.
  await query(db, 'SET session_replication_role = replica')
  await query(
    db,
    `INSERT INTO connection (id, name, kind, status, definition, created_at, updated_at)
     VALUES (md5('connection')::uuid, 'full', 'nowhere', 'disabled', '{}', now(), now())`,
  )
  for (const [table, row] of Object.entries(ROWS)) await insert(db, table, row)
  for (const [model, row] of Object.entries(RECORDS)) {
    await insert(db, 'oidc_record', { model: `'${model}'`, ...row })
  }
  await query(db, 'ANALYZE')
}

async function insert(db: Db, table: string, row: Record<string, string>): Promise<void> {
  const text = `INSERT INTO ${table} (${Object.keys(row)})
    SELECT ${Object.values(row)} FROM generate_series(1, ${table === 'job_queue.job' ? JOBS : PEOPLE}) AS i`
  await query(db, text)
}

/** Tables and partitions that were not filled and are not small either: forgotten here. */
export async function listForgottenTables(db: Db): Promise<string[]> {
  const rows = await query<{ name: string }>(
    db,
    `SELECT c.relname AS name FROM pg_class c
      WHERE c.relkind = 'r' AND c.relnamespace IN ('public'::regnamespace, 'job_queue'::regnamespace)
        AND c.reltuples < 1000`,
  )
  return rows.map(({ name }) => name).filter((name) => !isSmall(name))
}

export function isSmall(table: string): boolean {
  return SMALL_TABLES.has(table.replace(/_\d{8}$/, ''))
}

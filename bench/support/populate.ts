import pg from 'pg'
import { createClient } from '../../src/domain/clients/create_client.ts'
import { type Codec, createCodec, type Payload } from '../../src/surfaces/oidc/adapters/codec.ts'
import type { ModelName } from '../../src/surfaces/oidc/adapters/models.ts'
import { type Cell, copyIn } from './copy_in.ts'
import { madeUpBytes, madeUpId, madeUpSecret } from './made_up.ts'
import type { Bench } from './measured_server.ts'

/**
 * A deployment of a given size, made by COPY: people with passwords, sessions, consents, grants,
 * tokens and what the trail says of them, as wide as the product writes it. Of each person the
 * session, one refresh token and one access token are real: hashed and sealed with the keys of the
 * deployment, so that they can be used. The same size is the same deployment, but for times and
 * nonces.
 */

export type Size = { accounts: number; tokens: number }

export const REDIRECT_URI = 'https://rp.example.test/callback'

type Client = { clientId: string; secret: string }
export type Person = {
  accountId: string
  email: string
  /** The session that this person's browser holds: the value of its cookie. */
  session: string
  /** Whose grant the tokens hang on. */
  client: Client
  /** Not used yet. */
  refreshToken: string
  accessToken: string
}
export type Populated = {
  size: Size
  clients: readonly Client[]
  /** What the person with this number (from 0) uses. */
  person(i: number): Person
}

const CLIENTS = 10
const DAY_MS = 86_400_000
const ACR = 'urn:authcore:acr:pwd'
const SCOPE = 'openid profile email offline_access'
/** Of ten tokens those of two grants: each with refresh tokens that were used, and one that was not. */
const KINDS = [
  'used',
  'used',
  'RefreshToken',
  'AccessToken',
  'AccessToken',
  'used',
  'used',
  'RefreshToken',
  'AccessToken',
  'ClientCredentials',
] as const
type Kind = (typeof KINDS)[number]
const [REAL_REFRESH_TOKEN, REAL_ACCESS_TOKEN] = [2, 3]

/** What rows are made from. */
type World = { codec: Codec; size: Size; clients: readonly Client[]; nowMs: number; phc: string }

/** Fills a migrated database that is empty. */
export async function populate(bench: Bench, size: Size): Promise<Populated> {
  const clients: Client[] = []
  for (let i = 0; i < CLIENTS; i++) clients.push(await addClient(bench, i))
  const { argon2MemoryKib, argon2Passes, argon2Parallelism } = bench.config.security
  const world: World = {
    codec: createCodec(bench.keyring),
    size,
    clients,
    nowMs: Date.now(),
    phc: `$argon2id$v=19$m=${argon2MemoryKib},p=${argon2Parallelism},t=${argon2Passes}`,
  }
  const client = new pg.Client({ connectionString: bench.config.storage.databaseUrl! })
  await client.connect()
  try {
    for (const { rows, ...target } of tablesOf(world)) await copyIn(client, target, rows())
    await client.query('VACUUM ANALYZE')
  } finally {
    await client.end()
  }
  return { size, clients, person: (i) => personOf(world, i) }
}

async function addClient(bench: Bench, i: number): Promise<Client> {
  const clientId = `growth-${i}`
  const { secret } = await createClient(bench, {
    clientId,
    name: `Measurement ${i}`,
    preset: 'web',
    firstParty: true,
    metadata: { redirect_uris: [REDIRECT_URI] },
  })
  return { clientId, secret: secret! }
}

function personOf(world: World, i: number): Person {
  return {
    accountId: accountId(world, i),
    email: emailOf(i),
    session: madeUpSecret('session', i),
    client: clientOf(world, i, 0),
    refreshToken: madeUpSecret('token', i, REAL_REFRESH_TOKEN),
    accessToken: madeUpSecret('token', i, REAL_ACCESS_TOKEN),
  }
}

const emailOf = (i: number) => `person${i}@growth.example`
const accountId = ({ nowMs, size }: World, i: number) =>
  madeUpId(nowMs - (size.accounts - i) * 1000, 'account', i)
const clientOf = ({ clients }: World, i: number, grant: number) =>
  clients[(i + grant) % clients.length]!
/** Milliseconds from now, within the last twenty minutes. */
const ageMs = (i: number) => -((i * 7_919) % 1_200_000)
const at = ({ nowMs }: World, ms: number) => new Date(nowMs + ms)
const secondsAt = ({ nowMs }: World, ms: number) => Math.floor((nowMs + ms) / 1000)

type Table = {
  table: string
  columns: readonly string[]
  rows(): Iterable<readonly Cell[]>
}

function tablesOf(world: World): Table[] {
  const { accounts } = world.size
  function* everybody(rowOf: (world: World, i: number) => readonly Cell[]) {
    for (let i = 0; i < accounts; i++) yield rowOf(world, i)
  }
  const records = (rows: Table['rows']): Table => ({
    table: 'oidc_record',
    columns: RECORD_COLUMNS,
    rows,
  })
  return [
    { table: 'account', columns: ACCOUNT_COLUMNS, rows: () => everybody(account) },
    {
      table: 'password_credential',
      columns: ['account_id', 'phc', 'changed_at'],
      rows: () => everybody(password),
    },
    { table: 'session', columns: SESSION_COLUMNS, rows: () => everybody(session) },
    { table: 'consent', columns: CONSENT_COLUMNS, rows: () => everybody(consent) },
    records(() => everybody(sessionRecord)),
    records(() => everybody((each, i) => grant(each, i, 0))),
    records(() => everybody((each, i) => grant(each, i, 1))),
    records(() => tokens(world, ['used', 'RefreshToken'])),
    records(() => tokens(world, ['AccessToken'])),
    records(() => tokens(world, ['ClientCredentials'])),
    { table: 'audit_entry', columns: ENTRY_COLUMNS, rows: () => entries(world) },
  ]
}

const ACCOUNT_COLUMNS = [
  'id',
  'username',
  'username_canonical',
  'email',
  'email_canonical',
  'email_verified',
  'claims',
  'created_at',
  'updated_at',
  'idle_from',
  'last_signed_in_at',
]

function account(world: World, i: number): Cell[] {
  const [name, email, time] = [`person${i}`, emailOf(i), at(world, ageMs(i))]
  const claims = { name: `Person ${i}`, given_name: 'Person', family_name: String(i) }
  return [
    accountId(world, i),
    name,
    name,
    email,
    email,
    true,
    JSON.stringify(claims),
    time,
    time,
    time,
    time,
  ]
}

function password(world: World, i: number): Cell[] {
  const hash = madeUpBytes('phc', i, 0, 48).toString('base64').replaceAll('=', '')
  const phc = `${world.phc}$${hash.slice(0, 22)}$${hash.slice(21)}`
  return [accountId(world, i), phc, at(world, ageMs(i))]
}

const SESSION_COLUMNS = [
  'id',
  'uid_hash',
  'account_id',
  'acr',
  'amr',
  'ip',
  'user_agent',
  'created_at',
  'last_seen_at',
  'expires_at',
]

function session(world: World, i: number): Cell[] {
  const time = at(world, ageMs(i))
  return [
    // The database names them, by chance alone.
    madeUpId(madeUpBytes('session', i).readUIntBE(0, 6), 'session', i, 1),
    world.codec.uidHash(madeUpSecret('uid', i)),
    accountId(world, i),
    ACR,
    '{pwd}',
    '192.0.2.1',
    'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    time,
    time,
    at(world, DAY_MS),
  ]
}

const CONSENT_COLUMNS = ['account_id', 'client_id', 'openid_scopes', 'granted_at', 'updated_at']

function consent(world: World, i: number): Cell[] {
  const time = at(world, ageMs(i))
  const scopes = `{${SCOPE.replaceAll(' ', ',')}}`
  return [accountId(world, i), clientOf(world, i, 0).clientId, scopes, time, time]
}

const RECORD_COLUMNS = [
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
  'created_at',
  'expires_at',
]

type Times = { createdMs: number; expiresMs: number }

/** As the product stores it: whoever knows the id can use it. */
function real(
  world: World,
  { model, id, payload, times }: { model: ModelName; id: string; payload: Payload; times: Times },
): Cell[] {
  const record = world.codec.encode(model, id, payload, undefined)
  return [
    model,
    record.idHash,
    record.grantHash,
    record.uidHash,
    record.accountId,
    record.clientId,
    JSON.stringify(record.payload),
    record.sealed,
    null,
    null,
    at(world, times.createdMs),
    at(world, times.expiresMs),
  ]
}

function sessionRecord(world: World, i: number): Cell[] {
  const authorization = {
    sid: madeUpSecret('sid', i),
    grantId: madeUpSecret('grant', i, 0),
    persistsLogout: true,
  }
  const payload = {
    iat: secondsAt(world, ageMs(i)),
    exp: secondsAt(world, DAY_MS),
    kind: 'Session',
    uid: madeUpSecret('uid', i),
    accountId: accountId(world, i),
    loginTs: secondsAt(world, ageMs(i)),
    amr: ['pwd'],
    acr: ACR,
    transient: true,
    authorizations: { [clientOf(world, i, 0).clientId]: authorization },
  }
  const times = { createdMs: ageMs(i), expiresMs: DAY_MS }
  return real(world, { model: 'Session', id: madeUpSecret('session', i), payload, times })
}

function grant(world: World, i: number, n: number): Cell[] {
  const times = { createdMs: ageMs(i), expiresMs: 200 * DAY_MS }
  const payload = {
    iat: secondsAt(world, times.createdMs),
    exp: secondsAt(world, times.expiresMs),
    accountId: accountId(world, i),
    clientId: clientOf(world, i, n).clientId,
    kind: 'Grant',
    openid: { scope: SCOPE },
  }
  return real(world, { model: 'Grant', id: madeUpSecret('grant', i, n), payload, times })
}

function* tokens(world: World, kinds: readonly Kind[]): Generator<Cell[]> {
  const each = Math.max(KINDS.length, Math.round(world.size.tokens / world.size.accounts))
  const wanted = Array.from({ length: each }, (_, n) => n).filter((n) => kinds.includes(kindOf(n)))
  for (let i = 0; i < world.size.accounts; i++) {
    const hashes = hashesOf(world, i)
    for (const n of wanted) yield token(world, { i, n, hashes })
  }
}

const kindOf = (n: number): Kind => KINDS[n % KINDS.length]!

/** Of both grants and of the session: the same for all tokens of a person. */
function hashesOf({ codec }: World, i: number) {
  return {
    grants: [0, 1].map((n) => codec.idHash(madeUpSecret('grant', i, n))),
    uid: codec.uidHash(madeUpSecret('uid', i)),
  }
}

type TokenPlace = { i: number; n: number; hashes: ReturnType<typeof hashesOf> }

function token(world: World, { i, n, hashes }: TokenPlace): Cell[] {
  const times = { createdMs: ageMs(i), expiresMs: DAY_MS * (1 + ((i * 31 + n) % 12)) }
  const model = kindOf(n) === 'used' ? 'RefreshToken' : (kindOf(n) as ModelName)
  const payload = tokenPayload(world, { i, n, model, times })
  const id = madeUpSecret('token', i, n)
  if (n === REAL_REFRESH_TOKEN || n === REAL_ACCESS_TOKEN) {
    return real(world, { model, id, payload, times })
  }
  const { nonce, ...open } = payload
  const personal = model !== 'ClientCredentials'
  const used = kindOf(n) === 'used' ? at(world, times.createdMs) : undefined
  return [
    model,
    madeUpBytes('token', i, n),
    personal ? hashes.grants[grantOf(n)] : undefined,
    personal ? hashes.uid : undefined,
    personal ? accountId(world, i) : undefined,
    String(payload['clientId']),
    JSON.stringify(open),
    nonce === undefined ? undefined : madeUpBytes('nonce', i, n, 87),
    used && madeUpBytes('nonce', i, n, 71),
    used,
    at(world, times.createdMs),
    at(world, times.expiresMs),
  ]
}

const grantOf = (n: number): 0 | 1 => (n % KINDS.length < 5 ? 0 : 1)

function tokenPayload(
  world: World,
  { i, n, model, times }: { i: number; n: number; model: ModelName; times: Times },
): Payload {
  const iat = secondsAt(world, times.createdMs)
  const { clientId } = clientOf(world, i, grantOf(n))
  const common = { iat, exp: secondsAt(world, times.expiresMs), kind: model, clientId }
  if (model === 'ClientCredentials') return { ...common, aud: 'https://api.growth.example' }
  const of = {
    ...common,
    accountId: accountId(world, i),
    grantId: madeUpSecret('grant', i, grantOf(n)),
    gty: 'authorization_code refresh_token',
    sessionUid: madeUpSecret('uid', i),
    scope: SCOPE,
  }
  const signedIn = { acr: ACR, amr: ['pwd'] }
  if (model === 'AccessToken') return { ...of, extra: { ...signedIn, auth_time: iat } }
  const nonce = madeUpSecret('nonce', i)
  return { ...of, ...signedIn, authTime: iat, iiat: iat, rotations: n, nonce }
}

const ENTRY_COLUMNS = [
  'seq',
  'event_id',
  'type',
  'subject',
  'occurred_at',
  'data',
  'previous_hash',
  'hash',
]
const ENTRY_TYPES = ['auth.login.factor_accepted', 'auth.login.success', 'auth.token.issued']

/** As wide as true ones; the chain is none that could be proven. */
function* entries(world: World): Generator<Cell[]> {
  let seq = 0
  let previous: Buffer = Buffer.alloc(32)
  for (let i = 0; i < world.size.accounts; i++) {
    const [subject, time] = [accountId(world, i), at(world, ageMs(i))]
    for (const type of ENTRY_TYPES) {
      seq += 1
      const hash = madeUpBytes('entry', seq)
      const data = {
        accountId: subject,
        clientId: clientOf(world, i, 0).clientId,
        scope: SCOPE,
        requestId: madeUpId(time.getTime(), 'entry', seq, 1),
        personal: madeUpSecret('entry', seq, 2, 56),
      }
      const eventId = madeUpId(time.getTime(), 'entry', seq, 3)
      yield [seq, eventId, type, subject, time, JSON.stringify(data), previous, hash]
      previous = hash
    }
  }
}

import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createAccount } from '../src/domain/accounts/create_account.ts'
import { createClient } from '../src/domain/clients/create_client.ts'
import { createResourceServer } from '../src/domain/clients/create_resource_server.ts'
import { createHasher } from '../src/main/passwords.ts'
import { type Db, openDb, query } from '../src/platform/persistence/db.ts'
import { type Browser, browser, type Reply } from '../test/support/http.ts'
import { urlOf } from '../test/support/postgres.ts'
import { available, startRedis } from '../test/support/redis.ts'
import { type Bench, onPostgres, startMeasured } from './support/measured_server.ts'
import { Refused, signInThroughPages } from './support/pages.ts'
import { judge, median, percentile, printHeading, printRows } from './support/report.ts'
import { type ServerProcess, temporaryFolder } from './support/server_process.ts'

/**
 * Half an hour of mixed load at an even pace on one server process, PostgreSQL, and Redis where it is
 * installed: does memory stay where it is, and does everything that is opened close again? Lifetimes
 * are short, so that what ends and is tidied away is part of it. Every ten seconds a sample is taken;
 * the last third of the time is held against the second. `--minutes` and `--pace` (times the load)
 * set it otherwise.
 */

/** How much the median of the last third may lie above the one of the second. */
const RISE_PERCENT = 5
const RISE_HANDLES = 5

/** What is asked for each second, times the pace. */
const PER_S = { client_credentials: 15, introspection: 15, refresh: 5, sso: 4, sign_in: 1 } as const
type Operation = keyof typeof PER_S

/** Chains of refresh tokens, and browsers that are signed in: so many are in use by turns. */
const CHAINS = 40
const BROWSERS = 40
const PEOPLE = 60

const REDIRECT_URI = 'https://rp.example.test/callback'
const [JWT_API, OPAQUE_API] = ['https://jwt.example.test', 'https://opaque.example.test']
const PASSWORD = 'correct horse battery staple'

const SHORT_LIVES = {
  AUTHCORE_TTL_INTERACTION: '3m',
  AUTHCORE_TTL_AUTHORIZATION_CODE: '30s',
  AUTHCORE_TTL_ACCESS_TOKEN: '3m',
  AUTHCORE_TTL_SESSION: '10m',
  AUTHCORE_TTL_SESSION_IDLE: '5m',
  AUTHCORE_REFRESH_REUSE_DETECTION: '3m',
}

type Settings = { minutes: number; pace: number; sampleMs: number }

/** @throws where an argument is none of its own, or no number above 0 */
function settingsOf(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '30' },
      pace: { type: 'string', default: '1' },
    },
  })
  const [minutes, pace] = [Number(values.minutes), Number(values.pace)]
  if (!(minutes > 0) || !(pace > 0)) throw new Error('--minutes and --pace take a number above 0')
  // Ten seconds, but for a run so short that its thirds would hold too few.
  return { minutes, pace, sampleMs: Math.min(10_000, minutes * 2_000) }
}

export async function measure(args: readonly string[] = []): Promise<boolean> {
  const settings = settingsOf(args)
  printHeading('Soak')
  const folder = await temporaryFolder()
  const redis = available().ok ? await startRedis() : undefined
  try {
    return await onPostgres(folder, async (connection) => {
      const env = { ...SHORT_LIVES, ...(redis ? { REDIS_URL: redis.url } : {}) }
      const { issuer, prepared, server } = await startMeasured(folder, connection, { prepare, env })
      const db = openDb({
        connection: { connectionString: urlOf(connection) },
        poolMax: 1,
        timeoutMs: 30_000,
      })
      try {
        console.log(`on PostgreSQL${redis ? ' and Redis' : ''}, for ${settings.minutes} minutes\n`)
        return await soak({ issuer, db, server, secrets: prepared, settings })
      } finally {
        await db.destroy()
        await server.stop()
      }
    })
  } finally {
    await redis?.stop()
  }
}

type Secrets = { web: string; service: string }
type Place = {
  issuer: string
  db: Db
  server: ServerProcess
  secrets: Secrets
  settings: Settings
}

async function soak(place: Place): Promise<boolean> {
  const { minutes, sampleMs } = place.settings
  const load = await createLoad(place)
  const until = performance.now() + minutes * 60_000
  const samples: Sample[] = []
  const loads = (Object.keys(PER_S) as Operation[]).map((operation) => load.run(operation, until))
  while (performance.now() < until) {
    await sleep(Math.min(sampleMs, Math.max(0, until - performance.now())))
    samples.push(await takeSample(place))
    if (samples.length % 30 === 0) console.log(describe(samples, sampleMs))
  }
  await Promise.all(loads)
  return tell(samples, load, { errors: loggedErrors(place.server), sampleMs })
}

/** Rows by table, numbers of the process, and how long an answer takes that needs nothing. */
type Sample = {
  residentMib: number
  heapMib: number
  files: number
  resources: number
  loopShare: number
  cpuS: number
  /** Milliseconds of each try. */
  live: number[]
  rows: Map<string, number>
}

const prober = browser()

async function takeSample({ issuer, db }: Place): Promise<Sample> {
  const live: number[] = []
  for (let i = 0; i < 20; i++) {
    const beganAt = performance.now()
    await prober.get(`${issuer}/health/live`)
    live.push(performance.now() - beganAt)
  }
  const { body } = await prober.get(`${issuer}/metrics`)
  const read = (name: string) => {
    const lines = body.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'))
    return [...lines].reduce((sum, [, value]) => sum + Number(value), 0)
  }
  // An estimate that costs nothing; it is kept by what every transaction reports.
  const tables = await query<{ name: string; rows: number }>(
    db,
    'SELECT relname AS name, n_live_tup::integer AS rows FROM pg_stat_user_tables',
  )
  return {
    residentMib: read('process_resident_memory_bytes') / 2 ** 20,
    heapMib: read('nodejs_heap_size_used_bytes') / 2 ** 20,
    files: read('process_open_fds'),
    resources: read('nodejs_active_resources'),
    loopShare: read('nodejs_eventloop_utilization'),
    cpuS: read('process_cpu_seconds_total'),
    live,
    rows: new Map(tables.map(({ name, rows }) => [name, rows])),
  }
}

function describe(samples: readonly Sample[], sampleMs: number): string {
  const { residentMib, heapMib, files, resources } = samples.at(-1)!
  const minute = String(Math.round((samples.length * sampleMs) / 60_000)).padStart(3)
  return `minute ${minute}: ${residentMib.toFixed(0)} MiB, heap ${heapMib.toFixed(0)} MiB, ${files} files, ${resources} resources`
}

/** @returns whether nothing grew and nothing failed */
function tell(
  samples: readonly Sample[],
  load: Load,
  { errors, sampleMs }: { errors: number; sampleMs: number },
): boolean {
  const third = Math.floor(samples.length / 3)
  if (third < 2) throw new Error('that is too short to compare its thirds')
  const [first, second, last] = [0, 1, 2].map((n) => samples.slice(n * third, (n + 1) * third))
  const thirds = [first!, second!, last!]
  const each = (of: (sample: Sample) => number, digits = 0) =>
    thirds.map((part) => median(part.map(of)).toFixed(digits))
  const busy = (last!.at(-1)!.cpuS - second![0]!.cpuS) / (((2 * third - 1) * sampleMs) / 1000)
  const live = thirds.map((part) =>
    percentile(
      part.flatMap((sample) => sample.live),
      0.99,
    ),
  )
  printTable('', 'first third', 'second third', 'last third')
  printTable('resident memory, MiB', ...each((sample) => sample.residentMib, 1))
  printTable('heap, MiB', ...each((sample) => sample.heapMib, 1))
  printTable('open files', ...each((sample) => sample.files))
  printTable('active resources', ...each((sample) => sample.resources))
  printTable('busy share of the loop', ...each((sample) => sample.loopShare, 2))
  printTable('/health/live p99, ms', ...live.map((value) => value.toFixed(1)))
  console.log()
  for (const name of [...last!.at(-1)!.rows.keys()].sort()) {
    const rows = thirds.map((part) => String(part.at(-1)!.rows.get(name) ?? 0))
    if (rows.some((count) => Number(count) >= 100)) printTable(`rows at the end, ${name}`, ...rows)
  }
  console.log()
  printRows([
    ...load.rows(),
    { what: 'CPU of the server, cores', value: busy.toFixed(2) },
    { what: 'errors in its log', value: String(errors) },
  ])
  const rise = (of: (sample: Sample) => number) => median(last!.map(of)) - median(second!.map(of))
  const memory = (sample: Sample) => sample.residentMib
  const risePercent = (rise(memory) / median(second!.map(memory))) * 100
  const met = [
    judge('Memory, last third above the second', risePercent, RISE_PERCENT, '%'),
    judge(
      'Open files, the same',
      rise((sample) => sample.files),
      RISE_HANDLES,
      'files',
    ),
    judge(
      'Resources, the same',
      rise((sample) => sample.resources),
      RISE_HANDLES,
      'resources',
    ),
    judge('Requests that failed', load.failed(), 1, 'requests'),
    judge('Errors in the log', errors, 1, 'lines'),
  ]
  return met.every(Boolean)
}

function printTable(what: string, ...columns: string[]): void {
  console.log(`${what.padEnd(48)}${columns.map((text) => text.padStart(14)).join('')}`)
}

/** A server that has too much to do says so, to the caller and in its log: that is no error of its own. */
function loggedErrors(server: ServerProcess): number {
  const lines = server.output().split('\n')
  const errors = lines.filter(
    (line) => /^\{"level":"(?:error|fatal)"/.test(line) && !line.includes('"status":503'),
  )
  for (const line of errors.slice(0, 3)) console.log(line.slice(0, 500))
  return errors.length
}

type Load = {
  /** Asks at its pace until then, whatever happens to what was asked before. */
  run(operation: Operation, until: number): Promise<void>
  failed(): number
  rows(): { what: string; value: string }[]
}

async function createLoad(place: Place): Promise<Load> {
  const operations = await createOperations(place)
  const took = new Map<string, number[]>()
  const refused = new Map<string, number>()
  let failures = 0
  const fail = (operation: Operation, error: Error) => {
    const isBusy = error instanceof Refused && error.status === 503
    const what = isBusy ? 'told to come back later' : 'failed'
    refused.set(`${operation}: ${what}`, (refused.get(`${operation}: ${what}`) ?? 0) + 1)
    if (isBusy) return
    failures += 1
    if (failures <= 5) console.log(`${operation} failed: ${error}`)
  }
  const note = (what: string, ms: number) => {
    const before = took.get(what)
    if (before) before.push(ms)
    else took.set(what, [ms])
  }
  return {
    async run(operation, until) {
      const running = new Set<Promise<void>>()
      const everyMs = 1000 / (PER_S[operation] * place.settings.pace)
      for (let dueAt = performance.now(); dueAt < until; dueAt += everyMs) {
        await sleep(Math.max(0, dueAt - performance.now()))
        const beganAt = performance.now()
        const asking = operations[operation]().then(
          (what) => note(what, performance.now() - beganAt),
          (error: Error) => fail(operation, error),
        )
        running.add(asking)
        void asking.finally(() => running.delete(asking))
      }
      await Promise.all(running)
    },
    failed: () => failures,
    rows: () => [
      ...[...took].map(([what, each]) => ({
        what: `${what}: count, median, p99`,
        value: `${each.length}, ${median(each).toFixed(1)} ms, ${percentile(each, 0.99).toFixed(1)} ms`,
      })),
      ...[...refused].map(([what, count]) => ({ what, value: String(count) })),
    ],
  }
}

/** Each does one thing and says what it came to. */
type Operations = Record<Operation, () => Promise<Operation | 'left out'>>

async function createOperations({ issuer, secrets }: Place): Promise<Operations> {
  const machine = browser({ base: issuer, headers: { accept: 'application/json' } })
  const ask = async (client: 'web' | 'service', path: string, fields: Record<string, string>) => {
    const authorization = `Basic ${Buffer.from(`bench-${client}:${secrets[client]}`).toString('base64')}`
    const reply = await machine.post(path, fields, { headers: { authorization } })
    if (reply.status !== 200) throw new Refused(reply)
    return reply.json<Record<string, string>>()
  }
  const serviceToken = async (resource: string) => {
    const fields = { grant_type: 'client_credentials', scope: 'read', resource }
    return (await ask('service', '/token', fields))['access_token']!
  }
  const enter = async (person: Browser, parameters: Record<string, string> = {}) => {
    const verifier = randomBytes(32).toString('base64url')
    const uri = authorizationUri(issuer, verifier, parameters)
    const start = await person.get(uri)
    const leaving = start.location?.startsWith(REDIRECT_URI)
      ? start
      : await signInThroughPages(person, start, { ours: issuer, ...someone() })
    const fields = {
      grant_type: 'authorization_code',
      code: codeOf(leaving),
      redirect_uri: REDIRECT_URI,
      code_verifier: verifier,
    }
    return { tokens: await ask('web', '/token', fields), known: leaving === start }
  }
  const browsers = Array.from({ length: BROWSERS }, () => browser())
  const chains: string[] = []
  for (let i = 0; i < CHAINS; i++) {
    const asked = { scope: 'openid offline_access', prompt: 'consent' }
    chains.push((await enter(browsers[i % BROWSERS]!, asked)).tokens['refresh_token']!)
  }
  let opaque = await serviceToken(OPAQUE_API)
  let turn = 0
  return {
    async client_credentials() {
      const isOpaque = turn++ % 2 === 0
      const token = await serviceToken(isOpaque ? OPAQUE_API : JWT_API)
      if (isOpaque) opaque = token
      return 'client_credentials'
    },
    async introspection() {
      const { active } = await ask('service', '/introspect', { token: opaque })
      if (!active) throw new Error('a token that was just issued is not active')
      return 'introspection'
    },
    async refresh() {
      const refresh_token = chains.shift()
      // All are under way: the server is slower than the pace.
      if (refresh_token === undefined) return 'left out'
      const tokens = await ask('web', '/token', { grant_type: 'refresh_token', refresh_token })
      chains.push(tokens['refresh_token']!)
      return 'refresh'
    },
    async sso() {
      const person = browsers.shift()
      if (!person) return 'left out'
      try {
        return (await enter(person)).known ? 'sso' : 'sign_in'
      } finally {
        browsers.push(person)
      }
    },
    async sign_in() {
      await enter(browser())
      return 'sign_in'
    },
  }
}

let people = 0
function someone() {
  return { login: `p${people++ % PEOPLE}@example.test`, password: PASSWORD }
}

function authorizationUri(
  issuer: string,
  verifier: string,
  parameters: Record<string, string>,
): string {
  const query = new URLSearchParams({
    client_id: 'bench-web',
    response_type: 'code',
    redirect_uri: REDIRECT_URI,
    scope: 'openid email',
    state: randomBytes(16).toString('base64url'),
    nonce: randomBytes(16).toString('base64url'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...parameters,
  })
  return `${issuer}/authorize?${query}`
}

function codeOf(reply: Reply): string {
  const code = reply.location && new URL(reply.location).searchParams.get('code')
  if (!code) throw new Refused(reply)
  return code
}

async function prepare(bench: Bench): Promise<Secrets> {
  const passwordHash = await createHasher(bench.config).hash(PASSWORD)
  for (let n = 0; n < PEOPLE; n++) {
    await createAccount(bench, { email: `p${n}@example.test`, emailVerified: true, passwordHash })
  }
  for (const [identifier, accessTokenFormat] of [
    [JWT_API, 'jwt'],
    [OPAQUE_API, 'opaque'],
  ] as const) {
    const scopes = [{ name: 'read', description: 'Read' }]
    await createResourceServer(bench, { identifier, name: 'Soak', accessTokenFormat, scopes })
  }
  const web = await createClient(bench, {
    clientId: 'bench-web',
    name: 'Soak',
    preset: 'web',
    metadata: { redirect_uris: [REDIRECT_URI] },
  })
  const resource_scopes = { [JWT_API]: ['read'], [OPAQUE_API]: ['read'] }
  const service = await createClient(bench, {
    clientId: 'bench-service',
    name: 'Soak',
    preset: 'service',
    metadata: { resource_scopes, introspection: 'any' },
  })
  return { web: web.secret!, service: service.secret! }
}

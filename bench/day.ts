import { setTimeout as sleep } from 'node:timers/promises'
import { housekeepingTasks } from '../src/main/housekeeping_tasks.ts'
import { countWaitingEvents } from '../src/platform/events/outbox.ts'
import { JOBS } from '../src/platform/jobs/jobs.ts'
import { createQueueOf } from '../src/platform/jobs/queue.ts'
import { type Db, query } from '../src/platform/persistence/db.ts'
import {
  dpopProof,
  exchangeFields,
  post,
  refresh,
  signingParty,
  startDevice,
  type TestClient,
} from '../test/protocol/driver.ts'
import {
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../test/support/authcore.ts'
import { browser } from '../test/support/http.ts'
import {
  authorizationRequest,
  authorize,
  type RelyingParty,
  relyingParty,
} from '../test/support/relying_party.ts'
import { startSmtp } from '../test/support/smtp.ts'
import { printHeading } from './support/report.ts'

/**
 * A day of traffic, to see that nothing grows that should not. Every hour leaves what sign-ins,
 * applications and guesses leave, through the real endpoints; then the hour passes, in that
 * everything stored becomes an hour older, and the worker tidies up. Lifetimes are set so short that
 * after six hours as much ends in an hour as begins: from there to the end of the day the tables must
 * keep their number of rows and, vacuumed as autovacuum would, their bytes.
 */

const HOURS = 24
const SETTLED_AFTER = 6
/** What a table that is flat may differ by: who comes at which minute is left to chance. */
const MOST_GROWTH = 1.15
const SPARE_ROWS = 12
const SPARE_BYTES = 96 * 1024

const API = 'https://opaque.example.test'

/** So many of each in an hour. */
const TRAFFIC = {
  signIns: 6,
  refreshesEach: 3,
  signInsLeft: 6,
  wrongPasswords: 4,
  forgottenPasswords: 2,
  serviceTokens: 20,
  proofs: 5,
  pushedRequests: 5,
  devices: 3,
} as const

const ENV = {
  AUTHCORE_TTL_SESSION: '1h',
  AUTHCORE_TTL_SESSION_IDLE: '1h',
  AUTHCORE_TTL_SESSION_REMEMBERED: '1h',
  AUTHCORE_TTL_REFRESH_TOKEN_IDLE: '1h',
  AUTHCORE_TTL_REFRESH_TOKEN_ABSOLUTE: '1h',
  AUTHCORE_REFRESH_REUSE_DETECTION: '1h',
}

/** What grows by design, and until when. */
const BY_DESIGN: Readonly<Record<string, string>> = {
  audit_entry: 'the trail is never shortened',
  subject_key: 'one for each account that did something',
  consent: 'one for each account and client',
  message: 'kept for AUTHCORE_MESSAGE_RETENTION, 30 days',
  notice: 'kept for AUTHCORE_INBOX_DAYS, 90 days',
  rate_limit: 'passwords tried on an account count for 30 days; one row for each account',
  queue_stats: 'pg-boss: a row for each queue and minute, for a week',
}

type World = {
  server: AuthCore
  party: RelyingParty
  client: TestClient
  service: TestClient
  television: TestClient
  people: readonly Person[]
}

export async function measure(): Promise<boolean> {
  printHeading('A day')
  const mail = await startSmtp()
  const server = await startAuthCore({ worker: true, env: { ...mail.env(), ...ENV } })
  try {
    const world = await worldOf(server)
    const seen: Sizes[] = []
    for (let hour = 1; hour <= HOURS; hour++) {
      await liveAnHour(world)
      await settle(server)
      await letAnHourPass(server.parts.db)
      await tidyUp(server)
      seen.push(await sizesOf(server.parts.db))
    }
    return report(seen)
  } finally {
    await server.stop()
    await mail.stop()
  }
}

async function worldOf(server: AuthCore): Promise<World> {
  await addApi(server, 'opaque', API)
  const client = await addClient(server)
  const service = await addClient(server, {
    preset: 'service',
    metadata: { resource_scopes: { [API]: ['read'] } },
  })
  const people: Person[] = []
  for (let i = 0; i < TRAFFIC.signIns * 2; i++) people.push(await addPerson(server))
  return {
    server,
    client,
    service,
    people,
    party: await relyingParty(server, client),
    television: await addClient(server, { preset: 'device' }),
  }
}

async function liveAnHour(world: World): Promise<void> {
  const { server, party, client, service, television, people } = world
  const someone = () => people[Math.floor(Math.random() * people.length)]!
  await times(TRAFFIC.signIns, async () => {
    const parameters = { scope: 'openid offline_access', prompt: 'consent' }
    const signedIn = await authorize(server, party, someone(), { parameters })
    let answer = await post(server, '/token', client, exchangeFields(signedIn))
    for (let i = 0; i < TRAFFIC.refreshesEach; i++) {
      answer = await refresh(server, client, answer.json<{ refresh_token: string }>().refresh_token)
    }
    await authorize(server, party, someone(), { alice: signedIn.alice })
  })
  await times(TRAFFIC.signInsLeft, async () => {
    const { url } = await authorizationRequest(party)
    await browser().get(url.href)
  })
  await times(TRAFFIC.wrongPasswords, async () => {
    await login(world, async (mind, page) => {
      await mind.submit(page, { login: someone().email, password: 'not the right one' })
    })
  })
  await times(TRAFFIC.forgottenPasswords, async () => {
    await login(world, async (mind, page) => {
      const forgot = await mind.get(page.url.replace(/login$/, 'forgot_password'))
      await mind.submit(forgot, { login: someone().email })
    })
  })
  const grant = { grant_type: 'client_credentials', resource: API }
  await times(TRAFFIC.serviceTokens, () => post(server, '/token', service, grant))
  const key = await signingParty()
  await times(TRAFFIC.proofs, async () => {
    const headers = { dpop: await dpopProof(key, 'POST', `${server.issuer}/token`) }
    await post(server, '/token', service, grant, { headers })
  })
  await times(TRAFFIC.pushedRequests, async () => {
    const { url } = await authorizationRequest(party)
    await post(server, '/par', client, Object.fromEntries(url.searchParams))
  })
  await times(TRAFFIC.devices, () => startDevice(server, television))
}

async function times(count: number, work: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < count; i++) await work()
}

type Mind = ReturnType<typeof browser>
type Page = Awaited<ReturnType<Mind['get']>>

async function login({ party, server }: World, work: (mind: Mind, page: Page) => Promise<void>) {
  const mind = browser()
  const { url } = await authorizationRequest(party)
  const leave = (location: string) => !location.startsWith(server.issuer)
  await work(mind, await mind.followAll(await mind.get(url.href), leave))
}

/** Until everything that was begun is done: events told, jobs worked off. */
async function settle({ parts }: AuthCore): Promise<void> {
  await parts.recorder.flush()
  const until = Date.now() + 60_000
  const waiting = async () => {
    const [row] = await query<{ jobs: number }>(
      parts.db,
      `SELECT count(*)::integer AS jobs FROM job_queue.job WHERE state IN ('created', 'active')`,
    )
    return (await countWaitingEvents(parts.db)) + row!.jobs
  }
  while ((await waiting()) > 0 && Date.now() < until) await sleep(200)
}

/** Every time that is stored, but in the trail, moves back by an hour. */
async function letAnHourPass(db: Db): Promise<void> {
  const columns = await query<{ place: string; names: string[] }>(
    db,
    `SELECT format('%I.%I', table_schema, table_name) AS place,
            array_agg(column_name::text) AS names
       FROM information_schema.columns JOIN information_schema.tables t
            USING (table_schema, table_name)
      WHERE table_schema IN ('public', 'job_queue') AND data_type = 'timestamp with time zone'
        AND table_type = 'BASE TABLE'
        AND table_name NOT IN ('audit_entry', 'signing_key', 'schema_migration')
        AND table_name !~ '^(queue_stats|oidc_record_|job_common)'
      GROUP BY 1`,
  )
  for (const { place, names } of columns) {
    const moved = names.map((name) => `${name} = ${name} - interval '1 hour'`)
    await query(db, `UPDATE ${place} SET ${moved.join(', ')}`)
  }
  await query(db, 'UPDATE rate_limit SET expire = expire - 3600000')
}

async function tidyUp({ parts }: AuthCore): Promise<void> {
  for (const { run } of housekeepingTasks(parts)) while ((await run()) > 0);
  const intervals = { pollS: 30, superviseS: 1 }
  const jobs = createQueueOf(JOBS, { db: parts.db, log: parts.log, intervals })
  jobs.start('worker')
  await sleep(2_000)
  await jobs.stop()
}

type Sizes = Map<string, { rows: number; bytes: number }>

async function sizesOf(db: Db): Promise<Sizes> {
  const tables = await query<{ name: string; place: string }>(
    db,
    `SELECT relname AS name, oid::regclass::text AS place FROM pg_class
      WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'job_queue'::regnamespace)`,
  )
  const sizes: Sizes = new Map()
  for (const { name, place } of tables) {
    await query(db, `VACUUM ${place}`)
    const [row] = await query<{ rows: number; bytes: number }>(
      db,
      `SELECT count(*)::integer AS rows, pg_total_relation_size('${place}')::float8 AS bytes
         FROM ${place}`,
    )
    const table = name.replace(/_\d{8}$/, '')
    const known = sizes.get(table) ?? { rows: 0, bytes: 0 }
    sizes.set(table, { rows: known.rows + row!.rows, bytes: known.bytes + row!.bytes })
  }
  return sizes
}

/** @returns whether nothing grew but what grows by design */
function report(seen: readonly Sizes[]): boolean {
  const [then, now] = [seen[SETTLED_AFTER - 1]!, seen.at(-1)!]
  let flat = true
  console.log(`| table | rows after ${SETTLED_AFTER} h | after ${HOURS} h | KiB | KiB | |`)
  console.log('| --- | ---: | ---: | ---: | ---: | --- |')
  for (const [name, { rows, bytes }] of [...now].sort()) {
    const before = then.get(name) ?? { rows: 0, bytes: 0 }
    const grew =
      rows > before.rows * MOST_GROWTH + SPARE_ROWS ||
      bytes > before.bytes * MOST_GROWTH + SPARE_BYTES
    if (grew && !(name in BY_DESIGN)) flat = false
    if (rows === 0 && before.rows === 0 && !grew) continue
    const verdict = name in BY_DESIGN ? BY_DESIGN[name]! : grew ? 'GROWS' : 'flat'
    const cells = [before.rows, rows, before.bytes / 1024, bytes / 1024]
    console.log(`| ${name} | ${cells.join(' | ')} | ${verdict} |`)
  }
  console.log(`\nNothing grows that should not: ${flat ? 'met' : 'MISSED'}`)
  return flat
}

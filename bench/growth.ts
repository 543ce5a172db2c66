import path from 'node:path'
import { parseArgs } from 'node:util'
import { createClient } from '../src/domain/clients/create_client.ts'
import { createResourceServer } from '../src/domain/clients/create_resource_server.ts'
import { countWaitingEvents } from '../src/platform/events/outbox.ts'
import { createKeyring, type Keyring } from '../src/platform/keys/keyring.ts'
import { type Db, openDb, query } from '../src/platform/persistence/db.ts'
import type { Connection } from '../test/support/postgres.ts'
import { cpuMsOf } from './protocol/processes.ts'
import { backendCpuMs, backendsOf } from './support/cpu.ts'
import { type Callers, hotOperations } from './support/hot_operations.ts'
import { hotStatements } from './support/hot_statements.ts'
import { createDatabase } from './support/measured_command.ts'
import { type Bench, onPostgres, startMeasured } from './support/measured_server.ts'
import { type Person, type Populated, populate, type Size } from './support/populate.ts'
import { judge, median, printHeading } from './support/report.ts'
import { temporaryFolder } from './support/server_process.ts'

/**
 * Whether anything gets dearer as a deployment grows: what hot statements and requests cost with a
 * thousand people, a hundred thousand and a million, in CPU time, so that it holds on a machine that
 * does other things too. Each size is a database of its own on one PostgreSQL, and a server of its
 * own; they take turns, so that whatever else the machine does meets all of them.
 *
 * `--accounts N --tokens N` measures that size beside the smallest, and no other; for `--everybody` see
 * `peopleOf`.
 */

const SIZES: readonly Size[] = [
  { accounts: 1_000, tokens: 10_000 },
  { accounts: 100_000, tokens: 1_000_000 },
  { accounts: 1_000_000, tokens: 10_000_000 },
]
const TIMES_SMALLEST = 1.1
const ROUNDS = 5
const STATEMENTS_PER_ROUND = 200
const REQUESTS_PER_ROUND = 150
const AT_ONCE = 4
/** Taking 200 events to the trail, as one of the statements does, is worth this many of the others. */
const HEAVY = 20

/** Room for the upper levels of every index of the largest size, as a deployment of it would give. */
const SETTINGS = { shared_buffers: '1GB', max_wal_size: '8GB', checkpoint_timeout: '30min' }

const API = 'https://api.growth.example'

export async function measure(args: readonly string[]): Promise<boolean> {
  printHeading('Growth')
  const folder = await temporaryFolder()
  const { sizes, everybody } = asked(args)
  const work = async (connection: Connection) => {
    const deployments: Deployment[] = []
    try {
      for (const size of sizes) {
        deployments.push({ ...(await deploy(folder, connection, size)), everybody })
      }
      return await compare(deployments)
    } finally {
      for (const { stop } of deployments) await stop()
    }
  }
  return await onPostgres(folder, work, SETTINGS)
}

function asked(args: readonly string[]): { sizes: readonly Size[]; everybody: boolean } {
  const { values } = parseArgs({
    args: [...args],
    options: {
      accounts: { type: 'string' },
      tokens: { type: 'string' },
      everybody: { type: 'boolean', default: false },
    },
  })
  const { everybody } = values
  if (values.accounts === undefined) return { sizes: SIZES, everybody }
  const accounts = Number(values.accounts)
  const wanted = { accounts, tokens: Number(values.tokens ?? accounts * 10) }
  return { sizes: [SIZES[0]!, wanted], everybody }
}

type Deployment = {
  size: Size
  everybody: boolean
  populated: Populated
  /** One connection, and nobody else's. */
  db: Db
  database: string
  keyring: Keyring
  serverPid: number
  operations: ReturnType<typeof hotOperations>
  stop(): Promise<void>
}

async function deploy(
  folder: string,
  connection: Connection,
  size: Size,
): Promise<Omit<Deployment, 'everybody'>> {
  const database = `growth_${size.accounts}`
  await createDatabase(connection, database)
  const beganAt = performance.now()
  const place = path.join(folder, database)
  const prepare = async (bench: Bench) => ({
    populated: await populate(bench, size),
    callers: await addCallers(bench),
    config: bench.config,
  })
  const { issuer, prepared, server } = await startMeasured(
    place,
    { ...connection, database },
    { prepare },
  )
  const { populated, callers, config } = prepared
  const db = openDb({ connection: { ...connection, database }, poolMax: 1, timeoutMs: 60_000 })
  console.log(`${await sizeOf(db, size)}, made in ${seconds(performance.now() - beganAt)}`)
  return {
    size,
    populated,
    db,
    database,
    keyring: createKeyring(config.security),
    serverPid: server.pid,
    operations: hotOperations(issuer, config.security.cookieKeys, callers),
    async stop() {
      await db.destroy()
      await server.stop()
    },
  }
}

const seconds = (ms: number) => `${Math.round(ms / 1000)} s`

async function sizeOf(db: Db, { accounts, tokens }: Size): Promise<string> {
  const [row] = await query<{ size: string }>(
    db,
    'SELECT pg_size_pretty(pg_database_size(current_database())) AS size',
  )
  return `${accounts} accounts, ${tokens} token rows, ${row!.size}`
}

async function addCallers(bench: Bench): Promise<Callers> {
  await createResourceServer(bench, {
    identifier: API,
    name: 'Measurement',
    accessTokenFormat: 'opaque',
    scopes: [{ name: 'read' }],
  })
  const add = async (clientId: string, metadata: object) => {
    const made = await createClient(bench, {
      clientId,
      name: clientId,
      preset: 'service',
      metadata,
    })
    return { clientId, secret: made.secret! }
  }
  return {
    service: await add('growth-service', { resource_scopes: { [API]: ['read'] } }),
    guard: await add('growth-guard', { introspection: 'any' }),
    api: API,
  }
}

/** What one use cost, milliseconds: of CPU here and there, and until it was done. */
type Cost = { serverMs: number; postgresMs: number; tookMs: number }

async function compare(deployments: readonly Deployment[]): Promise<boolean> {
  const statements = await inTurns(deployments, statementsOf)
  print(
    'Statements: CPU of PostgreSQL, ms',
    deployments,
    statements,
    ({ postgresMs }) => postgresMs,
  )
  print('Statements: until answered, ms', deployments, statements, ({ tookMs }) => tookMs)
  const operations = await inTurns(deployments, operationsOf)
  print('Requests: CPU of PostgreSQL, ms', deployments, operations, ({ postgresMs }) => postgresMs)
  const total = ({ serverMs, postgresMs }: Cost) => serverMs + postgresMs
  const worst = print('Requests: CPU of server and PostgreSQL, ms', deployments, operations, total)
  return judge('The dearest request, times the smallest size', worst, TIMES_SMALLEST, 'times')
}

type Measured = Map<string, readonly Cost[]>
type Round = (deployment: Deployment) => Record<string, () => Promise<Cost>>

/** The median of the rounds, by name and deployment. */
async function inTurns(deployments: readonly Deployment[], of: Round): Promise<Measured> {
  const names = Object.keys(of(deployments[0]!))
  const rounds = deployments.map(of)
  const measured = new Map<string, readonly Cost[]>()
  for (const name of names) {
    const costs: Cost[][] = deployments.map(() => [])
    for (const round of rounds) {
      for (let n = 0; n < ROUNDS; n++) await round[name]!() // everybody at work comes once
    }
    for (let n = 0; n < ROUNDS; n++) {
      for (const [i, round] of rounds.entries()) costs[i]!.push(await round[name]!())
    }
    measured.set(name, costs.map(medianOf))
  }
  return measured
}

function medianOf(costs: readonly Cost[]): Cost {
  const of = (key: keyof Cost) => median(costs.map((cost) => cost[key]))
  return { serverMs: of('serverMs'), postgresMs: of('postgresMs'), tookMs: of('tookMs') }
}

function statementsOf(deployment: Deployment): Record<string, () => Promise<Cost>> {
  const next = peopleOf(deployment)
  const measureOne = (name: string, work: (person: Person) => Promise<unknown>) => async () => {
    const uses = name.includes('200') ? STATEMENTS_PER_ROUND / HEAVY : STATEMENTS_PER_ROUND
    const [backend] = await query<{ pid: number }>(deployment.db, 'SELECT pg_backend_pid() AS pid')
    const pids = [backend!.pid]
    const [before, beganAt] = [backendCpuMs(pids), performance.now()]
    for (let i = 0; i < uses; i++) await work(next())
    const tookMs = (performance.now() - beganAt) / uses
    return { serverMs: 0, postgresMs: (backendCpuMs(pids) - before) / uses, tookMs }
  }
  return mapEntries(hotStatements(deployment), measureOne)
}

function operationsOf(deployment: Deployment): Record<string, () => Promise<Cost>> {
  const next = peopleOf(deployment)
  const { db, database, serverPid } = deployment
  const measureOne = (_: string, work: (person: Person) => Promise<unknown>) => async () => {
    await relayed(db)
    const backends = await backendsOf(db, database)
    const before = { server: cpuMsOf(serverPid), postgres: backendCpuMs(backends) }
    const beganAt = performance.now()
    let left = REQUESTS_PER_ROUND
    const worker = async () => {
      while (left-- > 0) await work(next())
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    const tookMs = ((performance.now() - beganAt) * AT_ONCE) / REQUESTS_PER_ROUND
    await relayed(db)
    const postgresMs = backendCpuMs(await backendsOf(db, database)) - before.postgres
    const serverMs = cpuMsOf(serverPid) - before.server
    const each = (ms: number) => ms / REQUESTS_PER_ROUND
    return { serverMs: each(serverMs), postgresMs: each(postgresMs), tookMs }
  }
  return mapEntries(deployment.operations, measureOne)
}

function mapEntries<In, Out>(
  record: Record<string, In>,
  map: (name: string, value: In) => Out,
): Record<string, Out> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(name, value)]))
}

/** All of them come while it warms up. */
const AT_WORK = ROUNDS * Math.min(STATEMENTS_PER_ROUND, REQUESTS_PER_ROUND)

/**
 * People from all over the tables, one after the other, each again after all the others. As many are at
 * work in each deployment, so that what is told is the growth of what they are among; with `--everybody`
 * whoever comes has not been there before, and his pages have to be fetched into PostgreSQL's memory.
 */
function peopleOf({ populated, size, everybody }: Deployment): () => Person {
  // Coprime to every number of people, and so far apart that nobody's row lies beside the last one's.
  const STEP = 7_919
  const people = everybody ? size.accounts : Math.min(AT_WORK, size.accounts)
  let at = 0
  return () => {
    at = (at + STEP) % people
    return populated.person(at * Math.floor(size.accounts / people))
  }
}

/** Until what happened is in the trail: that belongs to what it cost. */
async function relayed(db: Db): Promise<void> {
  const until = Date.now() + 30_000
  const settled = () => new Promise((resolve) => setTimeout(resolve, 300))
  do await settled()
  while ((await countWaitingEvents(db)) > 0 && Date.now() < until)
}

/** @returns the largest ratio to the first deployment */
function print(
  title: string,
  deployments: readonly Deployment[],
  measured: Measured,
  value: (cost: Cost) => number,
): number {
  const heads = deployments.map(({ size }) => `${size.accounts} accounts`)
  console.log(`\n| ${title} | ${heads.join(' | ')} | the last by the first |`)
  console.log(`| --- |${' ---: |'.repeat(heads.length + 1)}`)
  let worst = 0
  for (const [name, costs] of measured) {
    const values = costs.map(value)
    const ratio = values.at(-1)! / values[0]!
    worst = Math.max(worst, ...values.map((each) => each / values[0]!))
    const cells = values.map((each) => each.toFixed(3))
    console.log(`| ${name} | ${cells.join(' | ')} | ${ratio.toFixed(2)} |`)
  }
  return worst
}

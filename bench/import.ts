import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createWriteStream, readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Db, openDb, query, queryOne } from '../src/platform/persistence/db.ts'
import { migrateUp } from '../src/platform/persistence/migrate.ts'
import { type Connection, urlOf } from '../test/support/postgres.ts'
import { onPostgres } from './support/measured_server.ts'
import { judge, mebibytes, printHeading, printRows, type Row, seconds } from './support/report.ts'
import { plainEnvironment, ROOT, temporaryFolder } from './support/server_process.ts'

/**
 * A hundred thousand made-up people with hashes of six other systems, through `authcore user import`
 * on a PostgreSQL that writes every commit to the disk: once in one go, and once killed with -9 in
 * the middle and gone on with.
 */

const PEOPLE = 100_000
const TARGET_MIB = 250
const TARGET_S = 60

type Place = { folder: string; file: string; databaseUrl: string; db: Db }

export async function measure(): Promise<boolean> {
  printHeading('Import')
  const folder = await temporaryFolder()
  const file = path.join(folder, 'people.jsonl')
  await pipeline(Readable.from(people()), createWriteStream(file))
  return await onPostgres(folder, (connection) => measureOn(folder, file, connection))
}

async function measureOn(folder: string, file: string, server: Connection): Promise<boolean> {
  const inDatabase = async <T>(name: string, work: (place: Place) => Promise<T>): Promise<T> => {
    const databaseUrl = await createDatabase(server, name)
    const connection = { connectionString: databaseUrl }
    const db = openDb({ connection, poolMax: 2, timeoutMs: 30_000 })
    try {
      await migrateUp(db)
      return await work({ folder: path.join(folder, name), file, databaseUrl, db })
    } finally {
      await db.destroy()
    }
  }
  const sizeBytes = (await stat(file)).size
  const rows: Row[] = [{ what: `${PEOPLE} lines`, value: mebibytes(sizeBytes) }]
  const whole = await inDatabase('whole', importWhole)
  const cut = await inDatabase('cut', importInTwo)
  printRows([...rows, ...whole.rows, ...cut.rows])
  const met = [
    judge('In one go', whole.tookMs / 1000, TARGET_S, 's'),
    judge('Peak memory', Math.max(whole.peakBytes, cut.peakBytes) / 2 ** 20, TARGET_MIB, 'MiB'),
    judge('Missing or twice in one go', whole.wrong, 1, 'people'),
    judge('Missing or twice after kill -9', cut.wrong, 1, 'people'),
  ]
  return met.every(Boolean)
}

async function importWhole(place: Place) {
  const run = startImport(place)
  const { tookMs, peakBytes } = await run.ended
  const perSecond = Math.round(PEOPLE / (tookMs / 1000))
  const rows = [
    { what: 'in one go', value: seconds(tookMs) },
    { what: 'people a second', value: String(perSecond) },
    { what: 'peak memory', value: mebibytes(peakBytes) },
  ]
  return { rows, tookMs, peakBytes, wrong: await countWrong(place.db) }
}

async function importInTwo(place: Place) {
  const first = startImport(place)
  while ((await imported(place.db)) < PEOPLE / 2) await sleep(5)
  first.child.kill('SIGKILL')
  const before = await first.ended
  const killedAt = await imported(place.db)
  const second = await startImport(place, '--resume').ended
  const wrong = await countWrong(place.db)
  const rows = [
    { what: 'killed with -9 after', value: `${killedAt} people` },
    { what: 'gone on with for', value: seconds(second.tookMs) },
    { what: 'missing or twice then', value: String(wrong) },
  ]
  return { rows, wrong, peakBytes: Math.max(before.peakBytes, second.peakBytes) }
}

type Run = { child: ChildProcess; ended: Promise<{ tookMs: number; peakBytes: number }> }

function startImport({ folder, file, databaseUrl }: Place, ...options: string[]): Run {
  const startedAt = performance.now()
  const program = path.join(ROOT, 'src/main/cli/authcore.ts')
  const child = spawn(
    path.join(ROOT, 'node_modules/node/bin/node'),
    [program, 'user', 'import', file, '--json', ...options],
    {
      env: { ...plainEnvironment(), DATABASE_URL: databaseUrl, AUTHCORE_DATA_DIR: folder },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  return { child, ended: watch(child, startedAt) }
}

async function watch(child: ChildProcess, startedAt: number) {
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve))
  let peakBytes = 0
  const timer = setInterval(() => {
    peakBytes = Math.max(peakBytes, peakOf(child.pid))
  }, 20)
  const code = await exit
  clearInterval(timer)
  if (code !== 0 && code !== null) throw new Error(`the import ended with ${code}`)
  return { tookMs: performance.now() - startedAt, peakBytes }
}

/** What Linux remembers as the most that the process ever held. */
function peakOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

async function imported(db: Db): Promise<number> {
  const row = await queryOne<{ imported: number }>(db, 'SELECT imported FROM account_import')
  return row?.imported ?? 0
}

/** How many people are missing, or lack their password or their one event. */
async function countWrong(db: Db): Promise<number> {
  const [row] = await query<{ people: number; whole: number; events: number }>(
    db,
    `SELECT (SELECT count(*)::integer FROM account) AS people,
            (SELECT count(*)::integer FROM account JOIN password_credential ON account_id = id
              WHERE username IS NOT NULL AND email IS NOT NULL) AS whole,
            (SELECT count(*)::integer FROM event_outbox WHERE type = 'auth.user_created') AS events`,
  )
  const { people, whole, events } = row!
  return Math.max(...[people, whole, events].map((count) => Math.abs(count - PEOPLE)))
}

async function createDatabase(connection: Connection, name: string): Promise<string> {
  const admin = openDb({ connection, poolMax: 1, timeoutMs: 30_000 })
  try {
    await query(admin, `CREATE DATABASE ${name}`)
  } finally {
    await admin.destroy()
  }
  return urlOf({ ...connection, database: name })
}

function* people(): Generator<string> {
  for (let i = 0; i < PEOPLE; i++) {
    const person = {
      username: `person.${i}`,
      email: `person.${i}@example.test`,
      email_verified: i % 3 > 0,
      claims: { name: `Person ${i}`, locale: 'en', address: { locality: 'Lisbon', country: 'PT' } },
      password: { hash: HASHES[i % HASHES.length]!() },
      created_at: new Date(Date.UTC(2015, 0, 1) + i * 3_600_000).toISOString(),
    }
    yield `${JSON.stringify(person)}\n`
  }
}

const bytes = (size: number) => randomBytes(size).toString('base64').replace(/=+$/, '')

/** Of passwords that nobody knows. */
const HASHES: readonly (() => string)[] = [
  () => `$2y$10$${bytes(40).replaceAll('+', '.').slice(0, 53)}`,
  () => `pbkdf2_sha256$600000$${randomBytes(11).toString('hex')}$${bytes(32)}=`,
  () => `$scrypt$ln=15,r=8,p=1$${bytes(16)}$${bytes(32)}`,
  () => `{SSHA512}${randomBytes(72).toString('base64')}`,
  () => `$argon2i$v=19$m=65536,t=3,p=1$${bytes(16)}$${bytes(32)}`,
  () => `$firebase-scrypt$ln=14,r=8,sep=Bw,key=${SIGNER_KEY}$${bytes(10)}$${bytes(64)}`,
]
const SIGNER_KEY = bytes(64)

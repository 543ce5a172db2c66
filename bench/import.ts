import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Db, query, queryOne } from '../src/platform/persistence/db.ts'
import type { Connection } from '../test/support/postgres.ts'
import { inDatabase, type Place, type Run, startCommand } from './support/measured_command.ts'
import { onPostgres } from './support/measured_server.ts'
import { judge, mebibytes, printHeading, printRows, type Row, seconds } from './support/report.ts'
import { temporaryFolder } from './support/server_process.ts'

/**
 * A hundred thousand made-up people with hashes of six other systems, through `authcore user import`
 * on a PostgreSQL that writes every commit to the disk: once in one go, and once killed with -9 in
 * the middle and gone on with.
 */

const PEOPLE = 100_000
const TARGET_MIB = 250
const TARGET_S = 60

type FilePlace = Place & { file: string }

export async function measure(): Promise<boolean> {
  printHeading('Import')
  const folder = await temporaryFolder()
  const file = path.join(folder, 'people.jsonl')
  await pipeline(Readable.from(people()), createWriteStream(file))
  return await onPostgres(folder, (connection) => measureOn(folder, file, connection))
}

async function measureOn(folder: string, file: string, server: Connection): Promise<boolean> {
  const onFile = <T>(name: string, work: (place: FilePlace) => Promise<T>): Promise<T> =>
    inDatabase({ folder, server, name }, (place) => work({ ...place, file }))
  const sizeBytes = (await stat(file)).size
  const rows: Row[] = [{ what: `${PEOPLE} lines`, value: mebibytes(sizeBytes) }]
  const whole = await onFile('whole', importWhole)
  const cut = await onFile('cut', importInTwo)
  printRows([...rows, ...whole.rows, ...cut.rows])
  const met = [
    judge('In one go', whole.tookMs / 1000, TARGET_S, 's'),
    judge('Peak memory', Math.max(whole.peakBytes, cut.peakBytes) / 2 ** 20, TARGET_MIB, 'MiB'),
    judge('Missing or twice in one go', whole.wrong, 1, 'people'),
    judge('Missing or twice after kill -9', cut.wrong, 1, 'people'),
  ]
  return met.every(Boolean)
}

async function importWhole(place: FilePlace) {
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

async function importInTwo(place: FilePlace) {
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

function startImport(place: FilePlace, ...options: string[]): Run {
  return startCommand(place, ['user', 'import', place.file, ...options])
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

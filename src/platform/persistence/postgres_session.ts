import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { DomainError } from '../../core/errors.ts'
import { isAlive, type Postmaster, readStatus } from './postmaster.ts'

/**
 * The first words with a server of ours: is it ready, and are the product's role and database there?
 */

/** The product works as this role: owner of its database, not a superuser. */
export const PRODUCT_ROLE = 'authcore'

const SUPERUSER = 'postgres'
const SILENCE_LIMIT_MS = 60_000
const NOTICE_EVERY_MS = 10_000

/**
 * Waits until the server answers, however long it replays its log after a crash, and makes what the
 * product needs.
 *
 * @param onWait called every ten seconds while the server replays
 * @returns the server's version, such as `18.4`; undefined where the server ended first
 * @throws DomainError `unavailable` where it keeps silent for a minute or refuses us
 */
export async function makeReady(
  postmaster: Postmaster,
  database: string,
  onWait: () => void,
): Promise<string | undefined> {
  const startedAt = Date.now()
  let noticedAt = startedAt
  while (await isAlive(postmaster)) {
    const answer = await tryToPrepare(postmaster, database)
    if (answer.kind === 'ready') return answer.serverVersion
    const now = Date.now()
    if (answer.kind === 'silent' && now - startedAt > SILENCE_LIMIT_MS) {
      throw unanswered(postmaster, answer.error)
    }
    if (now - noticedAt > NOTICE_EVERY_MS) {
      noticedAt = now
      onWait()
    }
    await sleep(10)
  }
  return undefined
}

type Answer =
  | { kind: 'ready'; serverVersion: string }
  /** It said itself that it is starting or stopping. */
  | { kind: 'busy' }
  | { kind: 'silent'; error: unknown }

async function tryToPrepare(postmaster: Postmaster, database: string): Promise<Answer> {
  const status = await readStatus(postmaster)
  if (!status) return { kind: 'silent', error: new Error('its pid file is not complete') }
  if (status === 'starting' || status === 'stopping') return { kind: 'busy' }
  const client = new pg.Client({
    host: postmaster.socketDir,
    port: postmaster.port,
    user: SUPERUSER,
    database: 'postgres',
    ssl: false,
    connectionTimeoutMillis: 5_000,
  })
  // An end in the middle also reaches the call that waits; unheard it would end our process.
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ server_version: string }>('SHOW server_version')
    await makeRoleAndDatabase(client, database)
    return { kind: 'ready', serverVersion: rows[0]!.server_version.split(' ')[0]! }
  } catch (error) {
    return judge(postmaster, error)
  } finally {
    await client.end().catch(() => {})
  }
}

/** Errors that waiting mends: the server is on its way up or down, or not listening yet. */
function judge(postmaster: Postmaster, error: unknown): Answer {
  const { code = '' } = error as { code?: string }
  // 57P01 to 57P03: shutting down, crashed, "cannot connect now".
  if (code.startsWith('57P0')) return { kind: 'busy' }
  // Class 53: out of connections, memory or disk.
  if (!(error instanceof pg.DatabaseError) && code !== 'EACCES') return { kind: 'silent', error }
  if (code.startsWith('53')) return { kind: 'silent', error }
  throw unanswered(postmaster, error)
}

/** Two callers never do this at once: whoever makes the server ready holds the start lock. */
async function makeRoleAndDatabase(client: pg.Client, database: string): Promise<void> {
  const role = pg.escapeIdentifier(PRODUCT_ROLE)
  const roles = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [PRODUCT_ROLE])
  if (roles.rowCount === 0) await client.query(`CREATE ROLE ${role} LOGIN CREATEDB`)
  const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database])
  if (found.rowCount !== 0) return
  await client.query(`CREATE DATABASE ${pg.escapeIdentifier(database)} OWNER ${role}`)
}

function unanswered({ pid, dataDir }: Postmaster, error: unknown): DomainError {
  const reason = (error as Error).message
  return new DomainError(
    'unavailable',
    `The PostgreSQL that runs on ${dataDir} (pid ${pid}) does not serve us: ${reason}.`,
    {
      hint: `Was it made or started by something else? Stop it (kill -INT ${pid}) and start again, choose another data directory, or set DATABASE_URL.`,
      cause: error,
    },
  )
}

import { type Db, queryOne } from '../../../platform/persistence/db.ts'
import { migrationStatus } from '../../../platform/persistence/migrate.ts'
import { bad, type Finding, ok, roughly, warn } from './finding.ts'

/** PostgreSQL: its version, the schema in it, its clock, and who is connected. */

const VERSION_MIN = 15
const CLOCK_WARN_MS = 1_000
const CLOCK_FAIL_MS = 10_000
const CONNECTIONS_WARN = 0.8
/** A transaction that nobody ends holds its locks, and keeps PostgreSQL from tidying up. */
const ABANDONED_WARN_S = 60

/** @throws where the database cannot be reached: nothing else can be said then */
export async function checkDatabase(db: Db): Promise<Finding[]> {
  return [
    await checkVersion(db),
    await checkSchema(db),
    await checkClock(db),
    await checkConnections(db),
  ]
}

async function checkVersion(db: Db): Promise<Finding> {
  const row = await queryOne<{ number: string; version: string; recovering: boolean }>(
    db,
    `SELECT current_setting('server_version_num') AS number,
            current_setting('server_version') AS version,
            pg_is_in_recovery() AS recovering`,
  )
  const { number, version, recovering } = row!
  if (Number(number) < VERSION_MIN * 10_000) {
    return bad(
      'database',
      `PostgreSQL ${version} is too old`,
      `Upgrade to PostgreSQL ${VERSION_MIN} or newer.`,
    )
  }
  return recovering
    ? bad('database', `PostgreSQL ${version} is a replica`, 'Let DATABASE_URL name the primary.')
    : ok('database', `PostgreSQL ${version}`)
}

async function checkSchema(db: Db): Promise<Finding> {
  const { applied, pending, unknown } = await migrationStatus(db)
  if (unknown.length > 0) {
    return bad(
      'schema',
      `newer than this program: ${unknown.join(', ')}`,
      'Run the newer version, or restore a backup made before it.',
    )
  }
  return pending.length > 0
    ? bad('schema', `${pending.length} migrations are pending`, 'Run: authcore migrate up')
    : ok('schema', `up to date, ${applied.length} migrations`)
}

async function checkClock(db: Db): Promise<Finding> {
  const before = Date.now()
  const row = await queryOne<{ now: Date }>(db, 'SELECT clock_timestamp() AS now')
  const after = Date.now()
  // How far its answer lies outside the time in which it must have been given.
  const theirs = row!.now.getTime()
  const offMs = theirs < before ? before - theirs : Math.max(theirs - after, 0)
  const message = `the database's clock and ours differ by ${(offMs / 1000).toFixed(1)} s`
  const remedy = 'Let both machines keep their time by NTP.'
  if (offMs > CLOCK_FAIL_MS) return bad('clock', message, remedy)
  return offMs > CLOCK_WARN_MS ? warn('clock', message, remedy) : ok('clock', message)
}

type Connections = {
  used: number
  idle: number
  limit: number
  abandoned: number
  longest_s: number
}

async function checkConnections(db: Db): Promise<Finding> {
  const row = await queryOne<Connections>(
    db,
    `SELECT count(*)::int AS used,
            (count(*) FILTER (WHERE state = 'idle'))::int AS idle,
            (current_setting('max_connections')::int
              - current_setting('superuser_reserved_connections')::int) AS limit,
            (count(*) FILTER (WHERE state LIKE 'idle in transaction%'
              AND state_change < now() - make_interval(secs => ${ABANDONED_WARN_S})))::int AS abandoned,
            coalesce(extract(epoch FROM max(now() - state_change)
              FILTER (WHERE state LIKE 'idle in transaction%')), 0)::float8 AS longest_s
       FROM pg_stat_activity WHERE backend_type = 'client backend'`,
  )
  const { used, idle, limit, abandoned, longest_s: longestS } = row!
  const message = `${used} of ${limit} in use, ${idle} of them idle`
  if (abandoned > 0) {
    return warn(
      'connections',
      `${message}, ${abandoned} in a transaction that nobody ends (${roughly(longestS)})`,
      'Find them in pg_stat_activity; set idle_in_transaction_session_timeout.',
    )
  }
  return used > limit * CONNECTIONS_WARN
    ? warn(
        'connections',
        message,
        'Raise max_connections, or lower AUTHCORE_DATABASE_POOL_MAX of the processes.',
      )
    : ok('connections', message)
}

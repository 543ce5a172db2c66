import { readFileSync, truncateSync } from 'node:fs'
import path from 'node:path'
import pg from 'pg'
import { type Db, openDb } from '../../src/platform/persistence/db.ts'
import { startEmbeddedPostgres } from '../../src/platform/persistence/embedded_postgres.ts'
import { migrateUp } from '../../src/platform/persistence/migrate.ts'
import { type Connection, urlOf } from './postgres.ts'

/**
 * A PostgreSQL that tells how it executed every statement, those included that nobody here sends by
 * hand: of the job queue, of the limits, of foreign keys.
 */

/** A node of `EXPLAIN (ANALYZE, FORMAT JSON)`, as far as it is looked at. */
export type PlanNode = {
  'Node Type': string
  'Relation Name'?: string
  'Index Name'?: string
  'Actual Rows'?: number
  'Actual Loops'?: number
  'Rows Removed by Filter'?: number
  Plans?: PlanNode[]
}
export type Executed = { text: string; plan: PlanNode }

export type ExplainingPostgres = {
  url: string
  db: Db
  /** How statements are planned by whoever connects from now on. */
  planBy(mode: 'custom' | 'generic'): Promise<void>
  /** What was executed since this was called last. */
  executed(): Executed[]
  stop(): Promise<void>
}

/** @param fill what a superuser does before anything is told */
export async function startExplainingPostgres(
  folder: string,
  fill: (db: Db) => Promise<void>,
): Promise<ExplainingPostgres> {
  const postgres = await startEmbeddedPostgres({
    dataDir: path.join(folder, 'postgres'),
    // Nobody tells the planner meanwhile that a table was emptied.
    settings: { synchronous_commit: 'off', autovacuum: 'off' },
    stopAdopted: true,
    log: () => {},
  })
  const { connection } = postgres
  const db = openDb({ connection, poolMax: 2, timeoutMs: 60_000 })
  const root = openDb({ connection: superuser(connection), poolMax: 1, timeoutMs: 60_000 })
  try {
    await migrateUp(db)
    await fill(root)
    await explainAll(connection)
  } catch (error) {
    await db.destroy()
    await postgres.stop()
    throw error
  } finally {
    await root.destroy()
  }
  const log = `${postgres.dataDir}.log`
  return {
    url: urlOf(connection),
    db,
    planBy: (mode) =>
      asSuperuser(connection, [
        `ALTER DATABASE ${connection.database} SET plan_cache_mode = force_${mode}_plan`,
      ]),
    executed() {
      const news = readFileSync(log, 'utf8')
      // Whoever watches over the server would move a long one aside.
      truncateSync(log)
      return parse(news)
    },
    async stop() {
      await db.destroy()
      await postgres.stop()
    },
  }
}

function explainAll(connection: Connection): Promise<void> {
  const settings = {
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
    'auto_explain.log_format': 'json',
    'auto_explain.log_analyze': 'on',
    'auto_explain.log_timing': 'off',
    'auto_explain.log_nested_statements': 'on',
    'auto_explain.log_parameter_max_length': '0',
  }
  return asSuperuser(connection, [
    `LOAD 'auto_explain'`,
    ...Object.entries(settings).map(
      ([name, value]) => `ALTER DATABASE ${connection.database} SET ${name} = '${value}'`,
    ),
  ])
}

const superuser = (connection: Connection) => ({ ...connection, user: 'postgres' })

async function asSuperuser(connection: Connection, texts: readonly string[]): Promise<void> {
  const client = new pg.Client(superuser(connection))
  await client.connect()
  try {
    for (const text of texts) await client.query(text)
  } finally {
    await client.end()
  }
}

/** The lines of an entry after the first are indented. */
function parse(log: string): Executed[] {
  const entries = log
    .split(/^(?=\S)/m)
    .filter((entry) => / LOG: {2}duration: .* plan:\n/.test(entry))
  return entries.map((entry) => {
    const told = JSON.parse(entry.slice(entry.indexOf('\n'))) as {
      'Query Text': string
      Plan: PlanNode
    }
    return { text: told['Query Text'], plan: told.Plan }
  })
}

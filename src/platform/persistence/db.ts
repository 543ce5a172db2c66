import type { Socket } from 'node:net'
import knex, { type Knex } from 'knex'
import { describeSqlError } from './sql_errors.ts'

/**
 * The connection to PostgreSQL: a pool opened once, and the one function through which statements
 * run. A store function takes a `Db` first: the pool, or the transaction its caller is in.
 */

export type Db = Knex
export type Transaction = Knex.Transaction

export type DbConnection =
  | { connectionString: string }
  | { host: string; port: number; user: string; database: string; ssl?: false }

export type DbOptions = {
  connection: DbConnection
  poolMax: number
  /** For waiting on a connection, and for one statement. */
  timeoutMs: number
  /** Shown in pg_stat_activity. */
  applicationName?: string
}

/** What a statement took; the metrics listen, and tests count. */
export type StatementObserver = (statement: {
  text: string
  durationMs: number
  failed: boolean
}) => void

export function openDb({
  connection,
  poolMax,
  timeoutMs,
  applicationName = 'authcore',
}: DbOptions): Db {
  return knex({
    client: 'pg',
    connection: {
      ...connection,
      application_name: applicationName,
      statement_timeout: timeoutMs,
      connectionTimeoutMillis: timeoutMs,
      keepAlive: true,
    },
    pool: {
      min: 0,
      max: poolMax,
      idleTimeoutMillis: 60_000,
      afterCreate(
        connection: RawConnection,
        done: (error: null, connection: RawConnection) => void,
      ) {
        cutWhereSilent(connection, timeoutMs + SILENCE_GRACE_MS)
        done(null, connection)
      },
    },
    acquireConnectionTimeout: timeoutMs,
    // knex prints through console otherwise; failures reach our log as errors.
    log: { warn() {}, error() {}, deprecate() {}, debug() {} },
  })
}

/** Adds a value to a statement that is put together, and returns its place in the text: `$3::uuid`. */
export type AddValue = (value: unknown, type: string) => string

export function addTo(values: unknown[]): AddValue {
  return (value, type) => `$${values.push(value)}::${type}`
}

/** A statement that takes too long is ended by the server; this much later nobody else will. */
const SILENCE_GRACE_MS = 1_000

/** What node-postgres hands out; `readyForQuery` while it waits for no answer. */
type RawConnection = { readyForQuery: boolean; connection: { stream: Socket } }

/**
 * A server that is frozen, or behind a line that swallows everything, ends no statement: the driver
 * would wait for as long as the connection stands. Whether what was asked is carried out later is not
 * known, and the connection is in a state that nobody knows; so it goes.
 */
function cutWhereSilent(client: RawConnection, limitMs: number): void {
  const { stream } = client.connection
  stream.setTimeout(limitMs, () => {
    if (!client.readyForQuery) stream.destroy(new Error(`no answer within ${limitMs} ms`))
  })
}

type PgConnection = {
  query(config: { name?: string; text: string; values: unknown[] }): Promise<{ rows: unknown[] }>
  /** Read by knex: a connection with it is not handed out again. */
  __knex__disposed?: unknown
}
type PoolClient = {
  acquireConnection(): Promise<PgConnection>
  releaseConnection(connection: PgConnection): Promise<void>
}

const names = new Map<string, string>()
const observers = new Set<StatementObserver>()

/** Called for every statement of this process until the returned function is. */
export function observeStatements(observer: StatementObserver): () => void {
  observers.add(observer)
  return () => observers.delete(observer)
}

/**
 * Runs one statement with `$1`-style parameters and returns its rows. The text must be a constant of
 * the program, or one of few that it puts together: each distinct text is prepared once per connection
 * and stays prepared.
 *
 * @throws DomainError `unavailable` where PostgreSQL cannot be reached or took too long,
 *   `conflict` on a unique violation; anything else as `internal`
 */
export async function query<Row>(
  db: Db,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  // Its connection may serve somebody else by now, and knex does not look at statements like ours.
  if ((db as { isCompleted?(): boolean }).isCompleted?.()) {
    throw new Error('a statement came after the end of its transaction')
  }
  const client = db.client as unknown as PoolClient
  const startedAt = performance.now()
  let failed = true
  try {
    const connection = await client.acquireConnection()
    try {
      const result = await connection.query({ name: nameOf(text), text, values: [...values] })
      failed = false
      return result.rows as Row[]
    } catch (error) {
      // The server is closing it, and the next statement may be quicker than that news.
      if ((error as { severity?: string }).severity === 'FATAL') connection.__knex__disposed = error
      throw error
    } finally {
      await client.releaseConnection(connection)
    }
  } catch (error) {
    throw describeSqlError(error)
  } finally {
    if (observers.size > 0) {
      const durationMs = performance.now() - startedAt
      for (const observer of observers) observer({ text, durationMs, failed })
    }
  }
}

/** Like `query`, for a statement that returns at most one row. */
export async function queryOne<Row>(
  db: Db,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row | undefined> {
  return (await query<Row>(db, text, values))[0]
}

/** Runs `work` in one transaction: committed when it resolves, rolled back when it throws. */
export async function inTransaction<T>(db: Db, work: (tx: Transaction) => Promise<T>): Promise<T> {
  try {
    return await db.transaction(work)
  } catch (error) {
    throw describeSqlError(error)
  }
}

function nameOf(text: string): string {
  let name = names.get(text)
  if (name === undefined) {
    name = `authcore_${names.size}`
    names.set(text, name)
  }
  return name
}

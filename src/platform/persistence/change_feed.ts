import pg from 'pg'
import { type Db, type DbConnection, query } from './db.ts'

/**
 * How one node tells the others that something cached has changed: LISTEN/NOTIFY of PostgreSQL, sent
 * in the transaction of the change and delivered on its commit. A lost connection is made again, and
 * then everything is taken for changed, because what happened meanwhile was not heard.
 */

export type ChangeTopic = 'client' | 'resource_server' | 'signing_key' | 'account' | 'connection'
export type Change = { topic: ChangeTopic | 'everything'; id?: string }
export type ChangeListener = (change: Change) => void

const CHANNEL = 'authcore_change'
const RECONNECT_MS = 1_000
/** How often a quiet connection is asked whether it still stands, and how long it has to answer. */
const CHECK_MS = 30_000
const ANSWER_MS = 5_000

export async function notifyChange(db: Db, topic: ChangeTopic, id = ''): Promise<void> {
  await query(db, `SELECT pg_notify('${CHANNEL}', $1)`, [`${topic}:${id}`])
}

/** One statement for all of them. */
export async function notifyChanges(
  db: Db,
  topic: ChangeTopic,
  ids: readonly string[],
): Promise<void> {
  await query(db, `SELECT pg_notify('${CHANNEL}', $1 || ':' || id) FROM unnest($2::text[]) AS id`, [
    topic,
    ids,
  ])
}

export type ChangeFeed = {
  subscribe(listener: ChangeListener): () => void
  /** True while changes are heard. */
  readonly connected: boolean
  close(): Promise<void>
}

/** Begins to listen, on a connection of its own besides the pool. Resolves when the first one stands. */
export async function openChangeFeed(
  connection: DbConnection,
  log: (message: string, fields?: Record<string, unknown>) => void,
  { checkMs = CHECK_MS, answerMs = ANSWER_MS } = {},
): Promise<ChangeFeed> {
  const listeners = new Set<ChangeListener>()
  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const emit = (change: Change): void => {
    for (const listener of listeners) {
      try {
        listener(change)
      } catch (error) {
        log('a listener of the change feed failed', { err: error, topic: change.topic })
      }
    }
  }
  const connect = async (): Promise<void> => {
    const fresh = await listen(connection, answerMs, emit)
    if (closed) return await fresh.end()
    client = fresh
    fresh.once('end', () => {
      client = undefined
      retry()
    })
  }
  const retry = (): void => {
    if (timer || closed) return
    timer = setTimeout(() => {
      timer = undefined
      connect().then(() => {
        if (closed) return
        log('the change feed is connected again')
        emit({ topic: 'everything' })
      }, retry)
    }, RECONNECT_MS)
    timer.unref()
  }
  const check = (): void => {
    const asked = client
    asked?.query('SELECT 1').catch(() => cut(asked))
  }

  await connect()
  const checks = setInterval(check, checkMs).unref()
  return {
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    get connected() {
      return client !== undefined
    },
    async close() {
      closed = true
      clearTimeout(timer)
      clearInterval(checks)
      await client?.end()
    },
  }
}

async function listen(
  connection: DbConnection,
  answerMs: number,
  emit: ChangeListener,
): Promise<pg.Client> {
  const client = new pg.Client({
    ...connection,
    application_name: 'authcore change feed',
    keepAlive: true,
    connectionTimeoutMillis: answerMs,
    query_timeout: answerMs,
  })
  client.on('notification', ({ payload = '' }) => {
    const colon = payload.indexOf(':')
    emit({ topic: payload.slice(0, colon) as ChangeTopic, id: payload.slice(colon + 1) })
  })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query(`LISTEN ${CHANNEL}`)
    return client
  } catch (error) {
    cut(client)
    throw error
  }
}

/** `end` would wait for a server that does not answer. */
function cut(client: pg.Client): void {
  const { connection } = client as unknown as { connection: { stream: { destroy(): void } } }
  connection.stream.destroy()
}

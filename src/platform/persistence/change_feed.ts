import pg from 'pg'
import { type Db, type DbConnection, query } from './db.ts'

/**
 * How one node tells the others that something cached has changed: LISTEN/NOTIFY of PostgreSQL, sent
 * in the transaction of the change and delivered on its commit. A lost connection is made again, and
 * then everything is taken for changed, because what happened meanwhile was not heard.
 */

export type ChangeTopic = 'client' | 'resource_server' | 'signing_key' | 'account'
export type Change = { topic: ChangeTopic | 'everything'; id?: string }
export type ChangeListener = (change: Change) => void

const CHANNEL = 'authcore_change'
const RECONNECT_MS = 1_000

export async function notifyChange(db: Db, topic: ChangeTopic, id = ''): Promise<void> {
  await query(db, `SELECT pg_notify('${CHANNEL}', $1)`, [`${topic}:${id}`])
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
): Promise<ChangeFeed> {
  const listeners = new Set<ChangeListener>()
  const emit = (change: Change) => {
    for (const listener of listeners) listener(change)
  }
  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false

  const connect = async (): Promise<void> => {
    const fresh = new pg.Client({
      ...connection,
      application_name: 'authcore change feed',
      keepAlive: true,
    })
    fresh.on('notification', ({ payload = '' }) => {
      const colon = payload.indexOf(':')
      emit({ topic: payload.slice(0, colon) as ChangeTopic, id: payload.slice(colon + 1) })
    })
    fresh.on('error', () => {})
    fresh.on('end', () => {
      if (client === fresh) client = undefined
      if (!closed) retry()
    })
    await fresh.connect()
    await fresh.query(`LISTEN ${CHANNEL}`)
    client = fresh
  }
  const retry = (): void => {
    if (timer || closed) return
    timer = setTimeout(() => {
      timer = undefined
      connect().then(
        () => {
          log('the change feed is connected again')
          emit({ topic: 'everything' })
        },
        () => retry(),
      )
    }, RECONNECT_MS)
    timer.unref()
  }

  await connect()
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
      await client?.end()
    },
  }
}

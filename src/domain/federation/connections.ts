import type { Keyring } from '../../platform/keys/keyring.ts'
import type { ChangeFeed } from '../../platform/persistence/change_feed.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { Connection } from './connection.ts'
import { openSecrets } from './connection_secrets.ts'
import { listConnections } from './connection_store.ts'
import type { Connector, ConnectorDeps, ConnectorKind } from './connector.ts'
import type { Kinds } from './kinds.ts'
import { type ConnectionState, type ConnectorCall, watchConnector } from './watch_connector.ts'

/**
 * The connections of this process: what the change feed says is true is true here at once, and each is
 * opened when somebody first needs it.
 */
export type Connections = {
  /** Those that people may use now, by name. */
  list(): Promise<readonly Connection[]>
  /** Those that are disabled too: what was joined by them is still joined. */
  all(): Promise<readonly Connection[]>
  find(name: string): Promise<Connection | undefined>
  /** The one that people of this mail domain are sent to. */
  ofDomain(domain: string): Promise<Connection | undefined>
  kindOf(connection: Connection): ConnectorKind
  /** Open until its definition changes. */
  open(connection: Connection): Promise<Connector>
  /** How each that people may use fares, by name. */
  health(): Promise<Record<string, ConnectionState>>
  close(): Promise<void>
}

/** How long what was read is believed while nobody hears of changes. */
const UNHEARD_TTL_MS = 2_000

type Opened = { version: number; connector: Promise<Connector> }

export function createConnections(
  input: {
    db: Db
    keyring: Keyring
    kinds: Kinds
    changes: Pick<ChangeFeed, 'subscribe' | 'connected'>
    /** Told of every call. */
    onCall?: (connection: string, call: ConnectorCall) => void
  },
  deps: ConnectorDeps,
): Connections {
  const { kinds, changes } = input
  const opened = new Map<string, Opened>()
  const known = createList(input)
  const loaded = new Map<string, ConnectorKind>()

  const states = new Map<string, ConnectionState>()
  const note = (name: string, answered: boolean): void => {
    const state = answered ? 'up' : 'down'
    if (states.get(name)?.state !== state) states.set(name, { state, since: deps.clock.now() })
  }

  const kindOf = ({ kind }: Connection): ConnectorKind => {
    const found = loaded.get(kind)
    if (!found) throw new Error(`this program knows no connections of the kind ${kind}`)
    return found
  }
  const open = async (connection: Connection): Promise<Connector> => {
    const { name, definition } = connection
    const secrets = await openSecrets(input, connection.id)
    const kind = kindOf(connection)
    const settings = kind.settings.parse(definition.settings)
    return watchConnector(kind.open({ name, settings, secrets }, deps), (call) => {
      note(name, call.answered)
      input.onCall?.(name, call)
    })
  }
  const unsubscribe = changes.subscribe(({ topic }) => {
    if (topic === 'everything' || topic === 'connection') known.forget()
  })
  /** A newer program may have made one that this one cannot speak to: to us it is not there. */
  const all = async () => {
    const read = (await known.read()).filter(({ kind }) => kinds.has(kind))
    for (const { kind } of read) {
      if (!loaded.has(kind)) loaded.set(kind, await kinds.get(kind)!())
    }
    return read
  }
  const list = async () => (await all()).filter(({ status }) => status === 'active')
  return {
    list,
    all,
    find: async (name) => (await list()).find((each) => each.name === name),
    ofDomain: async (domain) =>
      (await list()).find(({ definition }) => definition.domains.includes(domain.toLowerCase())),
    kindOf,
    async open(connection) {
      const version = connection.updatedAt.getTime()
      const before = opened.get(connection.id)
      if (before?.version === version) return await before.connector
      const connector = open(connection)
      opened.set(connection.id, { version, connector })
      connector.catch(() => opened.delete(connection.id))
      if (before) void closeQuietly(before)
      return await connector
    },
    async health() {
      const told = (await list()).map(async ({ id, name }) => {
        const state: ConnectionState = states.get(name) ?? { state: 'unused' }
        const connector = await opened.get(id)?.connector.catch(() => undefined)
        const endsAt = connector?.endsAt?.()
        return [name, { ...state, ...(endsAt ? { endsAt } : {}) }] as const
      })
      return Object.fromEntries(await Promise.all(told))
    },
    async close() {
      unsubscribe()
      await Promise.all([...opened.values()].map(closeQuietly))
    },
  }
}

/** What people know it by. */
export function titleOf(connections: Pick<Connections, 'kindOf'>, connection: Connection): string {
  return connection.definition.title ?? connections.kindOf(connection).title
}

/** The same of a name that something of long ago has: itself, where nobody is called so any more. */
export async function titleOfName(
  connections: Pick<Connections, 'all' | 'kindOf'>,
  name: string,
): Promise<string> {
  const found = (await connections.all()).find((each) => each.name === name)
  return found ? titleOf(connections, found) : name
}

export function isRedirect(
  connections: Pick<Connections, 'kindOf'>,
  connection: Connection,
): boolean {
  return connections.kindOf(connection).signsInBy === 'redirect'
}

async function closeQuietly({ connector }: Opened): Promise<void> {
  // One that could not be opened has nothing to close; one that cannot be closed is gone with us.
  await connector.then((each) => each.close()).catch(() => {})
}

/** One statement, and none again until something changes. */
function createList({ db, changes }: { db: Db; changes: Pick<ChangeFeed, 'connected'> }) {
  let read: { at: number; list: Promise<Connection[]> } | undefined
  return {
    forget: () => {
      read = undefined
    },
    async read(): Promise<Connection[]> {
      const stale = read && !changes.connected && performance.now() - read.at > UNHEARD_TTL_MS
      if (!read || stale) {
        const mine = { at: performance.now(), list: listConnections(db) }
        read = mine
        mine.list.catch(() => {
          if (read === mine) read = undefined
        })
      }
      return await read.list
    },
  }
}

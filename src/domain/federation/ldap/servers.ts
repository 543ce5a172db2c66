import type { Clock } from '../../../core/clock.ts'
import type { ConnectorLog } from '../connector.ts'
import type { Channel } from './channel.ts'
import type { Server } from './dial.ts'
import { LdapError } from './ldap_error.ts'

/** Milliseconds for which a server that failed is asked last. */
const SHUN_MS = 30_000

/**
 * The servers of a connection: asked in the order of the file, those that failed a moment ago last.
 * So the first one serves all while it is well, and everybody is back on it soon after.
 */
export type Servers = {
  /** A connection to the first server that gives one. @throws LdapError of the last one */
  open(): Promise<Channel>
  /** @param server its URL */
  shun(server: string): void
}

export type ServersDeps = {
  clock: Clock
  log: Pick<ConnectorLog, 'warn'>
  dial(server: Server): Promise<Channel>
}

export function createServers(servers: readonly Server[], deps: ServersDeps): Servers {
  const shunnedUntil = new Map<string, number>()
  const isShunned = (server: Server, now: number) => (shunnedUntil.get(server.url) ?? 0) > now
  const shun = (url: string) => shunnedUntil.set(url, deps.clock.now().getTime() + SHUN_MS)

  const inOrder = () => {
    const now = deps.clock.now().getTime()
    const wanted = servers.filter((server) => !isShunned(server, now))
    return [...wanted, ...servers.filter((server) => isShunned(server, now))]
  }
  return {
    shun,
    async open() {
      let last: unknown
      for (const server of inOrder()) {
        try {
          return await deps.dial(server)
        } catch (error) {
          last = error
          if (error instanceof LdapError) deps.log.warn({ reason: error.message }, UNREACHABLE)
          shun(server.url)
        }
      }
      throw last
    },
  }
}

const UNREACHABLE = 'a directory server could not be connected to'

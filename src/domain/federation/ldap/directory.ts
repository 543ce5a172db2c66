import type { Clock } from '../../../core/clock.ts'
import type { ConnectorLog } from '../connector.ts'
import { attempt, createBreaker } from './attempts.ts'
import type { Channel } from './channel.ts'
import { type Connection, createConnection } from './connection.ts'
import { type Credentials, dial, type Server } from './dial.ts'
import { createPool } from './pool.ts'
import type { Profile } from './profile.ts'
import { createServers } from './servers.ts'
import { type ServiceAccount, serviceAccount } from './service_account.ts'

/**
 * The way to a directory: connections out of a pool, another server where one fails, and a circuit
 * breaker, so that a directory that hangs costs those who sign in by it a moment and nobody else any.
 */
export type Directory = {
  /** Name of the connection, for errors that are about no server. */
  name: string
  profile: Profile
  hasServiceAccount: boolean
  /** With the service account bound. @throws LdapError, and what `work` throws */
  asService<T>(work: Work<T>, options?: { once?: boolean }): Promise<T>
  /** On a connection that `work` binds somebody on first. @throws the same */
  asPerson<T>(work: Work<T>, options?: { once?: boolean }): Promise<T>
  /** A connection of one's own with the service account bound, for as long as a list takes. */
  alone(): Promise<Connection>
  /** A new connection to this very server, past pool and breaker, bound where there is an account. */
  probe(server: Server): Promise<Connection>
  close(): void
}

type Work<T> = (connection: Connection) => Promise<T>

export type DirectoryInput = {
  name: string
  profile: Profile
  bindPassword: string | undefined
}

export type DirectoryDeps = { clock: Clock; log: ConnectorLog }

export function createDirectory(
  { name, profile, bindPassword }: DirectoryInput,
  deps: DirectoryDeps,
): Directory {
  const { settings } = profile
  const dialServer = (server: Server) =>
    dial(server, credentialsOf(profile), settings.timeouts.connect_ms)
  const servers = createServers(profile.servers, { ...deps, dial: dialServer })
  const pool = createPool({
    name,
    max: settings.pool.max_connections,
    idleMs: settings.pool.idle_ms,
    waitMs: settings.timeouts.connect_ms,
    open: async () => createConnection(await servers.open(), settings),
  })
  const breaker = createBreaker(name, profile, deps.log)
  const account = serviceAccount(settings.bind_dn, bindPassword)
  const ways = { pool, servers, profile }
  return {
    name,
    profile,
    hasServiceAccount: account.isThere,
    asService: (work, options) =>
      breaker.run(() =>
        attempt(ways, { ...options, service: true }, async (pooled) => {
          if (!pooled.isService) await account.bindOn(pooled.connection)
          pooled.isService = true
          return work(pooled.connection)
        }),
      ),
    asPerson: (work, options) =>
      breaker.run(() =>
        attempt(ways, { ...options, service: false }, (pooled) => {
          pooled.isService = false
          return work(pooled.connection)
        }),
      ),
    alone: () => breaker.run(async () => bound(await servers.open(), account, profile)),
    probe: async (server) => bound(await dialServer(server), account, profile),
    close: () => pool.close(),
  }
}

async function bound(
  channel: Channel,
  account: ServiceAccount,
  { settings }: Profile,
): Promise<Connection> {
  const connection = createConnection(channel, settings)
  try {
    await account.bindOn(connection)
    return connection
  } catch (error) {
    channel.close()
    throw error
  }
}

function credentialsOf({ settings }: Profile): Credentials {
  return {
    caFile: settings.ca_file,
    certFile: settings.client_certificate?.cert_file,
    keyFile: settings.client_certificate?.key_file,
    serverName: settings.server_name,
  }
}

import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel'
import type { Clock } from '../../../core/clock.ts'
import type { ConnectorLog } from '../connector.ts'
import type { Channel } from './channel.ts'
import { type Connection, createConnection } from './connection.ts'
import { dial, type Server } from './dial.ts'
import { isServerFault, LdapError, type LdapReason } from './ldap_error.ts'
import { createPool, type Pooled } from './pool.ts'
import type { Profile } from './profile.ts'
import { createServers } from './servers.ts'

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
  asService<T>(work: (connection: Connection) => Promise<T>): Promise<T>
  /** On a connection that `work` binds somebody on first. @throws the same */
  asPerson<T>(work: (connection: Connection) => Promise<T>): Promise<T>
  /** A connection of one's own with the service account bound, for as long as a list takes. */
  alone(): Promise<Connection>
  /** A new connection to this very server, past pool and breaker, bound where there is an account. */
  probe(server: Server): Promise<Connection>
  close(): void
}

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
  const { timeouts } = settings
  const dialServer = (server: Server) => dial(server, credentialsOf(profile), timeouts.connect_ms)
  const servers = createServers(profile.servers, { ...deps, dial: dialServer })
  const connected = (channel: Channel) => createConnection(channel, settings)
  const pool = createPool({
    name,
    max: settings.pool.max_connections,
    idleMs: settings.pool.idle_ms,
    waitMs: timeouts.connect_ms,
    open: async () => connected(await servers.open()),
  })
  const breaker = createBreaker(name, profile, deps.log)
  const account =
    settings.bind_dn && bindPassword ? { dn: settings.bind_dn, password: bindPassword } : undefined

  const bindAccount = async (connection: Connection) => {
    if (!account) return
    const { kind } = await connection.bind(account.dn, account.password)
    if (kind !== 'bound') throw new LdapError('bind_refused', connection.channel.server)
  }
  const bound = async (channel: Channel) => {
    const connection = connected(channel)
    try {
      await bindAccount(connection)
      return connection
    } catch (error) {
      channel.close()
      throw error
    }
  }
  const run = <T>(service: boolean, work: (pooled: Pooled) => Promise<T>): Promise<T> => {
    const attempt = async (isLast: boolean): Promise<T> => {
      let reached: Pooled | undefined
      try {
        return await pool.use(service, (pooled) => {
          reached = pooled
          return work(pooled)
        })
      } catch (error) {
        if (!reached || !isServerFault(error)) throw error
        const { server, reason } = error as LdapError
        servers.shun(server)
        pool.forget(server)
        if (isLast || !mayRepeat(reason, reached, profile)) throw error
        return attempt(true)
      }
    }
    return breaker.run(() => attempt(false))
  }
  return {
    name,
    profile,
    hasServiceAccount: account !== undefined,
    asService: (work) =>
      run(true, async (pooled) => {
        if (!pooled.isService) await bindAccount(pooled.connection)
        pooled.isService = true
        return work(pooled.connection)
      }),
    asPerson: (work) =>
      run(false, (pooled) => {
        pooled.isService = false
        return work(pooled.connection)
      }),
    alone: () => breaker.run(async () => bound(await servers.open())),
    probe: async (server) => bound(await dialServer(server)),
    close: () => pool.close(),
  }
}

/** Where there is another server, or where a server has closed a connection that was idle. */
function mayRepeat(reason: LdapReason, { isReused }: Pooled, { servers }: Profile): boolean {
  if (reason === 'too_large') return false
  return servers.length > 1 || (isReused && reason === 'connect')
}

function credentialsOf({ settings }: Profile) {
  return {
    caFile: settings.ca_file,
    certFile: settings.client_certificate?.cert_file,
    keyFile: settings.client_certificate?.key_file,
    serverName: settings.server_name,
  }
}

function createBreaker(name: string, { settings }: Profile, log: DirectoryDeps['log']) {
  const policy = circuitBreaker(handleWhen(isServerFault), {
    breaker: new ConsecutiveBreaker(settings.circuit.failures),
    halfOpenAfter: settings.circuit.retry_after_ms,
  })
  policy.onBreak(() => log.warn({ connection: name }, 'directory left alone: it keeps failing'))
  policy.onReset(() => log.info({ connection: name }, 'directory asked again: it answers'))
  return {
    async run<T>(work: () => Promise<T>): Promise<T> {
      try {
        return await policy.execute(work)
      } catch (error) {
        if (error instanceof BrokenCircuitError) throw new LdapError('circuit_open', name)
        throw error
      }
    },
  }
}

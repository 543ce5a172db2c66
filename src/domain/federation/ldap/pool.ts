import type { Connection } from './connection.ts'
import { LdapError } from './ldap_error.ts'

/** Connections of one directory: so many at most, each used by one at a time, closed when idle. */

export type Pooled = {
  connection: Connection
  /** The service account is bound on it; nobody may take it for anybody else. */
  isService: boolean
  /** It has served before, so its server may have gone meanwhile. */
  isReused: boolean
}

export type Pool = {
  /**
   * Runs `work` on a connection, one of the service account rather where `service` is said. One that
   * `work` threw on is not used again.
   *
   * @throws LdapError `busy` where none becomes free in time, and what `open` and `work` throw
   */
  use<T>(service: boolean, work: (pooled: Pooled) => Promise<T>): Promise<T>
  /** Closes what is idle of this server. */
  forget(server: string): void
  close(): void
}

export type PoolOptions = {
  name: string
  max: number
  idleMs: number
  /** Milliseconds that somebody waits for a free connection. */
  waitMs: number
  open(): Promise<Connection>
}

export function createPool({ name, max, idleMs, waitMs, open }: PoolOptions): Pool {
  const idle = new Map<Pooled, NodeJS.Timeout>()
  const turns = createTurns(max, waitMs, () => new LdapError('busy', name))
  let used = 0
  let closed = false

  const drop = (pooled: Pooled) => {
    clearTimeout(idle.get(pooled))
    idle.delete(pooled)
    pooled.connection.channel.close()
  }
  const taken = (service: boolean): Pooled | undefined => {
    for (const pooled of idle.keys()) if (!pooled.connection.channel.isOpen()) drop(pooled)
    const waiting = [...idle.keys()].reverse()
    const isFull = idle.size + used > max
    const pooled =
      waiting.find(({ isService }) => isService === service) ?? (isFull ? waiting[0] : undefined)
    if (!pooled) return undefined
    clearTimeout(idle.get(pooled))
    idle.delete(pooled)
    return { ...pooled, isReused: true }
  }
  const giveBack = (pooled: Pooled) => {
    if (closed || !pooled.connection.channel.isOpen()) return drop(pooled)
    idle.set(pooled, setTimeout(drop, idleMs, pooled).unref())
  }
  const lend = async <T>(pooled: Pooled, work: (pooled: Pooled) => Promise<T>): Promise<T> => {
    try {
      const result = await work(pooled)
      giveBack(pooled)
      return result
    } catch (error) {
      drop(pooled)
      throw error
    }
  }
  return {
    async use(service, work) {
      if (closed) throw new LdapError('closed', name)
      await turns.take()
      used += 1
      try {
        return await lend(taken(service) ?? asNew(await open()), work)
      } finally {
        used -= 1
        turns.give()
      }
    },
    forget(server) {
      for (const pooled of [...idle.keys()]) {
        if (pooled.connection.channel.server === server) drop(pooled)
      }
    },
    close() {
      closed = true
      for (const pooled of [...idle.keys()]) drop(pooled)
    },
  }
}

function asNew(connection: Connection): Pooled {
  return { connection, isService: false, isReused: false }
}

/** So many at a time; the others wait in a row, each for so long. */
function createTurns(max: number, waitMs: number, tooLate: () => Error) {
  let free = max
  const waiting = new Set<() => void>()
  return {
    async take(): Promise<void> {
      if (free > 0) {
        free -= 1
        return
      }
      await new Promise<void>((resolve, reject) => {
        const turn = () => {
          clearTimeout(timer)
          waiting.delete(turn)
          resolve()
        }
        const timer = setTimeout(() => {
          waiting.delete(turn)
          reject(tooLate())
        }, waitMs)
        waiting.add(turn)
      })
    },
    give(): void {
      const [next] = waiting
      if (next) next()
      else free += 1
    },
  }
}

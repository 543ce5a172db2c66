import { BrokenCircuitError, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel'
import type { ConnectorLog } from '../connector.ts'
import { isServerFault, LdapError, type LdapReason, opensCircuit } from './ldap_error.ts'
import type { Pool, Pooled } from './pool.ts'
import type { Profile } from './profile.ts'
import type { Servers } from './servers.ts'

/** How often something is tried, and when not at all any more. */

export type AttemptsDeps = { pool: Pool; servers: Servers; profile: Profile }

export type AttemptOptions = {
  /** Rather on a connection that the service account is bound on. */
  service: boolean
  /** What is asked may have been done although the answer is lost, and must not be done twice. */
  once?: boolean
}

/** Runs `work` on a connection of the pool, and once more where that may help. @throws LdapError */
export async function attempt<T>(
  deps: AttemptsDeps,
  options: AttemptOptions,
  work: (pooled: Pooled) => Promise<T>,
): Promise<T> {
  let reached: Pooled | undefined
  try {
    return await deps.pool.use(options.service, (pooled) => {
      reached = pooled
      return work(pooled)
    })
  } catch (error) {
    if (!reached || !(error instanceof LdapError) || !isServerFault(error)) throw error
    deps.servers.shun(error.server)
    deps.pool.forget(error.server)
    if (options.once || !mayHelp(error.reason, reached, deps.profile)) throw error
    return attempt(deps, { ...options, once: true }, work)
  }
}

/** Where there is another server, or where a server has closed a connection that was idle. */
function mayHelp(reason: LdapReason, { isReused }: Pooled, { servers }: Profile): boolean {
  return servers.length > 1 || (isReused && reason === 'connect')
}

export type Breaker = {
  /** @throws LdapError `circuit_open`, or what `work` throws */
  run<T>(work: () => Promise<T>): Promise<T>
}

export function createBreaker(name: string, { settings }: Profile, log: ConnectorLog): Breaker {
  const policy = circuitBreaker(handleWhen(opensCircuit), {
    breaker: new ConsecutiveBreaker(settings.circuit.failures),
    halfOpenAfter: settings.circuit.retry_after_ms,
  })
  policy.onBreak(() => log.warn({ connection: name }, 'directory left alone: it keeps failing'))
  policy.onReset(() => log.info({ connection: name }, 'directory asked again: it answers'))
  return {
    async run(work) {
      try {
        return await policy.execute(work)
      } catch (error) {
        if (error instanceof BrokenCircuitError) throw new LdapError('circuit_open', name)
        throw error
      }
    },
  }
}

import type Provider from 'oidc-provider'
import { type Clock, epochSeconds } from '../../core/clock.ts'
import { logoutDelivered, logoutFailed } from '../../platform/events/catalogue.ts'
import type { EventRecorder } from '../../platform/events/recorder.ts'

/**
 * Back-channel logout (OpenID Connect Back-Channel Logout 1.0 §2.5). The person who logs out waits
 * for nobody: each delivery is a job, tried again with growing pauses, and the worker signs a fresh
 * logout token for every attempt.
 */

export type LogoutJob = { clientId: string; accountId: string; sid: string; issuedAt: number }
export type LogoutQueue = { send(job: LogoutJob): Promise<void> }

type BackchannelLogout = (this: unknown, accountId: string, sid: string) => Promise<void>

const originals = new WeakMap<Provider, BackchannelLogout>()

export function queueBackchannelLogout(provider: Provider, queue: LogoutQueue): void {
  const prototype = provider.Client.prototype as unknown as { backchannelLogout: BackchannelLogout }
  originals.set(provider, prototype.backchannelLogout)
  prototype.backchannelLogout = async function enqueue(this: unknown, accountId, sid) {
    const { clientId } = this as { clientId: string }
    await queue.send({ clientId, accountId, sid, issuedAt: Math.floor(Date.now() / 1000) })
  }
}

export type LogoutDelivery = { provider(): Provider; recorder: EventRecorder; clock: Clock }

/**
 * One attempt to deliver. Throws where the client did not accept, so that the queue tries again.
 *
 * @param attempt counted from 1; @param last whether the queue gives up after this one
 */
export async function deliverLogout(
  deps: LogoutDelivery,
  job: LogoutJob,
  { attempt, last }: { attempt: number; last: boolean },
): Promise<void> {
  const provider = deps.provider()
  const client = await provider.Client.find(job.clientId)
  if (!client?.backchannelLogoutUri) return
  const facts = { clientId: job.clientId, accountId: job.accountId, attempts: attempt }
  try {
    await originals.get(provider)!.call(client, job.accountId, job.sid)
    deps.recorder.record(logoutDelivered(facts))
  } catch (error) {
    if (last) {
      const ageS = epochSeconds(deps.clock) - job.issuedAt
      const reason = `${(error as Error).message.slice(0, 150)} (after ${ageS} s)`
      deps.recorder.record(logoutFailed({ ...facts, reason }))
    }
    throw error
  }
}

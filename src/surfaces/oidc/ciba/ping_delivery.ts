import type Provider from 'oidc-provider'
import { pingDelivered, pingFailed } from '../../../platform/events/catalogue.ts'
import type { EventRecorder } from '../../../platform/events/recorder.ts'
import type { Db, Transaction } from '../../../platform/persistence/db.ts'
import { findRequest } from '../adapters/backchannel_requests.ts'
import type { Codec } from '../adapters/codec.ts'

/**
 * Telling a client that a person has answered (OpenID Connect CIBA Core 1.0 §10.2). The person waits
 * for nobody: each ping is a job, tried again with growing pauses for as long as the request lives.
 * The job names the request by its hash; id and bearer token are unsealed for the call only.
 */

export type PingJob = { clientId: string; request: string }
export type PingQueue = { send(job: PingJob, tx: Transaction): Promise<void> }

export type PingDelivery = {
  db: Db
  codec: Codec
  recorder: EventRecorder
  provider(): Provider
}

type Pinged = { backchannelPing(request: object): Promise<void> }

/**
 * One attempt to deliver. Throws where the client did not accept, so that the queue tries again.
 *
 * @param attempt counted from 1; @param last whether the queue gives up after this one
 */
export async function deliverPing(
  deps: PingDelivery,
  job: PingJob,
  { attempt, last }: { attempt: number; last: boolean },
): Promise<void> {
  const record = await findRequest(deps.db, Buffer.from(job.request, 'base64url'))
  const client = await deps.provider().Client.find(job.clientId)
  // Fetched already, run out, or no longer one that is pinged.
  if (!record || record.consumedAt || hasExpired(record.expiresAt)) return
  if (client?.['backchannelTokenDeliveryMode'] !== 'ping') return
  const { jti, params } = deps.codec.decode(record)
  const facts = { clientId: job.clientId, accountId: record.accountId!, attempts: attempt }
  try {
    await (client as unknown as Pinged).backchannelPing({
      kind: 'BackchannelAuthenticationRequest',
      jti,
      params,
    })
    deps.recorder.record(pingDelivered(facts))
  } catch (error) {
    const reason = (error as Error).message.slice(0, 200)
    if (last) deps.recorder.record(pingFailed({ ...facts, reason }))
    throw error
  }
}

function hasExpired(at: Date | undefined): boolean {
  return at !== undefined && at.getTime() <= Date.now()
}

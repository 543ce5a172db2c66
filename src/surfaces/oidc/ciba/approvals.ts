import type Provider from 'oidc-provider'
import type { Clock } from '../../../core/clock.ts'
import type { Requested } from '../../../domain/clients/consent.ts'
import type { RateLimits } from '../../../domain/security/rate_limit.ts'
import { approvalAnswered, type Origin } from '../../../platform/events/catalogue.ts'
import { appendEvent } from '../../../platform/events/outbox.ts'
import { type Db, inTransaction, type Transaction } from '../../../platform/persistence/db.ts'
import {
  answerRequest,
  findRequest,
  listUnansweredRequests,
} from '../adapters/backchannel_requests.ts'
import type { Codec, Payload } from '../adapters/codec.ts'
import type { OidcRecord } from '../adapters/record.ts'
import { inUnitOfWork } from '../adapters/unit_of_work.ts'
import { grantAll } from '../load_grant.ts'
import { limitsOf } from './backchannel_authentication.ts'
import type { PingQueue } from './ping_delivery.ts'

/**
 * What the page of approvals needs of the requests: those that wait for a person, and the one answer
 * to each. The answer, the grant that it makes, its event and the ping are one transaction.
 */

export type PendingApproval = {
  /** Names the request on the page; worth nothing to anybody but its own account. */
  handle: string
  clientId: string
  params: Record<string, unknown>
  askedAt: Date
}

/** How the person was signed in who answered. */
export type Authentication = {
  accountId: string
  acr: string | undefined
  amr: string[] | undefined
  authTime: number | undefined
}

export type Answer = { kind: 'approved'; granted: Requested } | { kind: 'denied' }

export type Approvals = {
  list(accountId: string): Promise<PendingApproval[]>
  find(handle: string, accountId: string): Promise<PendingApproval | undefined>
  /**
   * True where this answer stands, which a second press of the same button finds too; false where
   * another one does, or it is too late.
   */
  answer(handle: string, by: Authentication, answer: Answer, origin: Origin): Promise<boolean>
}

type Deps = {
  db: Db
  codec: Codec
  clock: Clock
  limits: RateLimits
  pings: PingQueue
  provider(): Provider
}

const SHOWN = 20
const MODEL = 'BackchannelAuthenticationRequest'

export function createApprovals(deps: Deps): Approvals {
  const { db, codec } = deps
  return {
    async list(accountId) {
      const records = await listUnansweredRequests(db, accountId, SHOWN)
      return records.flatMap((record) => pendingOf(codec, record) ?? [])
    },
    async find(handle, accountId) {
      const record = await findOwn(db, handle, accountId)
      return record && pendingOf(codec, record)
    },
    async answer(handle, by, answer, origin) {
      const { accountId } = by
      const record = await findOwn(db, handle, accountId)
      const pending = record && pendingOf(codec, record)
      if (!pending || !(await write(deps, record, by, answer, origin))) {
        return stands(codec, await findOwn(db, handle, accountId), answer)
      }
      if (answer.kind === 'approved') {
        // An application that people say yes to has not pestered anybody.
        const taken = limitsOf(pending.clientId, accountId)
        await Promise.all(taken.map(({ limit, key }) => deps.limits.refund(limit, key)))
      }
      return true
    },
  }
}

async function findOwn(db: Db, handle: string, accountId: string): Promise<OidcRecord | undefined> {
  const record = await findRequest(db, Buffer.from(handle, 'base64url'))
  return record?.accountId === accountId ? record : undefined
}

function pendingOf(codec: Codec, record: OidcRecord): PendingApproval | undefined {
  const payload = codec.decode(record)
  if (payload['error'] !== undefined || payload['grantId'] !== undefined) return undefined
  return {
    handle: record.idHash.toString('base64url'),
    clientId: record.clientId!,
    params: payload['params'] as Record<string, unknown>,
    askedAt: new Date(Number(payload['iat']) * 1000),
  }
}

function stands(codec: Codec, record: OidcRecord | undefined, { kind }: Answer): boolean {
  const member = kind === 'approved' ? 'grantId' : 'error'
  return record !== undefined && codec.decode(record)[member] !== undefined
}

class AnsweredBefore extends Error {}

async function write(
  deps: Deps,
  record: OidcRecord,
  by: Authentication,
  answer: Answer,
  origin: Origin,
): Promise<boolean> {
  const { accountId } = by
  const clientId = record.clientId!
  const provider = deps.provider()
  const client = await provider.Client.find(clientId)
  if (!client) return false
  try {
    await inTransaction(deps.db, async (tx) => {
      const payload = deps.codec.decode(record)
      const answered = {
        ...payload,
        ...(answer.kind === 'approved'
          ? {
              ...authenticationOf(by),
              grantId: await storeGrant(provider, tx, { accountId, clientId }, answer.granted),
              rar: detailsOf(payload),
            }
          : { error: 'access_denied', errorDescription: 'the person did not approve' }),
      }
      const after = deps.codec.encode(MODEL, payload.jti!, answered, undefined)
      // Rolled back with the grant: of two answers at once the second changes nothing.
      if (!(await answerRequest(tx, after, record.sealed))) throw new AnsweredBefore()
      const outcome = answer.kind
      await appendEvent(tx, approvalAnswered({ accountId, clientId, outcome, ...origin }))
      if (client['backchannelTokenDeliveryMode'] === 'ping') {
        await deps.pings.send({ clientId, request: record.idHash.toString('base64url') }, tx)
      }
    })
    return true
  } catch (error) {
    if (error instanceof AnsweredBefore) return false
    throw error
  }
}

function authenticationOf({ acr, amr, authTime }: Authentication) {
  return { acr, amr, authTime }
}

function detailsOf({ params }: Payload): unknown {
  const text = (params as Record<string, unknown>)['authorization_details']
  return typeof text === 'string' ? JSON.parse(text) : undefined
}

/** The engine's own grant, written within the transaction. */
async function storeGrant(
  provider: Provider,
  tx: Transaction,
  parties: { accountId: string; clientId: string },
  granted: Requested,
): Promise<string> {
  const grant = new provider.Grant(parties)
  grantAll(grant, granted)
  return await inUnitOfWork({ db: tx, redis: undefined }, () => grant.save())
}

import type Provider from 'oidc-provider'
import { type Clock, epochSeconds } from '../../../core/clock.ts'
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
import { isStrongEnough } from '../step_up.ts'
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

export type Answer = { kind: 'approved'; granted: Requested | undefined } | { kind: 'denied' }

export type Approvals = {
  list(accountId: string): Promise<PendingApproval[]>
  find(handle: string, accountId: string): Promise<PendingApproval | undefined>
  /** False where the request wants the person to have signed in more lately, or in a stronger way. */
  mayApprove(pending: PendingApproval, by: Authentication): Promise<boolean>
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
    async mayApprove({ clientId, params }, { acr, authTime = 0 }) {
      // OpenID Connect Registration §2, `default_max_age`.
      const maxAge = params['max_age']
      const ageS = epochSeconds(deps.clock) - authTime
      if (maxAge !== undefined && ageS > Number(maxAge)) return false
      return isStrongEnough(params, await deps.provider().Client.find(clientId), acr)
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
  const parties = { accountId: by.accountId, clientId: record.clientId! }
  const client = await deps.provider().Client.find(parties.clientId)
  if (!client || (answer.kind === 'approved' && !answer.granted)) return false
  const write = async (tx: Transaction): Promise<void> => {
    const before = deps.codec.decode(record)
    const after = { ...before, ...(await changesOf(deps, tx, before, by, answer)) }
    const changed = deps.codec.encode(MODEL, before.jti!, after, undefined)
    // Rolled back with the grant: of two answers at once the second changes nothing.
    if (!(await answerRequest(tx, changed, record.sealed))) throw new AnsweredBefore()
    await appendEvent(tx, approvalAnswered({ ...parties, outcome: answer.kind, ...origin }))
    if (client['backchannelTokenDeliveryMode'] !== 'ping') return
    const request = record.idHash.toString('base64url')
    await deps.pings.send({ clientId: parties.clientId, request }, tx)
  }
  try {
    await inTransaction(deps.db, write)
    return true
  } catch (error) {
    if (error instanceof AnsweredBefore) return false
    throw error
  }
}

/** As the engine's `backchannelResult` writes it, which knows no transaction. */
async function changesOf(
  { provider }: Deps,
  tx: Transaction,
  { clientId, params }: Payload,
  { accountId, acr, amr, authTime }: Authentication,
  answer: Answer,
): Promise<Partial<Payload>> {
  if (answer.kind === 'denied') {
    return { error: 'access_denied', errorDescription: 'the person did not approve' }
  }
  const parties = { accountId, clientId: String(clientId) }
  const grantId = await storeGrant(provider(), tx, parties, answer.granted!)
  const details = (params as Record<string, unknown>)['authorization_details']
  const rar = typeof details === 'string' ? JSON.parse(details) : undefined
  return { grantId, acr, amr, authTime, rar }
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

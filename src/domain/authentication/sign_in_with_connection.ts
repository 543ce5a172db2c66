import { federatedSignInRefused, type Origin } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { Connection } from '../federation/connection.ts'
import type { Connections } from '../federation/connections.ts'
import type {
  Departure,
  RedirectConnector,
  RedirectStart,
  UpstreamAuthentication,
} from '../federation/connector.ts'
import {
  type AnsweredRequest,
  keepRedirectRequest,
  newState,
  type Purpose,
  takeRedirectRequest,
} from '../federation/redirect_request.ts'
import { type AdmitDeps, admitPerson } from './admit_person.ts'
import type { Method } from './assurance.ts'
import { tellUnavailable } from './tell_unavailable.ts'

/** Signing in at a source that sends people back: the way there, and what they bring. */

export type ConnectionDeps = AdmitDeps & {
  issuer: string
}

/** What the request of an application wants of the sign-in there. */
export type Wanted = Omit<RedirectStart, 'callbackUri' | 'state'>

export type Departed = { kind: 'departs'; departure: Departure } | { kind: 'unavailable' }

export async function beginAtConnection(
  deps: Pick<ConnectionDeps, 'db' | 'clock' | 'keyring' | 'connections' | 'issuer'>,
  input: {
    connection: Connection
    wanted: Wanted
    purpose: Purpose
    clientId: string
    origin: Origin
  },
): Promise<Departed> {
  const { connection, wanted, purpose, clientId, origin } = input
  const redirect = await redirectOf(deps.connections, connection)
  const start = {
    ...wanted,
    callbackUri: callbackUriOf(deps.issuer, connection),
    state: newState(),
  }
  const begun = redirect
    ? await redirect.begin(start)
    : ({ kind: 'unavailable', reason: 'cannot be opened' } as const)
  if (begun.kind === 'unavailable') {
    await tellUnavailable(deps, { connection, reason: begun.reason, clientId, origin })
    return { kind: 'unavailable' }
  }
  await keepRedirectRequest(deps, connection.id, { start, keep: begun.keep, purpose })
  return { kind: 'departs', departure: begun.departure }
}

/** Where a source sends people back to. */
function callbackUriOf(issuer: string, { name }: Pick<Connection, 'name'>): string {
  return `${issuer}/federation/${name}/callback`
}

/** Undefined where it cannot be opened, or is of a kind that asks for a password here. */
async function redirectOf(
  connections: Connections,
  connection: Connection,
): Promise<RedirectConnector | undefined> {
  const opened = await connections.open(connection).catch(() => undefined)
  return opened?.redirect
}

export type RefusalReason =
  | 'denied'
  | 'invalid'
  | 'too_weak'
  | 'not_permitted'
  | 'account_disabled'
  | 'unavailable'

export type Returned =
  | { kind: 'signed_in' | 'pending'; connection: Connection }
  | { kind: 'refused'; reason: RefusalReason; connection?: Connection | undefined }
  /** There is no such sign-in under way in this interaction, or no more. */
  | { kind: 'lost' }

/**
 * Uses up what somebody brings back. It is of this interaction or it is nothing: whoever was sent here
 * with the answer to somebody else's request ends with nothing.
 */
export async function completeAtConnection(
  deps: ConnectionDeps,
  input: {
    state: string
    interactionUid: string
    clientId: string
    deviceKnownFor: readonly string[]
    origin: Origin
  },
): Promise<Returned> {
  const { interactionUid } = input
  const request = await takeRedirectRequest(deps, input.state)
  const { purpose } = request ?? {}
  if (!request || purpose?.kind !== 'sign_in' || purpose.interactionUid !== interactionUid) {
    return { kind: 'lost' }
  }
  const returned = await whoReturns(deps, request)
  const { connection } = returned
  if (returned.kind === 'refused') return await refuse(deps, input, returned)
  const { person, authentication } = returned
  const admission = await admitPerson(deps, {
    ...input,
    connection: returned.connection,
    person,
    method: methodOf(returned.connection, authentication),
    session: { sessionId: authentication.sessionId, logoutHint: authentication.logoutHint },
    tokens: authentication.tokens,
    authenticatedAt: whenOf(deps.clock.now(), authentication),
    remember: purpose.remember,
  })
  if (admission.kind !== 'refused') return { kind: admission.kind, connection: returned.connection }
  return await refuse(deps, input, { ...admission, connection, detail: undefined })
}

type WhoReturns =
  | {
      kind: 'proven'
      connection: Connection
      person: Parameters<typeof admitPerson>[1]['person']
      authentication: UpstreamAuthentication
    }
  | {
      kind: 'refused'
      reason: RefusalReason
      connection: Connection | undefined
      detail: string | undefined
    }

/** What the answer proves, whatever it is wanted for. A connection that was disabled meanwhile proves nothing. */
export async function whoReturns(
  { connections }: Pick<ConnectionDeps, 'connections'>,
  { connectionId, start, params, keep }: AnsweredRequest,
): Promise<WhoReturns> {
  const connection = (await connections.list()).find(({ id }) => id === connectionId)
  if (!connection) {
    return { kind: 'refused', reason: 'unavailable', connection, detail: 'disabled meanwhile' }
  }
  const redirect = await redirectOf(connections, connection)
  const result = (await redirect?.finish({ start, params, keep })) ?? {
    kind: 'unavailable',
    reason: 'cannot be opened',
  }
  switch (result.kind) {
    case 'proven':
      return { ...result, connection }
    case 'refused':
      return { ...result, connection }
    default:
      return { kind: 'refused', reason: 'unavailable', connection, detail: result.reason }
  }
}

/** Our own policy on second factors holds unless the connection has the source's word believed. */
function methodOf({ definition }: Connection, { acr, amr }: UpstreamAuthentication): Method {
  const vouched = definition.second_factor
  const believed =
    vouched?.amr.some((each) => amr.includes(each)) ||
    (acr !== undefined && vouched?.acr.includes(acr))
  return believed ? 'federated_mfa' : 'federated'
}

/** Nobody has signed in later than now, whatever the clock there says. */
function whenOf(now: Date, { at }: UpstreamAuthentication): Date {
  return at !== undefined && at < now ? at : now
}

type Refused = Extract<WhoReturns, { kind: 'refused' }>

async function refuse(
  deps: Pick<ConnectionDeps, 'db'>,
  asked: { clientId: string; origin: Origin },
  refused: Pick<Refused, 'reason' | 'detail' | 'connection'>,
): Promise<Returned> {
  await recordRefusal(deps, asked, refused)
  const { reason, connection } = refused
  return { kind: 'refused', reason, connection }
}

/** @param asked `accountId` where somebody is signed in already */
export async function recordRefusal(
  deps: Pick<ConnectionDeps, 'db'>,
  asked: { clientId: string; accountId?: string; origin: Origin },
  refused: { reason: string; detail?: string | undefined; connection: Connection | undefined },
): Promise<void> {
  const { clientId, accountId, origin } = asked
  const { reason, detail, connection } = refused
  if (reason === 'unavailable' && connection) {
    await tellUnavailable(deps, { connection, reason: detail ?? '', clientId, origin })
  } else {
    const fact = { connection: connection?.name ?? '', clientId, accountId, reason, detail }
    await appendEvent(deps.db, federatedSignInRefused({ ...fact, ...origin }))
  }
}

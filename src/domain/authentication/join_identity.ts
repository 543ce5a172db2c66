import { DomainError } from '../../core/errors.ts'
import type { Origin } from '../../platform/events/catalogue.ts'
import { inTransaction } from '../../platform/persistence/db.ts'
import { lockActiveAccount } from '../accounts/account_store.ts'
import type { Connection } from '../federation/connection.ts'
import type { UpstreamPerson } from '../federation/connector.ts'
import { findIdentity } from '../federation/identity_store.ts'
import {
  findPendingIdentity,
  keepPendingIdentity,
  type PendingIdentity,
  takePendingIdentity,
} from '../federation/pending_identity.ts'
import { type Purpose, takeRedirectRequest } from '../federation/redirect_request.ts'
import { applyRules } from '../federation/rules.ts'
import { linkIdentity } from './admit_person.ts'
import {
  beginAtConnection,
  type ConnectionDeps,
  type Departed,
  type RefusalReason,
  recordRefusal,
  whoReturns,
} from './sign_in_with_connection.ts'

/**
 * Somebody who is signed in joins their account to one that they have elsewhere. What a source answers
 * counts in the session that asked and in no other, and joins nothing by itself: its owner is shown whom
 * the source names, and says that the two belong together.
 */
export type Joiner = { accountId: string; sessionUid: string }

type JoinDeps = Pick<ConnectionDeps, 'db' | 'clock' | 'keyring' | 'connections' | 'issuer'>

/** No application asks for it: the events of these pages name none. */
const NO_CLIENT = ''

export async function beginJoining(
  deps: JoinDeps,
  input: { connection: Connection; joiner: Joiner; uiLocales: string; origin: Origin },
): Promise<Departed> {
  const { connection, joiner, uiLocales, origin } = input
  return await beginAtConnection(deps, {
    connection,
    // Whom an older session there names is shown before anything is joined.
    wanted: { forceAuthn: false, acrValues: [], uiLocales },
    purpose: { kind: 'link', ...joiner },
    clientId: NO_CLIENT,
    origin,
  })
}

/** `taken`: it belongs to another account here. `joined`: to this one, already. */
export type JoinFault = 'taken' | 'joined'

export type JoinReturned =
  | { kind: 'pending' }
  | {
      kind: 'refused'
      reason: RefusalReason | JoinFault
      connection: Connection | undefined
    }
  /** Nothing of the kind is under way in this session, or no more. */
  | { kind: 'lost' }

type Return = { state: string; joiner: Joiner; origin: Origin }

/** Uses up what somebody brings back, and keeps whom it proves until they say that it is them. */
export async function returnToJoin(deps: JoinDeps, input: Return): Promise<JoinReturned> {
  const { state, joiner } = input
  const request = await takeRedirectRequest(deps, state)
  if (!request || !isOf(joiner, request.purpose)) return { kind: 'lost' }
  const returned = await whoReturns(deps, request)
  if (returned.kind === 'refused') return await refuse(deps, input, returned)
  const fault = await faultOf(deps, joiner, returned)
  if (fault) return await refuse(deps, input, fault)
  const { connection, person } = returned
  await keepPendingIdentity(deps, nameOf(joiner), { connectionId: connection.id, person })
  return { kind: 'pending' }
}

async function refuse(
  deps: JoinDeps,
  { joiner: { accountId }, origin }: Return,
  refused: {
    reason: RefusalReason | JoinFault
    detail?: string | undefined
    connection: Connection | undefined
  },
): Promise<JoinReturned> {
  await recordRefusal(deps, { clientId: NO_CLIENT, accountId, origin }, refused)
  const { reason, connection } = refused
  return { kind: 'refused', reason, connection }
}

function isOf({ accountId, sessionUid }: Joiner, purpose: Purpose): boolean {
  return (
    purpose.kind === 'link' && purpose.accountId === accountId && purpose.sessionUid === sessionUid
  )
}

async function faultOf(
  { db }: Pick<JoinDeps, 'db'>,
  { accountId }: Joiner,
  { connection, person }: { connection: Connection; person: UpstreamPerson },
): Promise<{ reason: 'not_permitted' | JoinFault; connection: Connection } | undefined> {
  if (!applyRules(connection.definition.rules, person).allowed) {
    return { reason: 'not_permitted', connection }
  }
  const known = await findIdentity(db, { connectionId: connection.id, subject: person.subject })
  if (!known) return undefined
  return { reason: known.accountId === accountId ? 'joined' : 'taken', connection }
}

export type JoiningPerson = PendingIdentity & { connection: Connection }

/** Who waits in this session to be joined; undefined where nobody does, or the connection is gone. */
export async function findJoining(
  deps: JoinDeps,
  joiner: Joiner,
): Promise<JoiningPerson | undefined> {
  const pending = await findPendingIdentity(deps, nameOf(joiner))
  const connection = (await deps.connections.list()).find(({ id }) => id === pending?.connectionId)
  return pending && connection && { ...pending, connection }
}

/**
 * Joins whoever waits.
 *
 * @param waiting as its owner was shown it
 */
export async function confirmJoining(
  deps: JoinDeps,
  input: { waiting: JoiningPerson; joiner: Joiner; origin: Origin },
): Promise<'joined' | 'taken' | 'lost'> {
  const { waiting, joiner, origin } = input
  const { connection, person } = waiting
  const { accountId } = joiner
  try {
    return await inTransaction(deps.db, async (tx) => {
      const taken = await takePendingIdentity({ ...deps, db: tx }, nameOf(joiner))
      if (taken?.connectionId !== connection.id) return 'lost'
      if (taken.person.subject !== person.subject) return 'lost'
      if (!(await lockActiveAccount(tx, accountId))) return 'lost'
      const account = { id: accountId }
      await linkIdentity(deps, tx, { connection, person, account, by: 'sign_in', origin })
      return 'joined'
    })
  } catch (error) {
    // Somebody else was joined to it while the page was looked at.
    if (error instanceof DomainError && error.code === 'conflict') return 'taken'
    throw error
  }
}

/** No interaction is called so. */
function nameOf({ accountId, sessionUid }: Joiner): string {
  return `account:${accountId}:${sessionUid}`
}

import type { Origin } from '../../platform/events/catalogue.ts'
import { inTransaction } from '../../platform/persistence/db.ts'
import { lockActiveAccount } from '../accounts/account_store.ts'
import type { Connection } from '../federation/connection.ts'
import { findIdentity } from '../federation/identity_store.ts'
import {
  findPendingIdentity,
  type PendingIdentity,
  takePendingIdentity,
} from '../federation/pending_identity.ts'
import { applyRules } from '../federation/rules.ts'
import {
  type AdmitDeps,
  type Arrival,
  createLinked,
  linkIdentity,
  noteSessionThere,
  prove,
} from './admit_person.ts'
import type { Method } from './assurance.ts'
import { isProven } from './person_here.ts'

/** What becomes of somebody who came from a source and is nobody here yet: the person says so. */

export type WaitingPerson = PendingIdentity & {
  connection: Connection
  /** They may have an account of their own; not where their address is somebody's here, or needs one. */
  mayCreate: boolean
}

/** Who waits in this interaction; undefined where nobody does, or the connection is gone. */
export async function findWaitingPerson(
  deps: Pick<AdmitDeps, 'db' | 'clock' | 'keyring' | 'connections'>,
  interactionUid: string,
): Promise<WaitingPerson | undefined> {
  const connections = await deps.connections.list()
  // Where there are none it costs nothing.
  if (connections.length === 0) return undefined
  const pending = await findPendingIdentity(deps, interactionUid)
  const connection = connections.find(({ id }) => id === pending?.connectionId)
  if (!pending || !connection) return undefined
  const mayCreate =
    connection.definition.provisioning === 'create' &&
    !isProven(deps.connections, connection, pending.person)
  return { ...pending, connection, mayCreate }
}

/**
 * Joins whoever waits to the account that has been signed in to within the interaction.
 *
 * @returns false where nobody waits any more, or the subject is somebody's by now
 */
export async function confirmLink(
  deps: AdmitDeps,
  input: { interactionUid: string; accountId: string; origin: Origin },
): Promise<boolean> {
  const { interactionUid, accountId, origin } = input
  const waiting = await findWaitingPerson(deps, interactionUid)
  if (!waiting) return false
  const { connection, person, came } = waiting
  return await inTransaction(deps.db, async (tx) => {
    const taken = await takePendingIdentity({ ...deps, db: tx }, interactionUid)
    if (taken?.person.subject !== person.subject) return false
    if (!(await lockActiveAccount(tx, accountId))) return false
    const asked = { connectionId: connection.id, subject: person.subject }
    if (await findIdentity(tx, asked)) return false
    const link = { connection, person, account: { id: accountId }, by: 'sign_in', origin } as const
    const { id: identityId } = await linkIdentity(deps, tx, link)
    const { session, tokens } = came ?? {}
    const there = { connection, session, tokens, interactionUid, identityId }
    await noteSessionThere(deps, tx, there)
    return true
  })
}

/** "Not now": the sign-in goes on as one of the account alone. */
export async function dropWaitingPerson(deps: AdmitDeps, interactionUid: string): Promise<void> {
  await takePendingIdentity(deps, interactionUid)
}

/**
 * A new account for whoever waits, where they may have one; without the address that nobody has proven.
 *
 * @returns false where nobody waits any more
 */
export async function createForWaiting(
  deps: AdmitDeps,
  arrival: Omit<Arrival, 'connection' | 'person' | 'method' | 'remember'>,
): Promise<boolean> {
  const { interactionUid, origin } = arrival
  const waiting = await findWaitingPerson(deps, interactionUid)
  if (!waiting?.mayCreate || !waiting.came) return false
  const { connection, person, came } = waiting
  const ruled = applyRules(connection.definition.rules, person)
  return await inTransaction(deps.db, async (tx) => {
    const taken = await takePendingIdentity({ ...deps, db: tx }, interactionUid)
    if (taken?.person.subject !== person.subject) return false
    const made = { connection, person, ruled, email: undefined, origin }
    const identity = await createLinked(deps, tx, made)
    const method = came.method as Method
    await prove(deps, tx, { ...arrival, ...came, connection, person, method }, identity)
    return true
  })
}

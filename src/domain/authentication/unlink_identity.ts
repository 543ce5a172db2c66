import { identityUnlinked, type Origin } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import type { Account } from '../accounts/account.ts'
import { getAccountById, lockAccount } from '../accounts/account_store.ts'
import { findPassword } from '../credentials/password/password_store.ts'
import { listWebAuthnCredentials } from '../credentials/webauthn/webauthn_store.ts'
import type { Connection } from '../federation/connection.ts'
import type { Connections } from '../federation/connections.ts'
import { deleteIdentity, listIdentitiesOfAccount } from '../federation/identity_store.ts'
import { belongsToDirectory } from './kept_password.ts'

/** What people can sign in with at this deployment, beside a password. */
export type WaysIn = { passkeys: boolean; emailSignIn: boolean; smsSignIn: boolean }

type Deps = { db: Db; connections: Pick<Connections, 'all' | 'list' | 'kindOf'>; ways: WaysIn }

export type Unlinked =
  | { kind: 'unlinked'; connection: Connection }
  /** The account has no such identity, and an id of somebody else is no id at all. */
  | { kind: 'unknown' }
  /**
   * `last_way_in`: its owner could not sign in without it. `owns_account`: the account was made for a
   * directory, whose word on it would count for nothing any more.
   */
  | { kind: 'refused'; reason: 'last_way_in' | 'owns_account'; connection: Connection }

export async function unlinkIdentity(
  deps: Deps,
  { accountId, identityId, origin }: { accountId: string; identityId: string; origin: Origin },
): Promise<Unlinked> {
  const [all, active] = [await deps.connections.all(), await deps.connections.list()]
  return await inTransaction(deps.db, async (tx) => {
    // Of two that are taken away at once, the second has to see that the first is gone.
    if (!(await lockAccount(tx, accountId))) return { kind: 'unknown' }
    const identities = await listIdentitiesOfAccount(tx, accountId)
    const identity = identities.find(({ id }) => id === identityId)
    const connection = all.find(({ id }) => id === identity?.connectionId)
    if (!identity || !connection) return { kind: 'unknown' }
    if (belongsToDirectory(deps.connections, { identity, connection })) {
      return { kind: 'refused', reason: 'owns_account', connection }
    }
    const others = identities.filter(({ id }) => id !== identityId)
    const elsewhere = others.some((each) => active.some(({ id }) => id === each.connectionId))
    if (!elsewhere && !(await hasWayHere(tx, deps.ways, accountId))) {
      return { kind: 'refused', reason: 'last_way_in', connection }
    }
    await deleteIdentity(tx, { id: identityId, accountId })
    const fact = { accountId, connection: connection.name, identityId }
    await appendEvent(tx, identityUnlinked({ ...fact, ...origin }))
    return { kind: 'unlinked', connection }
  })
}

async function hasWayHere(tx: Transaction, ways: WaysIn, accountId: string): Promise<boolean> {
  if (await findPassword(tx, accountId)) return true
  if (getsCodes(await getAccountById(tx, accountId), ways)) return true
  if (!ways.passkeys) return false
  const keys = await listWebAuthnCredentials(tx, accountId)
  return keys.some(({ userVerified }) => userVerified)
}

/** A number that is the second factor is not the first one as well. */
function getsCodes(account: Account, { emailSignIn, smsSignIn }: WaysIn): boolean {
  const { email, emailVerified, phone, phoneVerified, phoneFactorSince } = account
  const mail = emailSignIn && email !== undefined && emailVerified
  return mail || (smsSignIn && phone !== undefined && phoneVerified && !phoneFactorSince)
}

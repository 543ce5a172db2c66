import type { Clock } from '../../core/clock.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import type { EndAccess } from '../accounts/account.ts'
import {
  isDisabledByConnection,
  lockAccount,
  lockActiveAccount,
  noteDisabledByConnection,
} from '../accounts/account_store.ts'
import { disableAccount, enableAccount } from '../accounts/block_account.ts'
import { deleteAttemptsOfAccount } from '../authentication/attempt_store.ts'
import { byOf } from '../authentication/person_here.ts'
import type { Connection } from '../federation/connection.ts'
import {
  barLost,
  type Found,
  listLost,
  listReturned,
  type Reckoning,
  unbar,
} from './sync_person_store.ts'

/**
 * What a complete listing ends and gives back. An account that was made for its source is disabled with
 * it; one that is merely joined to it is its owner's, who keeps every other way in: the identity lets
 * nobody in any more, and whatever stands of the account's access ends once
 * (docs/decisions/0027-who-leaves-a-directory.md).
 */
export type SettleDeps = { db: Db; clock: Clock; endAccess: EndAccess }

const AT_ONCE = 500

/** @param onEach within the transaction in which somebody lost their access */
export async function endLost(
  deps: SettleDeps,
  connection: Connection,
  reckoning: Reckoning,
  onEach: (tx: Transaction) => Promise<void>,
): Promise<void> {
  for (;;) {
    const lost = await listLost(deps.db, reckoning, AT_ONCE)
    let ended = 0
    for (const found of lost) {
      const isEnded = await inTransaction(deps.db, async (tx) => {
        // First the account, as a sign-in takes it.
        if (!(await lockAccount(tx, found.accountId))) return false
        const { id } = found
        if (!(await barLost(tx, reckoning, { id, now: deps.clock.now() }))) return false
        await end(deps, tx, connection, found)
        await onEach(tx)
        return true
      })
      if (isEnded) ended += 1
    }
    // Those who are left have come back, or are gone, since they were listed.
    if (ended === 0) return
  }
}

async function end(
  { clock, endAccess }: SettleDeps,
  tx: Transaction,
  connection: Connection,
  { accountId, ownsAccount }: Found,
): Promise<void> {
  if (!ownsAccount) {
    // A sign-in that is half way may have come by it.
    await deleteAttemptsOfAccount(tx, accountId)
    return await endAccess(tx, accountId)
  }
  const wasActive = await lockActiveAccount(tx, accountId)
  await disableAccount({ db: tx, clock }, accountId, { by: byOf(connection), endAccess })
  // One that somebody else had disabled is not ours to give back.
  if (wasActive) await noteDisabledByConnection(tx, accountId, connection.id)
}

/** @param onEach within the transaction in which somebody got it back */
export async function readmitReturned(
  { db, clock }: Omit<SettleDeps, 'endAccess'>,
  connection: Connection,
  reckoning: Pick<Reckoning, 'connectionId' | 'runId'>,
  onEach: (tx: Transaction) => Promise<void>,
): Promise<void> {
  for (;;) {
    const returned = await listReturned(db, reckoning, AT_ONCE)
    if (returned.length === 0) return
    for (const { id, accountId } of returned) {
      await inTransaction(db, async (tx) => {
        await lockAccount(tx, accountId)
        await unbar(tx, id)
        if (await isDisabledByConnection(tx, accountId, connection.id)) {
          await enableAccount({ db: tx, clock }, accountId, { by: byOf(connection) })
        }
        await onEach(tx)
      })
    }
  }
}

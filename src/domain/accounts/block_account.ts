import type { Clock } from '../../core/clock.ts'
import { accountDisabled, accountEnabled } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import type { Account, EndAccess } from './account.ts'
import {
  getAccountById,
  noteDisabledByConnection,
  restartAbsence,
  updateAccountStatus,
} from './account_store.ts'

type Deps = { db: Db; clock: Clock }

/**
 * Takes the account its access; its data stays. Doing it twice is no fault.
 *
 * @param endAccess ends its sessions and tokens in the same transaction
 * @throws DomainError `not_found`
 */
export async function disableAccount(
  { db, clock }: Deps,
  id: string,
  { by, endAccess }: { by?: string; endAccess?: EndAccess } = {},
): Promise<Account> {
  return await inTransaction(db, async (tx) => {
    const account = await updateAccountStatus(tx, id, 'disabled', clock.now())
    if (account) {
      await appendEvent(tx, accountDisabled({ accountId: id, ...(by ? { by } : {}) }))
      await notifyChange(tx, 'account', id)
    }
    // Also where it was disabled before: whatever was left of its access ends now.
    const result = account ?? (await getAccountById(tx, id))
    // Who disabled it because its source has it no longer is overruled: coming back there is not enough.
    if (!account) await noteDisabledByConnection(tx, id, undefined)
    await endAccess?.(tx, id)
    return result
  })
}

/**
 * Gives the account its access back. Its absence begins anew, or the next sweep of accounts that
 * nobody uses would take it again.
 *
 * @throws DomainError `not_found`
 */
export async function enableAccount(
  { db, clock }: Deps,
  id: string,
  { by }: { by?: string } = {},
): Promise<Account> {
  return await inTransaction(db, async (tx) => {
    const account = await updateAccountStatus(tx, id, 'active', clock.now())
    if (!account) return await getAccountById(tx, id)
    await restartAbsence(tx, id, clock.now())
    await appendEvent(tx, accountEnabled({ accountId: id, ...(by ? { by } : {}) }))
    await notifyChange(tx, 'account', id)
    return account
  })
}

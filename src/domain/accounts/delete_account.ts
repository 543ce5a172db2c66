import { accountDeleted } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import type { EndAccess } from './account.ts'
import { accountNotFound, deleteAccountRow, lockAccount } from './account_store.ts'

/**
 * Deletes the account with its credentials, consents and sign-in attempts. The trail keeps its
 * opaque id only.
 *
 * @param endAccess ends its sessions and tokens in the same transaction, while the row still stands
 * @param onlyIf is asked once nobody else can change the account any more
 * @returns false where `onlyIf` said no, or somebody else has deleted it before it could be asked
 * @throws DomainError `not_found`, unless `onlyIf` is given
 */
export async function deleteAccount(
  { db }: { db: Db },
  id: string,
  {
    by,
    endAccess,
    onlyIf,
  }: { by?: string; endAccess?: EndAccess; onlyIf?: (tx: Transaction) => Promise<boolean> } = {},
): Promise<boolean> {
  return await inTransaction(db, async (tx) => {
    // The row first, as everybody does who works on an account: two orders would be a deadlock.
    if (!(await lockAccount(tx, id))) {
      if (onlyIf) return false
      throw accountNotFound()
    }
    if (onlyIf && !(await onlyIf(tx))) return false
    await endAccess?.(tx, id)
    await deleteAccountRow(tx, id)
    await appendEvent(tx, accountDeleted({ accountId: id, ...(by ? { by } : {}) }))
    await notifyChange(tx, 'account', id)
    return true
  })
}

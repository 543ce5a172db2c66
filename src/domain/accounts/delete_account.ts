import { accountDeleted } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import type { EndAccess } from './account.ts'
import { accountNotFound, deleteAccountRow } from './account_store.ts'

/**
 * Deletes the account with its credentials, consents and sign-in attempts. The trail keeps its
 * opaque id only.
 *
 * @param endAccess ends its sessions and tokens in the same transaction, while the row still stands
 * @throws DomainError `not_found`
 */
export async function deleteAccount(
  { db }: { db: Db },
  id: string,
  { by, endAccess }: { by?: string; endAccess?: EndAccess } = {},
): Promise<void> {
  await inTransaction(db, async (tx) => {
    await endAccess?.(tx, id)
    if (!(await deleteAccountRow(tx, id))) throw accountNotFound()
    await appendEvent(tx, accountDeleted({ accountId: id, ...(by ? { by } : {}) }))
    await notifyChange(tx, 'account', id)
  })
}

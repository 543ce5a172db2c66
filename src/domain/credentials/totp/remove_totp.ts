import { factorRemoved, type Origin } from '../../../platform/events/catalogue.ts'
import { appendEvent } from '../../../platform/events/outbox.ts'
import { type Db, inTransaction } from '../../../platform/persistence/db.ts'
import { deleteTotp } from './totp_store.ts'

/** False where the account has no such authenticator: an id of somebody else is no id at all. */
export async function removeTotp(
  { db }: { db: Db },
  {
    accountId,
    id,
    by,
    origin = {},
  }: { accountId: string; id: string; by?: string; origin?: Origin },
): Promise<boolean> {
  return await inTransaction(db, async (tx) => {
    const removed = await deleteTotp(tx, accountId, id)
    if (!removed) return false
    const fact = { accountId, factor: 'totp', factorId: id, ...(by ? { by } : {}), ...origin }
    await appendEvent(tx, factorRemoved(fact))
    return true
  })
}

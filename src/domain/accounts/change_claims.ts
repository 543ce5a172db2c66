import type { Clock } from '../../core/clock.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import type { Account } from './account.ts'
import { accountNotFound, updateAccountClaims } from './account_store.ts'
import { parseStandardClaims } from './claims.ts'

/**
 * Replaces the standard claims of an account as a whole.
 *
 * @throws DomainError `not_found`, or `invalid_input` naming the claim that is not acceptable
 */
export async function changeClaims(
  { db, clock }: { db: Db; clock: Clock },
  id: string,
  claims: Record<string, unknown>,
): Promise<Account> {
  const accepted = parseStandardClaims(claims)
  return await inTransaction(db, async (tx) => {
    const account = await updateAccountClaims(tx, id, accepted, clock.now())
    if (!account) throw accountNotFound()
    await notifyChange(tx, 'account', id)
    return account
  })
}

import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../core/clock.ts'
import { withoutUndefined } from '../../core/unknown.ts'
import { type Origin, profileChanged } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import {
  accountNotFound,
  getAccountById,
  lockAccount,
  updateAccountProfile,
} from './account_store.ts'
import { parseStandardClaims } from './claims.ts'
import { assertSmall } from './profile/profile.ts'
import type { ProfileChange } from './profile/profile_fields.ts'

/**
 * Changes some of the standard claims and attributes and leaves the others as they are, whoever
 * changes those at the same time. The event names what is different now, and where nothing is there is
 * none.
 *
 * @param change its attributes fit the schema
 * @param tx the caller's transaction
 * @throws DomainError `not_found`, or `invalid_input` naming the claim that is not acceptable
 */
export async function changeProfile(
  { db, clock }: { db: Db; clock: Clock },
  accountId: string,
  change: ProfileChange,
  origin: Origin & { by?: string },
  tx?: Transaction,
): Promise<void> {
  const work = async (tx: Transaction): Promise<void> => {
    if (!(await lockAccount(tx, accountId))) throw accountNotFound()
    const { claims, attributes } = await getAccountById(tx, accountId)
    const fields = [
      ...differing(claims, change.claims),
      ...differing(attributes, change.attributes),
    ]
    if (fields.length === 0) return
    const changed = {
      claims: parseStandardClaims(withoutUndefined({ ...claims, ...change.claims })),
      attributes: withoutUndefined({ ...attributes, ...change.attributes }),
    }
    assertSmall(changed.attributes)
    await updateAccountProfile(tx, accountId, changed, clock.now())
    await appendEvent(tx, profileChanged({ accountId, fields, ...origin }))
    await notifyChange(tx, 'account', accountId)
  }
  await (tx ? work(tx) : inTransaction(db, work))
}

function differing(before: Record<string, unknown>, change: Record<string, unknown>): string[] {
  return Object.keys(change).filter((name) => !isDeepStrictEqual(before[name], change[name]))
}

import type { Clock } from '../../core/clock.ts'
import { type Origin, profileChanged } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import {
  accountNotFound,
  getAccountById,
  lockAccount,
  updateAccountClaims,
} from './account_store.ts'
import { parseStandardClaims } from './claims.ts'

/** Each by its claim name; undefined takes the claim away. */
export type ProfileChange = Record<string, string | undefined>

/**
 * Changes some of the standard claims and leaves the others as they are, whoever changes those at the
 * same time. The event names what is different now, and where nothing is there is none.
 *
 * @throws DomainError `not_found`, or `invalid_input` naming the claim that is not acceptable
 */
export async function changeProfile(
  { db, clock }: { db: Db; clock: Clock },
  accountId: string,
  change: ProfileChange,
  origin: Origin,
): Promise<void> {
  await inTransaction(db, async (tx) => {
    if (!(await lockAccount(tx, accountId))) throw accountNotFound()
    const { claims } = await getAccountById(tx, accountId)
    const fields = Object.keys(change).filter((name) => claims[name] !== change[name])
    if (fields.length === 0) return
    const accepted = parseStandardClaims(withoutUndefined({ ...claims, ...change }))
    await updateAccountClaims(tx, accountId, accepted, clock.now())
    await appendEvent(tx, profileChanged({ accountId, fields, ...origin }))
    await notifyChange(tx, 'account', accountId)
  })
}

function withoutUndefined(claims: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))
}

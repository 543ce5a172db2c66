import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../core/clock.ts'
import { DomainError } from '../../core/errors.ts'
import { withoutUndefined } from '../../core/unknown.ts'
import { type Origin, profileChanged } from '../../platform/events/catalogue.ts'
import { appendEvent, appendEvents } from '../../platform/events/outbox.ts'
import { notifyChange, notifyChanges } from '../../platform/persistence/change_feed.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import {
  type AccountProfile,
  accountNotFound,
  getAccountById,
  listProfilesForUpdate,
  lockAccount,
  updateAccountProfile,
  updateAccountProfiles,
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
    const changed = changedProfile(await getAccountById(tx, accountId), change)
    if (!changed) return
    await updateAccountProfile(tx, accountId, changed, clock.now())
    await appendEvent(tx, profileChanged({ accountId, fields: changed.fields, ...origin }))
    await notifyChange(tx, 'account', accountId)
  }
  await (tx ? work(tx) : inTransaction(db, work))
}

/**
 * The same for many at once, in as many statements as for one.
 *
 * @param changes by the id of the account; of one that is gone nothing becomes
 * @returns the ids of those who are different now, and of those whom the change would not fit
 */
export async function changeProfiles(
  tx: Transaction,
  changes: ReadonlyMap<string, ProfileChange>,
  { now, by }: { now: Date; by: string },
): Promise<{ changed: string[]; unfit: string[] }> {
  const changed: (AccountProfile & { fields: string[] })[] = []
  const unfit: string[] = []
  for (const before of await listProfilesForUpdate(tx, [...changes.keys()])) {
    const { id } = before
    try {
      const after = changedProfile(before, changes.get(id)!)
      if (after) changed.push({ id, ...after })
    } catch (error) {
      if (!(error instanceof DomainError)) throw error
      unfit.push(id)
    }
  }
  const ids = changed.map(({ id }) => id)
  if (ids.length === 0) return { changed: ids, unfit }
  await updateAccountProfiles(tx, changed, now)
  await appendEvents(
    tx,
    changed.map(({ id: accountId, fields }) => profileChanged({ accountId, fields, by })),
  )
  await notifyChanges(tx, 'account', ids)
  return { changed: ids, unfit }
}

type Kept = Pick<AccountProfile, 'claims' | 'attributes'>

/**
 * @returns undefined where nothing would be different
 * @throws DomainError `invalid_input` naming the claim that is not acceptable
 */
function changedProfile(
  { claims, attributes }: Kept,
  change: ProfileChange,
): (Kept & { fields: string[] }) | undefined {
  const fields = differingFields({ claims, attributes }, change)
  if (fields.length === 0) return undefined
  const changed = {
    claims: parseStandardClaims(withoutUndefined({ ...claims, ...change.claims })),
    attributes: withoutUndefined({ ...attributes, ...change.attributes }),
  }
  assertSmall(changed.attributes)
  return { ...changed, fields }
}

/** The names of what the change would make different. */
export function differingFields({ claims, attributes }: Kept, change: ProfileChange): string[] {
  return [...differing(claims, change.claims), ...differing(attributes, change.attributes)]
}

function differing(before: Record<string, unknown>, change: Record<string, unknown>): string[] {
  return Object.keys(change).filter((name) => !isDeepStrictEqual(before[name], change[name]))
}

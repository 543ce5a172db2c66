import { newId } from '../../core/ids.ts'
import { accountCreated, identityLinked } from '../../platform/events/catalogue.ts'
import { appendEvents } from '../../platform/events/outbox.ts'
import type { Transaction } from '../../platform/persistence/db.ts'
import { insertAccounts } from '../account_import/account_import_store.ts'
import { changeProfiles } from '../accounts/change_profile.ts'
import { byOf } from '../authentication/person_here.ts'
import type { Connection } from '../federation/connection.ts'
import type { LeftAlone, Newcomer, PagePlan } from './plan_page.ts'
import { insertSeenIdentities, markSeen } from './sync_person_store.ts'
import type { SyncCounts } from './sync_run_store.ts'

/** What a page of a directory means, made true. */

type Place = { connection: Connection; runId: string; now: Date }

/**
 * Accounts come before identities: a sign-in takes them in the same order, so that the two never wait for
 * each other.
 *
 * @returns the counts with those of the page
 * @throws DomainError `conflict` where somebody of it has signed in meanwhile: plan it again
 */
export async function storePage(
  tx: Transaction,
  place: Place,
  plan: PagePlan,
  counts: SyncCounts,
): Promise<SyncCounts> {
  const by = byOf(place.connection)
  const { changed, unfit } = await changeProfiles(tx, plan.changes, { now: place.now, by })
  const created = await createNewcomers(tx, place, plan.newcomers)
  await markSeen(tx, place.runId, plan.sightings)
  const left: LeftAlone[] = [
    ...plan.leftAlone,
    ...unfit.map(() => 'unfit' as const),
    // Somebody has taken the address, or the name, since the page was planned.
    ...Array.from({ length: plan.newcomers.length - created }, () => 'address_taken' as const),
  ]
  return addCounts(counts, { seen: plan.seen, created, changed: changed.length, left })
}

export function addCounts(
  counts: SyncCounts,
  page: { seen: number; created: number; changed: number; left: readonly LeftAlone[] },
): SyncCounts {
  const leftAlone = { ...counts.leftAlone }
  for (const reason of page.left) leftAlone[reason] = (leftAlone[reason] ?? 0) + 1
  return {
    ...counts,
    seen: counts.seen + page.seen,
    created: counts.created + page.created,
    changed: counts.changed + page.changed,
    leftAlone,
  }
}

/** @returns how many */
async function createNewcomers(
  tx: Transaction,
  { connection, runId, now }: Place,
  newcomers: readonly Newcomer[],
): Promise<number> {
  if (newcomers.length === 0) return 0
  const accounts = newcomers.map(({ account }) => account)
  const inserted = await insertAccounts(tx, accounts, now)
  const identities = newcomers
    .filter(({ account }) => inserted.has(account.id))
    .map(({ subject, shownAs, account }) => ({
      ...{ id: newId(now.getTime()), subject, accountId: account.id, shownAs },
    }))
  await insertSeenIdentities(tx, { connectionId: connection.id, runId, now }, identities)
  const fact = { connection: connection.name, by: 'created' }
  await appendEvents(
    tx,
    identities.flatMap(({ id: identityId, accountId }) => [
      accountCreated({ accountId, by: byOf(connection) }),
      identityLinked({ accountId, identityId, ...fact }),
    ]),
  )
  return identities.length
}

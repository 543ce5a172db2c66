import type { Clock } from '../../core/clock.ts'
import type { Origin } from '../../platform/events/catalogue.ts'
import { factorOfferPostponed } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import { findFactorOfferPostponedAt, postponeFactorOffer } from '../credentials/factor_store.ts'

/** A second factor that is offered, where the policy is `optional`: who says "not now" has a month. */
const POSTPONED_MS = 30 * 86_400_000

type Deps = { db: Db; clock: Clock }

export async function isFactorOfferPostponed(
  { db, clock }: Deps,
  accountId: string,
): Promise<boolean> {
  const at = await findFactorOfferPostponedAt(db, accountId)
  return at !== undefined && clock.now().getTime() < at.getTime() + POSTPONED_MS
}

/** "Not now." */
export async function postponeFactor(
  { db, clock }: Deps,
  { accountId, origin }: { accountId: string; origin: Origin },
): Promise<void> {
  await inTransaction(db, async (tx) => {
    await postponeFactorOffer(tx, accountId, clock.now())
    await appendEvent(tx, factorOfferPostponed({ accountId, ...origin }))
  })
}

import type { Clock } from '../../core/clock.ts'
import { accountExported, type Origin } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import { collectPersonalData, type PersonalData } from './collect_personal_data.ts'

/**
 * Hands out what is held about a person, and says so to the trail: whoever took it, its owner sees it.
 *
 * @throws DomainError `not_found`
 */
export async function exportPersonalData(
  { db, clock, keyring }: { db: Db; clock: Clock; keyring: Keyring },
  { accountId, by, origin = {} }: { accountId: string; by: string; origin?: Origin },
): Promise<PersonalData> {
  return await inTransaction(db, async (tx) => {
    const data = await collectPersonalData(tx, { accountId, keyring, now: clock.now() })
    await appendEvent(tx, accountExported({ accountId, by, ...origin }))
    return data
  })
}

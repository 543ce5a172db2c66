import type { Clock } from '../../core/clock.ts'
import { type Origin, signInSucceeded } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import { type Attempt, completeAttempt } from './attempt_store.ts'

/**
 * Says to the trail, once for each attempt, that somebody is signed in now: everything that was asked
 * for has been proven, and the engine is told.
 *
 * @returns false where that was said before
 */
export async function completeSignIn(
  { db, clock, keyring }: { db: Db; clock: Clock; keyring: Keyring },
  input: { interactionUid: string; clientId: string; attempt: Attempt; origin: Origin },
): Promise<boolean> {
  const { interactionUid, clientId, attempt, origin } = input
  const { accountId, acr, amr } = attempt
  return await inTransaction(db, async (tx) => {
    if (!(await completeAttempt(tx, keyring, interactionUid, clock.now()))) return false
    await appendEvent(tx, signInSucceeded({ accountId, clientId, acr, amr, ...origin }))
    return true
  })
}

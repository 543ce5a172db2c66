import type { Clock } from '../../core/clock.ts'
import { type Origin, signInSucceeded } from '../../platform/events/catalogue.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Db } from '../../platform/persistence/db.ts'
import { type Attempt, completeAttempt } from './attempt_store.ts'
import type { SignInRisk } from './risk/risk.ts'

/**
 * Says to the trail, once for each attempt, that somebody is signed in now: everything that was asked
 * for has been proven, and the engine is told.
 *
 * @returns false where that was said before
 */
export async function completeSignIn(
  {
    db,
    clock,
    keyring,
    risk,
  }: { db: Db; clock: Clock; keyring: Keyring; risk?: SignInRisk | undefined },
  input: {
    interactionUid: string
    clientId: string
    attempt: Attempt
    /** The browser has signed in to the account before. */
    knownDevice: boolean
    origin: Origin
  },
): Promise<boolean> {
  const { interactionUid, clientId, attempt, knownDevice, origin } = input
  const { accountId, acr, amr } = attempt
  const signals = attempt.risk?.signals
  const told = (newDevice: boolean) => {
    const fact = { accountId, clientId, acr, amr, newDevice, ...(signals ? { signals } : {}) }
    return signInSucceeded({ ...fact, ...origin })
  }
  return await completeAttempt(db, keyring, interactionUid, {
    now: clock.now(),
    from: risk?.placeOf(origin, accountId),
    // Whoever signs in for the first time has no device yet that could be another one.
    first: told(false),
    again: told(!knownDevice),
  })
}

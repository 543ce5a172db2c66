import type { Clock } from '../../core/clock.ts'
import { factorAccepted, type Origin } from '../../platform/events/catalogue.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { PasswordCredential } from '../credentials/password/password_store.ts'
import type { Method } from './assurance.ts'
import { type Attempt, upsertAttempt } from './attempt_store.ts'
import type { SignInRisk } from './risk/risk.ts'

/** Who has proven what, as far as another proof may be added to it. */
export type Proven = Pick<
  Attempt,
  'accountId' | 'methods' | 'remember' | 'authenticatedAt' | 'risk'
>

export type ProofDeps = {
  clock: Clock
  keyring: Keyring
  /** How long the proof stands until the interaction is finished. */
  attemptTtlS?: number
  /** Looks at a first proof; absent where nobody does. */
  risk?: SignInRisk | undefined
}

const ATTEMPT_TTL_S = 900

/**
 * Adds a proof to what the interaction holds, and says so to the trail. Whether it is right is the caller's.
 *
 * @param db the transaction in which the proof was spent; a password is not, and needs none
 * @returns false where the password that was checked, or its account, is another by now
 */
export async function recordProof(
  { clock, keyring, attemptTtlS = ATTEMPT_TTL_S, risk }: ProofDeps,
  db: Db,
  input: {
    interactionUid: string
    clientId: string
    /** What was proven before. */
    base: Proven
    method: Method
    /** The password that was checked, where that is the proof. */
    checked?: PasswordCredential
    /** Of a first proof that somebody may be found unusual by: the accounts this browser knows. */
    deviceKnownFor?: readonly string[] | undefined
    origin: Origin
  },
): Promise<boolean> {
  const { interactionUid, clientId, base, method, checked, deviceKnownFor, origin } = input
  const { accountId } = base
  const knownDevice = deviceKnownFor?.includes(accountId) ?? false
  const found =
    deviceKnownFor && (await risk?.assess(db, { accountId, clientId, method, knownDevice, origin }))
  const proven = {
    ...base,
    methods: [...new Set([...base.methods, method])],
    risk: found?.risk ?? base.risk,
    expiresAt: new Date(clock.now().getTime() + attemptTtlS * 1000),
  }
  const accepted = factorAccepted({ accountId, clientId, method, ...origin })
  const events = found ? [found.event, accepted] : [accepted]
  return await upsertAttempt(db, keyring, interactionUid, proven, events, checked)
}

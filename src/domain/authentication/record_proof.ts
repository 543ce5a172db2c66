import type { Clock } from '../../core/clock.ts'
import { factorAccepted, type Origin } from '../../platform/events/catalogue.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Transaction } from '../../platform/persistence/db.ts'
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

/** Adds a proof to what the interaction holds, and says so to the trail. Whether it is right is the caller's. */
export async function recordProof(
  { clock, keyring, attemptTtlS = ATTEMPT_TTL_S, risk }: ProofDeps,
  tx: Transaction,
  input: {
    interactionUid: string
    clientId: string
    /** What was proven before. */
    base: Proven
    method: Method
    /** Of a first proof that somebody may be found unusual by: the accounts this browser knows. */
    deviceKnownFor?: readonly string[] | undefined
    origin: Origin
  },
): Promise<Attempt> {
  const { interactionUid, clientId, base, method, deviceKnownFor, origin } = input
  const { accountId } = base
  const found =
    deviceKnownFor &&
    (await risk?.assess(tx, {
      accountId,
      clientId,
      method,
      knownDevice: deviceKnownFor.includes(accountId),
      origin,
    }))
  const proven = {
    ...base,
    methods: [...new Set([...base.methods, method])],
    risk: found ?? base.risk,
    expiresAt: new Date(clock.now().getTime() + attemptTtlS * 1000),
  }
  const event = factorAccepted({ accountId, clientId, method, ...origin })
  return await upsertAttempt(tx, keyring, interactionUid, proven, event)
}

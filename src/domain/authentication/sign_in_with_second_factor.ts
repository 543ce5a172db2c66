import type { Clock } from '../../core/clock.ts'
import { unreachable } from '../../core/errors.ts'
import {
  factorAccepted,
  type Origin,
  signInFailed,
  signInThrottled,
} from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import { lockActiveAccount } from '../accounts/account_store.ts'
import {
  reserveFactorTry,
  resetFactorTries,
  type SecondFactor,
} from '../credentials/factor_store.ts'
import {
  consumeRecoveryCode,
  recoveryCodeHash,
} from '../credentials/recovery_codes/verify_recovery_code.ts'
import { consumeTotpCode } from '../credentials/totp/verify_totp.ts'
import type { Method } from './assurance.ts'
import { countRefusedFactor, deleteAttempt, upsertAttempt } from './attempt_store.ts'

export type SecondFactorDeps = { db: Db; clock: Clock; keyring: Keyring; attemptTtlS?: number }

export type SecondFactorInput = {
  interactionUid: string
  clientId: string
  /** What was proven before, and by whom: in this interaction, or in the sign-in it builds upon. */
  base: { accountId: string; methods: readonly Method[]; remember: boolean; authenticatedAt: Date }
  kind: SecondFactor
  /** As it was typed. */
  code: string
  origin: Origin
}

export type SecondFactorResult =
  | { kind: 'accepted' }
  | { kind: 'refused' }
  /** Too many wrong ones in this attempt: the first factor has to be proven again. */
  | { kind: 'start_over' }
  | { kind: 'throttled' }

const ATTEMPT_TTL_S = 900
/** OWASP: a few tries for each challenge; what is counted of the account stays. */
const TRIES_PER_ATTEMPT = 5

/**
 * Adds a second factor to what was proven. A code is used up by being right, whatever follows; tries
 * are counted on the account before their end is known, and forgotten by a success of that kind only.
 */
export async function signInWithSecondFactor(
  deps: SecondFactorDeps,
  input: SecondFactorInput,
): Promise<SecondFactorResult> {
  const { db, clock } = deps
  const { accountId } = input.base
  const allowed = await reserveFactorTry(db, { accountId, kind: input.kind, now: clock.now() })
  if (!allowed) return await throttled(deps, input)
  const consume = await consumerOf(deps, input)
  const accepted = await inTransaction(db, async (tx) => {
    // The account first, as everybody does who works on it; and disabled meanwhile, it is nobody.
    if (!(await lockActiveAccount(tx, accountId)) || !(await consume(tx))) return false
    await record(deps, input, tx)
    return true
  })
  return accepted ? { kind: 'accepted' } : await refused(deps, input)
}

type Consume = (tx: Transaction) => Promise<boolean>

/** What is slow is done before the transaction, so that no row is held for it. */
async function consumerOf(deps: SecondFactorDeps, input: SecondFactorInput): Promise<Consume> {
  const { kind, code, base } = input
  const { accountId } = base
  const now = deps.clock.now()
  switch (kind) {
    case 'totp':
      return (tx) => consumeTotpCode(deps, tx, { accountId, code, now })
    case 'recovery_code': {
      const hash = await recoveryCodeHash(deps.db, accountId, code)
      return async (tx) => !!hash && (await consumeRecoveryCode(tx, { accountId, hash, now }))
    }
    default:
      return unreachable(kind)
  }
}

async function record(
  { clock, keyring, attemptTtlS = ATTEMPT_TTL_S }: SecondFactorDeps,
  { interactionUid, clientId, base, kind, origin }: SecondFactorInput,
  tx: Transaction,
): Promise<void> {
  const { accountId } = base
  await upsertAttempt(tx, keyring, interactionUid, {
    ...base,
    methods: [...new Set([...base.methods, kind])],
    expiresAt: new Date(clock.now().getTime() + attemptTtlS * 1000),
  })
  await resetFactorTries(tx, accountId, kind)
  await appendEvent(tx, factorAccepted({ accountId, clientId, method: kind, ...origin }))
}

async function refused(
  { db, keyring }: SecondFactorDeps,
  { interactionUid, clientId, base, kind, origin }: SecondFactorInput,
): Promise<SecondFactorResult> {
  const { accountId } = base
  await appendEvent(db, signInFailed({ accountId, clientId, reason: `wrong_${kind}`, ...origin }))
  const tries = await countRefusedFactor(db, keyring, interactionUid)
  if (tries < TRIES_PER_ATTEMPT) return { kind: 'refused' }
  await deleteAttempt(db, keyring, interactionUid)
  return { kind: 'start_over' }
}

async function throttled(
  { db }: SecondFactorDeps,
  { clientId, base, kind, origin }: SecondFactorInput,
): Promise<SecondFactorResult> {
  const { accountId } = base
  await appendEvent(db, signInThrottled({ accountId, clientId, limit: kind, ...origin }))
  return { kind: 'throttled' }
}

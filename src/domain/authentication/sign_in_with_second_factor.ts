import { unreachable } from '../../core/errors.ts'
import { type Origin, signInFailed, signInThrottled } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
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
import { countRefusedFactor, deleteAttempt } from './attempt_store.ts'
import { type ProofDeps, type Proven, recordProof } from './record_proof.ts'

export type SecondFactorDeps = ProofDeps & { db: Db }

export type SecondFactorInput = {
  interactionUid: string
  clientId: string
  /** What was proven before, and by whom: in this interaction, or in the sign-in it builds upon. */
  base: Proven
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
    await recordProof(deps, tx, { ...input, method: input.kind })
    await resetFactorTries(tx, accountId, input.kind)
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

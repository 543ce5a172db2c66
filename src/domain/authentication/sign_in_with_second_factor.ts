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
import type { AttestationPolicy } from '../credentials/webauthn/attestation_policy.ts'
import { type AssertionUse, verifyAssertion } from '../credentials/webauthn/verify_webauthn.ts'
import type { RelyingParty } from '../credentials/webauthn/webauthn.ts'
import { type Method, webAuthnMethod } from './assurance.ts'
import { countRefusedFactor, deleteAttempt } from './attempt_store.ts'
import { type ProofDeps, type Proven, recordProof } from './record_proof.ts'
import { matchSmsFactorCode, type SmsFactorDeps } from './sms_factor.ts'

export type SecondFactorDeps = ProofDeps & {
  db: Db
  jobs: SmsFactorDeps['jobs']
  /** Absent where browsers make no keys for this deployment. */
  relyingParty?: RelyingParty | undefined
  /** Absent where any authenticator may be enrolled. */
  passkeyAttestation?: AttestationPolicy | undefined
}

export type SecondFactorInput = {
  interactionUid: string
  clientId: string
  /** What was proven before, and by whom: in this interaction, or in the sign-in it builds upon. */
  base: Proven
  kind: SecondFactor
  /** As it was typed; of a key, what the browser sent. */
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
  const { method, consume, reason } = await proofOf(deps, input)
  const accepted = await inTransaction(db, async (tx) => {
    // The account first, as everybody does who works on it; and disabled meanwhile, it is nobody.
    if (!(await lockActiveAccount(tx, accountId)) || !(await consume(tx))) return false
    await recordProof(deps, tx, { ...input, method })
    await resetFactorTries(tx, accountId, input.kind)
    return true
  })
  return accepted ? { kind: 'accepted' } : await refused(deps, input, reason)
}

type Proof = {
  method: Method
  consume(tx: Transaction): Promise<boolean>
  /** For the trail, where it is known before. */
  reason?: string | undefined
}

/** What is slow is done before the transaction, so that no row is held for it. */
async function proofOf(deps: SecondFactorDeps, input: SecondFactorInput): Promise<Proof> {
  const { kind, code, base } = input
  const { accountId } = base
  const now = deps.clock.now()
  switch (kind) {
    case 'totp':
      return { method: kind, consume: (tx) => consumeTotpCode(deps, tx, { accountId, code, now }) }
    case 'recovery_code': {
      const hash = await recoveryCodeHash(deps.db, accountId, code)
      return {
        method: kind,
        consume: async (tx) => !!hash && (await consumeRecoveryCode(tx, { accountId, hash, now })),
      }
    }
    case 'sms': {
      const boundTo = smsFactorUse(input.interactionUid, accountId)
      const consume = await matchSmsFactorCode(deps, { accountId, boundTo, code })
      return { method: 'sms_code', consume: async (tx) => !!consume && (await consume(tx)) }
    }
    case 'webauthn':
      return await webAuthnProof(deps, input)
    default:
      return unreachable(kind)
  }
}

async function webAuthnProof(
  { relyingParty, ...deps }: SecondFactorDeps,
  { interactionUid, code, base: { accountId } }: SecondFactorInput,
): Promise<Proof> {
  const use = secondFactorUse(interactionUid, accountId)
  const result = relyingParty && (await verifyAssertion({ ...deps, relyingParty }, use, code))
  if (result?.kind !== 'verified') {
    return { method: 'security_key', consume: async () => false, reason: result?.reason }
  }
  const { credential, userVerified, inHardware, consume } = result
  const { backupEligible } = credential
  return { method: webAuthnMethod({ backupEligible, userVerified, inHardware }), consume }
}

/** What a code by SMS is good for where it is the second factor: this sign-in of this account. */
export function smsFactorUse(interactionUid: string, accountId: string): string {
  return `${interactionUid}:${accountId}`
}

/**
 * What a key is asked to sign where it is the second factor.
 *
 * @param inHardware whether nothing less will do
 */
export function secondFactorUse(
  interactionUid: string,
  accountId: string,
  inHardware = false,
): AssertionUse {
  return { purpose: 'second_factor', context: [interactionUid, accountId], accountId, inHardware }
}

async function refused(
  { db, keyring }: SecondFactorDeps,
  { interactionUid, clientId, base, kind, origin }: SecondFactorInput,
  reason = `wrong_${kind}`,
): Promise<SecondFactorResult> {
  const { accountId, methods: proven } = base
  await appendEvent(db, signInFailed({ accountId, clientId, reason, proven, ...origin }))
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

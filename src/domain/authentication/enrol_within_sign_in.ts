import { inTransaction } from '../../platform/persistence/db.ts'
import { lockActiveAccount } from '../accounts/account_store.ts'
import { confirmTotpEnrolment, type EnrolmentResult } from '../credentials/totp/enrol_totp.ts'
import {
  enrolWebAuthn,
  type WebAuthnDeps,
  type WebAuthnEnrolment,
  type WebAuthnEnrolmentInput,
} from '../credentials/webauthn/enrol_webauthn.ts'
import { webAuthnMethod } from './assurance.ts'
import { type ProofDeps, recordProof } from './record_proof.ts'
import type { SecondFactorDeps, SecondFactorInput } from './sign_in_with_second_factor.ts'

/**
 * Enrols an authenticator in the middle of a sign-in that wants a second factor. Its first code is
 * that factor: nobody is asked for another one a moment later.
 */
export async function enrolTotpWithinSignIn(
  deps: SecondFactorDeps,
  input: Omit<SecondFactorInput, 'kind'>,
): Promise<EnrolmentResult> {
  const { base, code, origin } = input
  const { accountId } = base
  const result = await confirmTotpEnrolment(deps, { accountId, code, origin })
  if (result.kind !== 'enrolled') return result
  await inTransaction(deps.db, async (tx) => {
    if (!(await lockActiveAccount(tx, accountId))) return
    await recordProof(deps, tx, { ...input, method: 'totp' })
  })
  return result
}

/**
 * The same with a passkey or security key: whoever made it has shown that they hold it.
 *
 * @param input `context` is what the options were made with
 */
export async function enrolWebAuthnWithinSignIn(
  deps: WebAuthnDeps & ProofDeps,
  input: Omit<SecondFactorInput, 'kind' | 'code'> & Omit<WebAuthnEnrolmentInput, 'accountId'>,
): Promise<WebAuthnEnrolment> {
  const { accountId } = input.base
  return await enrolWebAuthn(deps, { ...input, accountId }, async (tx, made) => {
    await recordProof(deps, tx, {
      ...input,
      method: webAuthnMethod({ ...made, inHardware: made.hardwareAttested }),
    })
  })
}

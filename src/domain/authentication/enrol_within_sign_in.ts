import { factorAccepted } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { inTransaction } from '../../platform/persistence/db.ts'
import { lockActiveAccount } from '../accounts/account_store.ts'
import { confirmTotpEnrolment, type EnrolmentResult } from '../credentials/totp/enrol_totp.ts'
import { upsertAttempt } from './attempt_store.ts'
import type { SecondFactorDeps, SecondFactorInput } from './sign_in_with_second_factor.ts'

/**
 * Enrols an authenticator in the middle of a sign-in that wants a second factor. Its first code is
 * that factor: nobody is asked for another one a moment later.
 */
export async function enrolTotpWithinSignIn(
  deps: SecondFactorDeps,
  input: Omit<SecondFactorInput, 'kind'>,
): Promise<EnrolmentResult> {
  const { interactionUid, clientId, base, code, origin } = input
  const { accountId } = base
  const result = await confirmTotpEnrolment(deps, { accountId, code, origin })
  if (result.kind !== 'enrolled') return result
  const { clock, keyring, attemptTtlS = 900 } = deps
  await inTransaction(deps.db, async (tx) => {
    if (!(await lockActiveAccount(tx, accountId))) return
    await upsertAttempt(tx, keyring, interactionUid, {
      ...base,
      methods: [...new Set([...base.methods, 'totp' as const])],
      expiresAt: new Date(clock.now().getTime() + attemptTtlS * 1000),
    })
    await appendEvent(tx, factorAccepted({ accountId, clientId, method: 'totp', ...origin }))
  })
  return result
}

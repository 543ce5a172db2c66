import { z } from 'zod'
import { DomainError } from '../../core/errors.ts'
import {
  factorRemoved,
  factorResetIssued,
  factorResetRefused,
  type Origin,
} from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import type { EndAccess } from '../accounts/account.ts'
import { lockActiveAccountToChange, updatePhoneFactor } from '../accounts/account_store.ts'
import { deleteFactorTries } from '../credentials/factor_store.ts'
import {
  type CodeDeps,
  consumeCode,
  makeCode,
  matchLink,
  payloadOf,
  requestCode,
} from '../credentials/one_time_code/one_time_code.ts'
import { findPassword } from '../credentials/password/password_store.ts'
import { deleteRecoveryCodes } from '../credentials/recovery_codes/recovery_code_store.ts'
import {
  deletePendingTotps,
  deleteTotp,
  listConfirmedTotps,
} from '../credentials/totp/totp_store.ts'
import {
  deleteWebAuthnCredential,
  listWebAuthnCredentials,
} from '../credentials/webauthn/webauthn_store.ts'
import { deleteTrustedDevicesOfAccount } from '../sessions/trusted_device_store.ts'

/**
 * For somebody who has lost every second factor: an operator who knows them hands over a link, and
 * with it they take away what they lost. It signs nobody in. The password is asked for afterwards as
 * ever, and new factors are set up by the person themselves: the operator never holds one.
 */
export type ResetFactorsDeps = CodeDeps & { db: Db }

const reset = z.object({ accountId: z.string() })

/**
 * Makes the link; one that was made before for the account is worth nothing any more.
 *
 * @returns the part of the address that is the secret
 * @throws DomainError `invalid_input` for an account without password, which could sign in by nothing
 */
export async function issueFactorReset(
  deps: ResetFactorsDeps,
  { accountId, ttlS, by }: { accountId: string; ttlS: number; by: string },
): Promise<{ link: string; expiresAt: Date }> {
  if (!(await findPassword(deps.db, accountId))) {
    throw new DomainError('invalid_input', 'The account has no password to sign in with.', {
      hint: 'Give it one first: authcore user set-password.',
    })
  }
  return await inTransaction(deps.db, async (tx) => {
    const asked = { purpose: 'reset_factors', boundTo: accountId, payload: { accountId } } as const
    const { id, expiresAt } = await requestCode(deps, tx, { ...asked, ttlS })
    const { link } = await makeCode(deps, tx, { id })
    const until = expiresAt.toISOString()
    await appendEvent(tx, factorResetIssued({ accountId, by, expiresAt: until }))
    return { link, expiresAt }
  })
}

export type FactorReset = { kind: 'reset' } | { kind: 'refused' }

/**
 * Takes away authenticators, passkeys, recovery codes and trusted browsers, and ends every session:
 * what was lost may be in somebody's hands. Each is told to the owner by its own event.
 */
export async function resetFactors(
  deps: ResetFactorsDeps & { endAccess: EndAccess },
  { link, origin }: { link: string; origin: Origin },
): Promise<FactorReset> {
  const { db, keyring } = deps
  const stored = await matchLink(deps, db, { purpose: 'reset_factors', link })
  const done = stored
    ? await inTransaction(db, async (tx) => {
        const { accountId } = payloadOf(keyring, stored, reset)
        if (!(await lockActiveAccountToChange(tx, accountId))) return false
        if (!(await consumeCode(tx, stored))) return false
        await removeAll(tx, { accountId, origin, now: deps.clock.now() })
        await deps.endAccess(tx, accountId)
        return true
      })
    : false
  if (done) return { kind: 'reset' }
  await appendEvent(db, factorResetRefused({ reason: 'wrong_link', ...origin }))
  return { kind: 'refused' }
}

async function removeAll(
  tx: Transaction,
  { accountId, origin, now }: { accountId: string; origin: Origin; now: Date },
): Promise<void> {
  const fact = { accountId, by: 'reset_link', ...origin }
  for (const { id } of await listConfirmedTotps(tx, accountId)) {
    await deleteTotp(tx, accountId, id)
    await appendEvent(tx, factorRemoved({ ...fact, factor: 'totp', factorId: id }))
  }
  for (const { id } of await listWebAuthnCredentials(tx, accountId)) {
    await deleteWebAuthnCredential(tx, { accountId, id })
    await appendEvent(tx, factorRemoved({ ...fact, factor: 'passkey', factorId: id }))
  }
  if (await deleteRecoveryCodes(tx, accountId)) {
    await appendEvent(tx, factorRemoved({ ...fact, factor: 'recovery_code' }))
  }
  if (await updatePhoneFactor(tx, accountId, { since: undefined, now })) {
    await appendEvent(tx, factorRemoved({ ...fact, factor: 'sms' }))
  }
  await deletePendingTotps(tx, accountId)
  await deleteFactorTries(tx, accountId)
  await deleteTrustedDevicesOfAccount(tx, accountId)
}

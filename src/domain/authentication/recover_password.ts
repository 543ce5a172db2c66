import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import {
  type Origin,
  passwordChanged,
  passwordRecoveryRefused,
  passwordRecoveryRequested,
} from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { JobQueue } from '../../platform/jobs/queue.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import type { Account, EndAccess } from '../accounts/account.ts'
import { findAccountById, lockActiveAccount } from '../accounts/account_store.ts'
import {
  consumeCode,
  matchCode,
  matchLink,
  payloadOf,
  requestCode,
} from '../credentials/one_time_code/one_time_code.ts'
import type { StoredCode } from '../credentials/one_time_code/one_time_code_store.ts'
import type { PasswordHasher } from '../credentials/password/password_hash.ts'
import type { PasswordPolicy, PasswordRefusal } from '../credentials/password/password_policy.ts'
import { upsertPassword } from '../credentials/password/password_store.ts'
import type { Connections } from '../federation/connections.ts'
import { endProofs } from './end_proofs.ts'
import { findPasswordKeeper } from './kept_password.ts'
import type { SignInLimits } from './sign_in_with_password.ts'

/**
 * A new password for somebody who forgot theirs (OWASP Forgot Password). It proves that they read the
 * account's mailbox and nothing else: it signs nobody in, and a second factor is asked for afterwards
 * as ever.
 */
export type RecoverDeps = {
  db: Db
  clock: Clock
  keyring: Keyring
  connections: Pick<Connections, 'all' | 'kindOf'>
  jobs: JobQueue
  passwords: Pick<PasswordHasher, 'hash'>
  passwordPolicy: PasswordPolicy
  /** Ends sessions and tokens of the account. */
  endAccess: EndAccess
  limits: Pick<SignInLimits, 'forget'>
}

const recovery = z.object({
  identifier: z.string(),
  locale: z.string(),
  interactionUid: z.string(),
})
export type Recovery = z.output<typeof recovery>

/**
 * Asks for a code and a link. Nothing here depends on whether there is such an account: that is found
 * out by the worker that sends the message.
 */
export async function beginRecovery(
  deps: RecoverDeps,
  input: Recovery & { clientId: string; origin: Origin },
): Promise<void> {
  const { identifier, locale, interactionUid, clientId, origin } = input
  await inTransaction(deps.db, async (tx) => {
    const { id } = await requestCode(deps, tx, {
      purpose: 'reset_password',
      boundTo: interactionUid,
      payload: { identifier, locale, interactionUid } satisfies Recovery,
    })
    await deps.jobs.send('deliver_code', { codeId: id }, { tx })
    await appendEvent(tx, passwordRecoveryRequested({ clientId, ...origin }))
  })
}

export function recoveryOf(keyring: Keyring, stored: StoredCode): Recovery {
  return payloadOf(keyring, stored, recovery)
}

export type RecoverInput = {
  password: string
  /** Ends every session and token of the account. */
  endOthers: boolean
  context: readonly string[]
  origin: Origin
} & (
  | { by: 'code'; code: string; interactionUid: string }
  /** Opened in whatever browser. */
  | { by: 'link'; link: string }
)

export type RecoverResult =
  | { kind: 'changed' }
  | { kind: 'refused' }
  | { kind: 'weak_password'; refusal: PasswordRefusal }

/**
 * Sets the password, once for each code or link. A password that is not taken uses up neither; every
 * other code and link of the account ends with it, and whatever was proven with the old password.
 */
export async function recoverPassword(
  deps: RecoverDeps,
  input: RecoverInput,
): Promise<RecoverResult> {
  const stored = await match(deps, input)
  const account = stored?.accountId && (await findAccountById(deps.db, stored.accountId))
  if (!stored || !account || (await findPasswordKeeper(deps, account.id))) {
    return await refused(deps, input)
  }
  const { username = '', email = '', phone = '' } = account
  const context = [username, email, phone, ...input.context]
  const verdict = await deps.passwordPolicy.check(input.password, context)
  if (verdict.kind === 'refused') return { kind: 'weak_password', refusal: verdict }
  const phc = await deps.passwords.hash(input.password)
  const changed = await inTransaction(deps.db, async (tx) => {
    const usable = (await lockActiveAccount(tx, account.id)) && (await consumeCode(tx, stored))
    if (usable) await change(deps, tx, { account, phc, endOthers: input.endOthers })
    return usable
  })
  if (!changed) return await refused(deps, input)
  await deps.limits.forget(account.id)
  return { kind: 'changed' }
}

async function match(deps: RecoverDeps, input: RecoverInput): Promise<StoredCode | undefined> {
  const purpose = 'reset_password'
  if (input.by === 'link') return await matchLink(deps, deps.db, { purpose, link: input.link })
  const { interactionUid: boundTo, code } = input
  return await matchCode(deps, deps.db, { purpose, boundTo, code })
}

async function change(
  deps: RecoverDeps,
  tx: Transaction,
  { account, phc, endOthers }: { account: Account; phc: string; endOthers: boolean },
): Promise<void> {
  const { id: accountId } = account
  await upsertPassword(tx, accountId, { phc, changedAt: deps.clock.now() })
  await appendEvent(tx, passwordChanged({ accountId, by: 'recovery' }))
  await endProofs(tx, accountId)
  if (endOthers) await deps.endAccess(tx, accountId)
}

async function refused({ db }: RecoverDeps, { by, origin }: RecoverInput): Promise<RecoverResult> {
  await appendEvent(db, passwordRecoveryRefused({ reason: `wrong_${by}`, ...origin }))
  return { kind: 'refused' }
}

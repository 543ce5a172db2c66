import type { Clock } from '../../../core/clock.ts'
import { passwordChanged } from '../../../platform/events/catalogue.ts'
import { appendEvent } from '../../../platform/events/outbox.ts'
import { type Db, inTransaction, type Transaction } from '../../../platform/persistence/db.ts'
import type { EndAccess } from '../../accounts/account.ts'
import { getAccountById } from '../../accounts/account_store.ts'
import type { PasswordHasher } from './password_hash.ts'
import {
  OFFLINE_POLICY,
  type PasswordPolicy,
  type PasswordRefusal,
  refusalError,
} from './password_policy.ts'
import { upsertPassword } from './password_store.ts'

export type SetPasswordDeps = {
  db: Db
  clock: Clock
  passwords: Pick<PasswordHasher, 'hash'>
  policy?: PasswordPolicy
  /** Ends what was begun with the password of before. */
  endProofs(tx: Transaction, accountId: string): Promise<void>
}

export type SetPasswordInput = {
  accountId: string
  password: string
  /** Words of the house that a password must not contain. */
  context?: readonly string[]
  by?: string
  /** Ends the sessions and tokens of the account in the same transaction. */
  endAccess?: EndAccess
}

/**
 * Gives the account a password in the place of any other. Whether whoever asks may do so is decided
 * before: by the old password, a reset link or an operator's right.
 *
 * @param tx the caller's transaction. Hashing, and asking a breach service, happen within: where that
 *   is too long for it, let the policy check first.
 * @throws DomainError `not_found`, `unavailable`
 */
export async function choosePassword(
  deps: SetPasswordDeps,
  { accountId, password, context = [], by, endAccess }: SetPasswordInput,
  tx?: Transaction,
): Promise<{ kind: 'set' } | PasswordRefusal> {
  const account = await getAccountById(tx ?? deps.db, accountId)
  const { username = '', email = '', phone = '' } = account
  const { policy = OFFLINE_POLICY } = deps
  const verdict = await policy.check(password, [username, email, phone, ...context])
  if (verdict.kind === 'refused') return verdict
  const phc = await deps.passwords.hash(password)
  const set = async (tx: Transaction): Promise<void> => {
    await upsertPassword(tx, accountId, { phc, changedAt: deps.clock.now() })
    await appendEvent(tx, passwordChanged({ accountId, ...(by ? { by } : {}) }))
    await deps.endProofs(tx, accountId)
    await endAccess?.(tx, accountId)
  }
  await (tx ? set(tx) : inTransaction(deps.db, set))
  return { kind: 'set' }
}

/**
 * The same for those who can only give up, such as a command.
 *
 * @throws DomainError `not_found`, `invalid_input` with the reason, `unavailable`
 */
export async function setPassword(
  deps: SetPasswordDeps,
  input: SetPasswordInput,
  tx?: Transaction,
): Promise<void> {
  const result = await choosePassword(deps, input, tx)
  if (result.kind === 'refused') throw refusalError(result)
}

import {
  factorAdded,
  factorRemoved,
  type Origin,
  secondFactorCodeSent,
} from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import type { Account } from '../accounts/account.ts'
import { lockActiveAccountToChange, updatePhoneFactor } from '../accounts/account_store.ts'
import {
  consumeCode,
  groupedCode,
  makeCode,
  matchCode,
  requestCode,
} from '../credentials/one_time_code/one_time_code.ts'
import { type QueueDeps, queueMessage } from '../messaging/queue_message.ts'

/**
 * Codes by SMS as a further factor: a restricted authenticator (NIST SP 800-63B-4 §3.2.9), because
 * numbers are ported and messages read by others. So it is on only where its owner turned it on, and
 * stands beside another factor unless the deployment says otherwise.
 */
export type SmsFactorDeps = QueueDeps & { db: Db }

/** @returns false where it was so already, or the number is not proven */
export async function setSmsFactor(
  { db, clock }: Pick<SmsFactorDeps, 'db' | 'clock'>,
  { accountId, on, origin }: { accountId: string; on: boolean; origin: Origin },
): Promise<boolean> {
  const now = clock.now()
  return await inTransaction(db, async (tx) => {
    if (!(await lockActiveAccountToChange(tx, accountId))) return false
    const since = on ? now : undefined
    if (!(await updatePhoneFactor(tx, accountId, { since, now }))) return false
    const fact = { accountId, factor: 'sms', by: 'owner', ...origin }
    await appendEvent(tx, on ? factorAdded(fact) : factorRemoved(fact))
    return true
  })
}

/** Sends a code to the account's number; the one before is worth nothing any more. */
export async function sendSmsFactorCode(
  deps: SmsFactorDeps,
  input: { account: Account & { phone: string }; boundTo: string; locale: string; origin: Origin },
): Promise<void> {
  const { account, boundTo, locale, origin } = input
  const { id: accountId, phone: recipient } = account
  await inTransaction(deps.db, async (tx) => {
    const payload = { accountId }
    const { id, expiresAt } = await requestCode(deps, tx, {
      purpose: 'second_factor',
      boundTo,
      payload,
    })
    const { code } = await makeCode(deps, tx, { id, accountId })
    await queueMessage(deps, tx, {
      kind: 'second_factor_code',
      recipient,
      accountId,
      locale,
      fields: { code: groupedCode(code) },
      expiresAt,
    })
    await appendEvent(tx, secondFactorCodeSent({ accountId, ...origin }))
  })
}

/** @returns how the code is used up, once; undefined where it is wrong, or another account's */
export async function matchSmsFactorCode(
  deps: SmsFactorDeps,
  { accountId, boundTo, code }: { accountId: string; boundTo: string; code: string },
): Promise<((tx: Transaction) => Promise<boolean>) | undefined> {
  const stored = await matchCode(deps, deps.db, { purpose: 'second_factor', boundTo, code })
  return stored?.accountId === accountId ? (tx) => consumeCode(tx, stored) : undefined
}

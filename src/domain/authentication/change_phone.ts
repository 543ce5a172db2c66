import { z } from 'zod'
import { DomainError } from '../../core/errors.ts'
import {
  factorRemoved,
  type Origin,
  phoneChanged,
  phoneChangeRefused,
  phoneChangeRequested,
} from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { JobQueue } from '../../platform/jobs/queue.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import type { Account } from '../accounts/account.ts'
import {
  getAccountById,
  lockActiveAccountToChange,
  updateAccountPhone,
} from '../accounts/account_store.ts'
import { canonicalPhone, maskedPhone } from '../accounts/identifier.ts'
import { payloadOf } from '../credentials/one_time_code/one_time_code.ts'
import {
  deleteOtherCodesOfAccount,
  type StoredCode,
} from '../credentials/one_time_code/one_time_code_store.ts'
import { type QueueDeps, queueMessage } from '../messaging/queue_message.ts'
import { askForChange, findPendingChange, takeChange } from './change_by_code.ts'

/**
 * The telephone number of an account, which is a name to sign in with. It is the account's when a code
 * that went there was typed in the session that asked, and not before.
 */
export type ChangePhoneDeps = QueueDeps & {
  jobs: JobQueue
  db: Db
  /** Whose numbers may be typed as they are dialled there. */
  phoneCountry: string | undefined
  /** Whether this deployment writes to the country of the number. */
  mayText(phone: string): boolean
}

const purpose = 'change_phone'

const pendingChange = z.object({ accountId: z.string(), phone: z.string(), locale: z.string() })
export type PendingPhoneChange = z.output<typeof pendingChange>

export type PhoneChangeBegun =
  | { kind: 'code_sent' }
  | { kind: 'refused'; reason: 'unusable_phone' | 'other_country' | 'unchanged' }

/** The same answer and the same work whether the number is somebody else's or nobody's. */
export async function beginPhoneChange(
  deps: ChangePhoneDeps,
  input: { account: Account; phone: string; sessionUid: string; locale: string; origin: Origin },
): Promise<PhoneChangeBegun> {
  const { account, sessionUid, locale, origin } = input
  const { id: accountId } = account
  const phone = canonicalPhone(input.phone, deps.phoneCountry)
  if (phone === undefined) return { kind: 'refused', reason: 'unusable_phone' }
  if (!deps.mayText(phone)) return { kind: 'refused', reason: 'other_country' }
  if (phone === account.phone && account.phoneVerified) {
    return { kind: 'refused', reason: 'unchanged' }
  }
  const payload: PendingPhoneChange = { accountId, phone, locale }
  const requested = phoneChangeRequested({ accountId, ...origin })
  await askForChange(deps, { purpose, sessionUid }, { payload, requested })
  return { kind: 'code_sent' }
}

/** The change that waits for its code in this session. */
export async function findPendingPhoneChange(
  deps: Pick<ChangePhoneDeps, 'db' | 'clock' | 'keyring'>,
  person: { accountId: string; sessionUid: string },
): Promise<PendingPhoneChange | undefined> {
  return await findPendingChange(deps, { ...person, purpose }, (stored) =>
    phoneChangeOf(deps.keyring, stored),
  )
}

export function phoneChangeOf(keyring: Keyring, stored: StoredCode): PendingPhoneChange {
  return payloadOf(keyring, stored, pendingChange)
}

export type PhoneChangeResult = { kind: 'changed' } | { kind: 'refused' }

/** A number that somebody else has taken meanwhile is refused like a wrong code. */
export async function completePhoneChange(
  deps: ChangePhoneDeps,
  input: { accountId: string; sessionUid: string; code: string; origin: Origin },
): Promise<PhoneChangeResult> {
  const { accountId, origin } = input
  const result = await takeChange(
    deps,
    { ...input, purpose },
    (stored) => phoneChangeOf(deps.keyring, stored),
    async (tx, { phone, locale }) => {
      const account = await getAccountById(tx, accountId)
      await change(deps, tx, { account, phone, locale, origin })
    },
  )
  if (result === 'changed') return { kind: 'changed' }
  const reason = result === 'taken' ? 'number_taken' : result
  await appendEvent(deps.db, phoneChangeRefused({ accountId, reason, ...origin }))
  return { kind: 'refused' }
}

/**
 * Takes the number from the account.
 *
 * @throws DomainError `conflict` where it is the only name that the account signs in with
 */
export async function removePhone(
  deps: ChangePhoneDeps,
  { accountId, locale, origin }: { accountId: string; locale: string; origin: Origin },
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    if (!(await lockActiveAccountToChange(tx, accountId))) return
    const account = await getAccountById(tx, accountId)
    if (account.phone === undefined) return
    if (account.username === undefined && account.email === undefined) {
      throw new DomainError('conflict', 'This is the only name that the account signs in with.')
    }
    await change(deps, tx, { account, phone: undefined, locale, origin })
  })
}

/** Codes that went to the old number are worth nothing from then on, and it stands as no factor. */
async function change(
  deps: ChangePhoneDeps,
  tx: Transaction,
  input: { account: Account; phone: string | undefined; locale: string; origin: Origin },
): Promise<void> {
  const { account, phone, locale, origin } = input
  const { id: accountId } = account
  await updateAccountPhone(tx, accountId, { phone, now: deps.clock.now() })
  await deleteOtherCodesOfAccount(tx, { accountId })
  await appendEvent(tx, phoneChanged({ accountId, by: 'owner', ...origin }))
  if (account.phoneFactorSince) {
    await appendEvent(tx, factorRemoved({ accountId, factor: 'sms', by: 'owner', ...origin }))
  }
  await notifyChange(tx, 'account', accountId)
  // A number that nobody had proven may be anybody's.
  if (account.phone === undefined || !account.phoneVerified || account.phone === phone) return
  await queueMessage(deps, tx, {
    kind: 'phone_changed',
    channel: 'sms',
    recipient: account.phone,
    accountId,
    locale,
    fields: phone === undefined ? {} : { newPhoneMasked: maskedPhone(phone) },
  })
}

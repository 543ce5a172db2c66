import { z } from 'zod'
import {
  emailChanged,
  emailChangeRefused,
  emailChangeRequested,
  type Origin,
} from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { JobQueue } from '../../platform/jobs/queue.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import type { Account, EndAccess } from '../accounts/account.ts'
import {
  findAccountById,
  getAccountById,
  lockActiveAccountToChange,
  updateAccountEmail,
} from '../accounts/account_store.ts'
import { conflictingIdentifier } from '../accounts/create_account.ts'
import { canonicalEmail, maskedEmail, presentable } from '../accounts/identifier.ts'
import {
  consumeCode,
  makeCode,
  matchLink,
  payloadOf,
  requestCode,
} from '../credentials/one_time_code/one_time_code.ts'
import {
  deleteOtherCodesOfAccount,
  type StoredCode,
} from '../credentials/one_time_code/one_time_code_store.ts'
import type { Connection } from '../federation/connection.ts'
import type { Connections } from '../federation/connections.ts'
import { type QueueDeps, queueMessage } from '../messaging/queue_message.ts'
import { askForChange, findPendingChange, takeChange } from './change_by_code.ts'
import { findPasswordKeeper } from './kept_password.ts'

/**
 * Another e-mail address for an account. It is the account's when somebody has read a mail there and
 * not before; until then mails, sign-in and recovery go by the old one. The old one is told, with a
 * link that takes the change back: whoever changed it may not have been its owner.
 */
export type ChangeEmailDeps = QueueDeps & {
  jobs: JobQueue
  db: Db
  /** Whether there is a way to send SMS. */
  sendsSms: boolean
}

const purpose = 'change_email'

const pendingChange = z.object({
  accountId: z.string(),
  email: z.string(),
  canonical: z.string(),
  locale: z.string(),
})
export type PendingEmailChange = z.output<typeof pendingChange>

const pendingRevert = z.object({ accountId: z.string(), email: z.string(), canonical: z.string() })

/** Long enough for somebody who is away for a week to find the mail. */
const REVERT_TTL_S = 7 * 86_400

export type EmailChangeBegun =
  | { kind: 'code_sent' }
  | { kind: 'refused'; reason: 'unusable_email' | 'unchanged' }

/** The same answer and the same work whether the address is somebody else's or nobody's. */
export async function beginEmailChange(
  deps: ChangeEmailDeps,
  input: { account: Account; email: string; sessionUid: string; locale: string; origin: Origin },
): Promise<EmailChangeBegun> {
  const { account, sessionUid, locale, origin } = input
  const { id: accountId } = account
  const canonical = canonicalEmail(input.email)
  const email = presentable(input.email)
  if (!canonical || !email) return { kind: 'refused', reason: 'unusable_email' }
  const before = account.email === undefined ? undefined : canonicalEmail(account.email)
  // Proving the address that one has is a change too, where it was never proven.
  if (before === canonical && account.emailVerified && account.email === email) {
    return { kind: 'refused', reason: 'unchanged' }
  }
  const payload: PendingEmailChange = { accountId, email, canonical, locale }
  const requested = emailChangeRequested({ accountId, ...origin })
  await askForChange(deps, { purpose, sessionUid }, { payload, requested })
  return { kind: 'code_sent' }
}

/** The change that waits for its code in this session. */
export async function findPendingEmailChange(
  deps: Pick<ChangeEmailDeps, 'db' | 'clock' | 'keyring'>,
  person: { accountId: string; sessionUid: string },
): Promise<PendingEmailChange | undefined> {
  return await findPendingChange(deps, { ...person, purpose }, (stored) =>
    emailChangeOf(deps.keyring, stored),
  )
}

export function emailChangeOf(keyring: Keyring, stored: StoredCode): PendingEmailChange {
  return payloadOf(keyring, stored, pendingChange)
}

export type EmailChangeResult = { kind: 'changed' } | { kind: 'refused' }

/**
 * Makes the address the account's, proven. One that somebody else has taken meanwhile is refused like
 * a wrong code. Codes and links that went to the old address are worth nothing from then on.
 *
 * @param revertUri where the link that goes to the old address leads; `link` is added to it
 */
export async function completeEmailChange(
  deps: ChangeEmailDeps,
  input: {
    accountId: string
    sessionUid: string
    code: string
    revertUri: string
    origin: Origin
  },
): Promise<EmailChangeResult> {
  const { accountId, origin } = input
  const result = await takeChange(
    deps,
    { ...input, purpose },
    (stored) => emailChangeOf(deps.keyring, stored),
    (tx, pending) => change(deps, tx, { ...input, pending }),
  )
  if (result === 'changed') return { kind: 'changed' }
  const reason = result === 'taken' ? 'address_taken' : result
  await appendEvent(deps.db, emailChangeRefused({ accountId, reason, ...origin }))
  return { kind: 'refused' }
}

async function change(
  deps: ChangeEmailDeps,
  tx: Transaction,
  {
    accountId,
    pending,
    revertUri,
    origin,
  }: { accountId: string; pending: PendingEmailChange; revertUri: string; origin: Origin },
): Promise<void> {
  const before = await getAccountById(tx, accountId)
  const { email, canonical, locale } = pending
  await updateAccountEmail(tx, accountId, { email, canonical, now: deps.clock.now() })
  await deleteOtherCodesOfAccount(tx, { accountId })
  await appendEvent(tx, emailChanged({ accountId, by: 'owner', ...origin }))
  await notifyChange(tx, 'account', accountId)
  await tellByPhone(deps, tx, before, pending)
  const old = before.email
  const oldCanonical = old === undefined ? undefined : canonicalEmail(old)
  // An address that nobody had proven may be anybody's.
  if (!old || !oldCanonical || !before.emailVerified || oldCanonical === canonical) return
  const { id } = await requestCode(deps, tx, {
    purpose: 'revert_email',
    // Each change has a link of its own: a second one does not take the first one's away.
    boundTo: `${accountId}:${oldCanonical}:${deps.clock.now().toISOString()}`,
    payload: { accountId, email: old, canonical: oldCanonical },
    ttlS: REVERT_TTL_S,
  })
  const { link } = await makeCode(deps, tx, { id })
  await queueMessage(deps, tx, {
    kind: 'email_changed',
    recipient: old,
    accountId,
    locale,
    fields: {
      newEmailMasked: maskedEmail(email),
      link: `${revertUri}?${new URLSearchParams({ link })}`,
    },
  })
}

/** Another way to hear of it, for whoever no longer reads the old address. */
async function tellByPhone(
  deps: ChangeEmailDeps,
  tx: Transaction,
  { id: accountId, phone, phoneVerified }: Account,
  { email, locale }: PendingEmailChange,
): Promise<void> {
  if (!deps.sendsSms || phone === undefined || !phoneVerified) return
  await queueMessage(deps, tx, {
    kind: 'email_changed',
    channel: 'sms',
    recipient: phone,
    accountId,
    locale,
    fields: { newEmailMasked: maskedEmail(email) },
  })
}

export type EmailReverted =
  /** `resetLink` is good for a new password, as if it had come by mail. */
  | { kind: 'reverted'; resetLink: string }
  /** The same, where a directory keeps the password. */
  | { kind: 'reverted'; keeper: Connection }
  | { kind: 'refused' }

/**
 * Gives the account its old address back: whoever reads mail there says that the change was not
 * theirs. Every session and token ends, and a new password can be chosen at once.
 */
export async function revertEmailChange(
  deps: ChangeEmailDeps & {
    endAccess: EndAccess
    connections: Pick<Connections, 'all' | 'kindOf'>
  },
  { link, origin }: { link: string; origin: Origin },
): Promise<EmailReverted> {
  const { db, keyring, clock } = deps
  const stored = await matchLink(deps, db, { purpose: 'revert_email', link })
  const before = stored && payloadOf(keyring, stored, pendingRevert)
  const account = before && (await findAccountById(db, before.accountId))
  if (!stored || !before || !account) return { kind: 'refused' }
  const { accountId, email, canonical } = before
  try {
    return await inTransaction<EmailReverted>(db, async (tx) => {
      if (!(await lockActiveAccountToChange(tx, accountId))) return { kind: 'refused' }
      if (!(await consumeCode(tx, stored))) return { kind: 'refused' }
      await updateAccountEmail(tx, accountId, { email, canonical, now: clock.now() })
      await deps.endAccess(tx, accountId)
      await appendEvent(tx, emailChanged({ accountId, by: 'revert', ...origin }))
      await notifyChange(tx, 'account', accountId)
      const keeper = await findPasswordKeeper({ ...deps, db: tx }, accountId)
      if (keeper) return { kind: 'reverted', keeper }
      const payload = { identifier: email, locale: '', interactionUid: '' }
      const asked = { purpose: 'reset_password', boundTo: link, payload } as const
      const { id } = await requestCode(deps, tx, asked)
      const reset = await makeCode(deps, tx, { id, accountId })
      return { kind: 'reverted', resetLink: reset.link }
    })
  } catch (error) {
    // Somebody else has it now: two people cannot have one address.
    if (conflictingIdentifier(error) === undefined) throw error
    return { kind: 'refused' }
  }
}

import { z } from 'zod'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import type { Account } from '../accounts/account.ts'
import { findAccountById, findAccountByIdentifier } from '../accounts/account_store.ts'
import { classifyIdentifier, type IdentifierKind } from '../accounts/identifier.ts'
import { groupedCode, makeCode } from '../credentials/one_time_code/one_time_code.ts'
import {
  lockOneTimeCode,
  type StoredCode,
} from '../credentials/one_time_code/one_time_code_store.ts'
import { type Connections, titleOf } from '../federation/connections.ts'
import type { Channel } from '../messaging/kinds.ts'
import { type QueueDeps, queueMessage } from '../messaging/queue_message.ts'
import { emailChangeOf } from './change_email.ts'
import { phoneChangeOf } from './change_phone.ts'
import { findPasswordKeeper } from './kept_password.ts'
import { recoveryOf } from './recover_password.ts'
import { confirmationOf } from './risk/confirm_by_mail.ts'
import { emailSignInOf } from './sign_in_by_email.ts'
import { signUpAddress, signUpOf } from './sign_up.ts'

/**
 * The half of a request for a code that nobody waits for: whether there is anybody to write to, the
 * code itself, and the message. It is a job, so that the half that somebody waits for cannot tell.
 */
export type DeliverCodeDeps = QueueDeps & {
  db: Db
  issuer: string
  connections: Connections
  /** The ways by which messages leave. */
  channels: ReadonlySet<Channel>
  /** What a mail to sign in by carries; `off` where mails sign nobody in. */
  emailSignIn: 'off' | 'code' | 'link'
  /** Whether a code by SMS signs in. */
  smsSignIn: boolean
  /** Whose numbers may be typed as they are dialled there. */
  phoneCountry: string | undefined
  /** Whether this deployment writes to the country of the number. */
  mayText(phone: string): boolean
  /** Counts a code to this mailbox; false where it got too many already. */
  mayIssue(recipient: string): Promise<boolean>
}

export async function deliverCode(deps: DeliverCodeDeps, codeId: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const stored = await lockOneTimeCode(tx, codeId, deps.clock.now())
    // It was made by an attempt of this job whose end was not heard, or is too old, or was replaced.
    if (!stored || stored.codeHash) return
    switch (
      z
        .enum([
          'sign_up',
          'sign_in',
          'confirm_sign_in',
          'reset_password',
          'change_email',
          'change_phone',
        ])
        .parse(stored.purpose)
    ) {
      case 'sign_up':
        return await deliverSignUp(deps, tx, stored)
      case 'sign_in':
        return await deliverSignIn(deps, tx, stored)
      case 'confirm_sign_in':
        return await deliverConfirmation(deps, tx, stored)
      case 'reset_password':
        return await deliverReset(deps, tx, stored)
      case 'change_email':
        return await deliverEmailChange(deps, tx, stored)
      case 'change_phone':
        return await deliverPhoneChange(deps, tx, stored)
    }
  })
}

async function deliverSignUp(
  deps: DeliverCodeDeps,
  tx: Transaction,
  stored: StoredCode,
): Promise<void> {
  const { keyring, issuer } = deps
  const pending = signUpOf(keyring, stored)
  const { locale, interactionUid, client } = pending
  const { kind, shown: recipient, canonical } = signUpAddress(pending)
  const channel = kind === 'phone' ? 'sms' : 'email'
  const owner = await findAccountByIdentifier(tx, { kind, canonical })
  if (owner) return await tellOwner(deps, tx, owner, { channel, recipient, locale })
  if (!(await deps.mayIssue(canonical))) return
  const { code } = await makeCode(deps, tx, { id: stored.id, channel })
  if (channel === 'sms') {
    const fields = { code: groupedCode(code) }
    return await queueMessage(deps, tx, { kind: 'verify_phone', recipient, locale, fields })
  }
  // Only this browser can use the code; elsewhere the page shows it, to be typed in here.
  const link = `${issuer}/interaction/${interactionUid}/verify_email?code=${code}`
  const fields = { code: groupedCode(code), link, client }
  await queueMessage(deps, tx, { kind: 'verify_email', recipient, locale, fields })
}

async function deliverSignIn(
  deps: DeliverCodeDeps,
  tx: Transaction,
  stored: StoredCode,
): Promise<void> {
  const { keyring, issuer } = deps
  const asked = emailSignInOf(keyring, stored)
  const identifier = classifyIdentifier(asked.identifier, deps.phoneCountry)
  const account = identifier && (await findAccountByIdentifier(tx, identifier))
  const way = account && wayIn(deps, account, identifier.kind)
  if (!account || !way || !(await deps.mayIssue(account.id))) return
  const { channel, recipient } = way
  const { code } = await makeCode(deps, tx, { id: stored.id, accountId: account.id, channel })
  const to = {
    channel,
    recipient,
    accountId: account.id,
    locale: localeOf(account, asked.locale),
  }
  if (channel === 'sms' || deps.emailSignIn === 'code') {
    const fields = { code: groupedCode(code) }
    return await queueMessage(deps, tx, { kind: 'sign_in_code', ...to, fields })
  }
  const link = `${issuer}/interaction/${asked.interactionUid}/email_code?code=${code}`
  await queueMessage(deps, tx, { kind: 'magic_link', ...to, fields: { link } })
}

/** To whoever owns the account that is being signed in to in an unusual way. */
async function deliverConfirmation(
  deps: DeliverCodeDeps,
  tx: Transaction,
  stored: StoredCode,
): Promise<void> {
  const { accountId, locale } = confirmationOf(deps.keyring, stored)
  const account = await findAccountById(tx, accountId)
  const way = account && mailWay(deps, account)
  // What strangers ask for in the name of the account does not count against whoever proved a factor.
  if (!account || !way) return
  const { code } = await makeCode(deps, tx, { id: stored.id, accountId })
  await queueMessage(deps, tx, {
    kind: 'second_factor_code',
    ...way,
    accountId,
    locale: localeOf(account, locale),
    fields: { code: groupedCode(code) },
  })
}

/** To the new address, which has to be read in the session that asked. */
async function deliverEmailChange(
  deps: DeliverCodeDeps,
  tx: Transaction,
  stored: StoredCode,
): Promise<void> {
  const { keyring, issuer } = deps
  const { accountId, email: recipient, canonical, locale } = emailChangeOf(keyring, stored)
  const owner = await findAccountByIdentifier(tx, { kind: 'email', canonical })
  if (owner && owner.id !== accountId) {
    return await tellOwner(deps, tx, owner, { recipient, locale })
  }
  if (!(await deps.mayIssue(canonical))) return
  const { code } = await makeCode(deps, tx, { id: stored.id, accountId })
  const link = `${issuer}/account/profile/email?code=${code}`
  const fields = { code: groupedCode(code), link }
  await queueMessage(deps, tx, { kind: 'verify_email', recipient, locale, fields })
}

/** Somebody wants an address that is somebody's already. */
async function tellOwner(
  deps: DeliverCodeDeps,
  tx: Transaction,
  owner: Account,
  { channel = 'email', recipient, locale }: Partial<Way> & { recipient: string; locale: string },
): Promise<void> {
  await queueMessage(deps, tx, {
    kind: 'already_registered',
    channel,
    recipient: (channel === 'email' ? owner.email : undefined) ?? recipient,
    accountId: owner.id,
    locale: localeOf(owner, locale),
    fields: { link: `${deps.issuer}/` },
  })
}

async function deliverReset(
  deps: DeliverCodeDeps,
  tx: Transaction,
  stored: StoredCode,
): Promise<void> {
  const { keyring, issuer } = deps
  const asked = recoveryOf(keyring, stored)
  const identifier = classifyIdentifier(asked.identifier, deps.phoneCountry)
  const account = identifier && (await findAccountByIdentifier(tx, identifier))
  // By SMS only where there is no mailbox: whoever takes a number over should not get the account.
  const way = account && (mailWay(deps, account) ?? smsWay(deps, account))
  if (!account || !way || !(await deps.mayIssue(account.id))) return
  const to = { ...way, accountId: account.id, locale: localeOf(account, asked.locale) }
  const keeper = await findPasswordKeeper({ ...deps, db: tx }, account.id)
  if (keeper) {
    const fields = { source: titleOf(deps.connections, keeper) }
    return await queueMessage(deps, tx, { kind: 'password_kept', ...to, fields })
  }
  const { channel } = way
  const { code, link } = await makeCode(deps, tx, { id: stored.id, accountId: account.id, channel })
  await queueMessage(deps, tx, {
    kind: 'reset_password',
    ...to,
    fields: {
      code: groupedCode(code),
      link: `${issuer}/reset_password?${new URLSearchParams({ link })}`,
    },
  })
}

/** The number that is to be proven, which has to be typed in the session that asked. */
async function deliverPhoneChange(
  deps: DeliverCodeDeps,
  tx: Transaction,
  stored: StoredCode,
): Promise<void> {
  const { accountId, phone: recipient, locale } = phoneChangeOf(deps.keyring, stored)
  const owner = await findAccountByIdentifier(tx, { kind: 'phone', canonical: recipient })
  if (owner && owner.id !== accountId) {
    return await tellOwner(deps, tx, owner, { channel: 'sms', recipient, locale })
  }
  if (!(await deps.mayIssue(recipient))) return
  const { code } = await makeCode(deps, tx, { id: stored.id, accountId, channel: 'sms' })
  const fields = { code: groupedCode(code) }
  await queueMessage(deps, tx, { kind: 'verify_phone', recipient, accountId, locale, fields })
}

/** Codes are not pushed: a browser that is signed in shows them to whoever looks. */
type Way = { channel: 'email' | 'sms'; recipient: string }

/** To what was typed, where codes go there; otherwise to what the account has besides. */
function wayIn(deps: DeliverCodeDeps, account: Account, typed: IdentifierKind): Way | undefined {
  const mail = deps.emailSignIn === 'off' ? undefined : mailWay(deps, account)
  const sms = deps.smsSignIn ? smsWay(deps, account) : undefined
  return typed === 'phone' ? (sms ?? mail) : (mail ?? sms)
}

/** Nobody has proven an address that is not verified: who reads it may be somebody else. */
function mailWay(
  { channels }: DeliverCodeDeps,
  { status, email, emailVerified }: Account,
): Way | undefined {
  if (!channels.has('email') || status !== 'active') return undefined
  if (email === undefined || !emailVerified) return undefined
  return { channel: 'email', recipient: email }
}

/** A number that is the second factor is not the first one as well: one channel counts once. */
function smsWay(deps: DeliverCodeDeps, account: Account): Way | undefined {
  const { status, phone, phoneVerified, phoneFactorSince } = account
  if (status !== 'active' || phone === undefined || !phoneVerified || phoneFactorSince) {
    return undefined
  }
  return deps.channels.has('sms') && deps.mayText(phone)
    ? { channel: 'sms', recipient: phone }
    : undefined
}

function localeOf({ claims }: Account, asked: string): string {
  const own = claims['locale']
  return typeof own === 'string' ? own : asked
}

import { z } from 'zod'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import type { Account } from '../accounts/account.ts'
import { findAccountByIdentifier } from '../accounts/account_store.ts'
import { classifyIdentifier } from '../accounts/identifier.ts'
import { makeCode } from '../credentials/one_time_code/one_time_code.ts'
import {
  lockOneTimeCode,
  type StoredCode,
} from '../credentials/one_time_code/one_time_code_store.ts'
import { type QueueDeps, queueMessage } from '../messaging/queue_message.ts'
import { emailChangeOf } from './change_email.ts'
import { recoveryIdentifier, recoveryOf } from './recover_password.ts'
import { emailSignInOf } from './sign_in_by_email.ts'
import { signUpOf } from './sign_up.ts'

/**
 * The half of a request for a code that nobody waits for: whether there is anybody to write to, the
 * code itself, and the message. It is a job, so that the half that somebody waits for cannot tell.
 */
export type DeliverCodeDeps = QueueDeps & {
  db: Db
  issuer: string
  /** What a mail to sign in by carries. */
  emailSignIn: 'code' | 'link'
  /** Counts a code to this mailbox; false where it got too many already. */
  mayIssue(recipient: string): Promise<boolean>
}

export async function deliverCode(deps: DeliverCodeDeps, codeId: string): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    const stored = await lockOneTimeCode(tx, codeId, deps.clock.now())
    // It was made by an attempt of this job whose end was not heard, or is too old, or was replaced.
    if (!stored || stored.codeHash) return
    switch (
      z.enum(['sign_up', 'sign_in', 'reset_password', 'change_email']).parse(stored.purpose)
    ) {
      case 'sign_up':
        return await deliverSignUp(deps, tx, stored)
      case 'sign_in':
        return await deliverSignIn(deps, tx, stored)
      case 'reset_password':
        return await deliverReset(deps, tx, stored)
      case 'change_email':
        return await deliverEmailChange(deps, tx, stored)
    }
  })
}

async function deliverSignUp(
  deps: DeliverCodeDeps,
  tx: Transaction,
  stored: StoredCode,
): Promise<void> {
  const { keyring, issuer } = deps
  const { email: recipient, canonical, locale, interactionUid, client } = signUpOf(keyring, stored)
  const owner = await findAccountByIdentifier(tx, { kind: 'email', canonical })
  if (owner) return await tellOwner(deps, tx, owner, { recipient, locale })
  if (!(await deps.mayIssue(canonical))) return
  const { code } = await makeCode(deps, tx, { id: stored.id })
  // Only this browser can use the code; elsewhere the page shows it, to be typed in here.
  const link = `${issuer}/interaction/${interactionUid}/verify_email?code=${code}`
  const fields = { code: grouped(code), link, client }
  await queueMessage(deps, tx, { kind: 'verify_email', recipient, locale, fields })
}

async function deliverSignIn(
  deps: DeliverCodeDeps,
  tx: Transaction,
  stored: StoredCode,
): Promise<void> {
  const { keyring, issuer } = deps
  const asked = emailSignInOf(keyring, stored)
  const identifier = classifyIdentifier(asked.identifier)
  const account = identifier && (await findAccountByIdentifier(tx, identifier))
  if (!account || !mayRecover(account)) return
  if (!(await deps.mayIssue(account.id))) return
  const { code } = await makeCode(deps, tx, { id: stored.id, accountId: account.id })
  const to = {
    recipient: account.email,
    accountId: account.id,
    locale: localeOf(account, asked.locale),
  }
  if (deps.emailSignIn === 'code') {
    const fields = { code: grouped(code) }
    return await queueMessage(deps, tx, { kind: 'sign_in_code', ...to, fields })
  }
  const link = `${issuer}/interaction/${asked.interactionUid}/email_code?code=${code}`
  await queueMessage(deps, tx, { kind: 'magic_link', ...to, fields: { link } })
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
  const fields = { code: grouped(code), link }
  await queueMessage(deps, tx, { kind: 'verify_email', recipient, locale, fields })
}

/** Somebody wants an address that is somebody's already. */
async function tellOwner(
  deps: DeliverCodeDeps,
  tx: Transaction,
  owner: Account,
  { recipient, locale }: { recipient: string; locale: string },
): Promise<void> {
  await queueMessage(deps, tx, {
    kind: 'already_registered',
    recipient: owner.email ?? recipient,
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
  const identifier = recoveryIdentifier(asked)
  const account = identifier && (await findAccountByIdentifier(tx, identifier))
  if (!account || !mayRecover(account)) return
  if (!(await deps.mayIssue(account.id))) return
  const { code, link } = await makeCode(deps, tx, { id: stored.id, accountId: account.id })
  await queueMessage(deps, tx, {
    kind: 'reset_password',
    recipient: account.email,
    accountId: account.id,
    locale: localeOf(account, asked.locale),
    fields: {
      code: grouped(code),
      link: `${issuer}/reset_password?${new URLSearchParams({ link })}`,
    },
  })
}

/** Nobody has proven an address that is not verified: who reads it may be somebody else. */
function mayRecover(account: Account): account is Account & { email: string } {
  return account.status === 'active' && account.email !== undefined && account.emailVerified
}

function localeOf({ claims }: Account, asked: string): string {
  const own = claims['locale']
  return typeof own === 'string' ? own : asked
}

function grouped(code: string): string {
  return `${code.slice(0, 4)}-${code.slice(4)}`
}

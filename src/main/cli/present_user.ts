import type { Account } from '../../domain/accounts/account.ts'
import type { PasswordCredential } from '../../domain/credentials/password/password_store.ts'
import type { Answer } from './output.ts'
import { fields, table } from './text.ts'
import type { StatedAccount } from './user_state.ts'

/** Accounts as the command line shows them: of a password only since when it stands. */

/** @param generatedPassword made by this command: shown now and never again */
export function userAnswer(account: Account, generatedPassword?: string): Answer {
  const data = userData(account)
  const text = userText(account)
  if (generatedPassword === undefined) return { data, text }
  return {
    data: { ...data, password: generatedPassword },
    text: `${text}\n\n${fields([['password', generatedPassword]])}\nHand it over now: it is stored as a hash and cannot be shown again.`,
  }
}

/**
 * @param lastSignedInAt null where it never signed in
 */
export function userDetails(
  { account, state, deletionAt, locks }: StatedAccount,
  {
    password,
    lastSignedInAt,
  }: { password: PasswordCredential | undefined; lastSignedInAt: Date | null },
): Answer {
  const since = password?.changedAt
  const details = fields([
    ['state', state],
    ['locked', locks.length > 0 ? locks.join(', ') : undefined],
    ['last_sign_in', lastSignedInAt ?? 'never'],
    ['password', since ? `set ${since.toISOString()}` : 'none'],
    ['deletion', deletionAt],
  ])
  return {
    data: {
      ...userData(account),
      state,
      locked: locks,
      password_changed_at: since ?? null,
      lastSignedInAt,
      deletion_at: deletionAt ?? null,
    },
    text: `${userText(account)}\n${details}`,
  }
}

/** @param next the id to go on after, where there are more */
export function userListAnswer(users: readonly StatedAccount[], next: string | undefined): Answer {
  const rows = users.map(({ account, state }) => [
    account.id,
    state,
    account.email ?? account.phone ?? '-',
    account.username ?? '-',
    account.createdAt.toISOString(),
  ])
  const heads = ['id', 'state', 'address', 'username', 'created']
  const list = table(heads, rows, 'There are no users.')
  const data = users.map(({ account, state }) => ({ ...userData(account), state }))
  return {
    data: { users: data, next: next ?? null },
    text: next === undefined ? list : `${list}\n\nThere are more: --after ${next}`,
  }
}

function userData(account: Account) {
  return {
    id: account.id,
    status: account.status,
    username: account.username ?? null,
    email: account.email ?? null,
    email_verified: account.emailVerified,
    phone: account.phone ?? null,
    phone_verified: account.phoneVerified,
    claims: account.claims,
    attributes: account.attributes,
    created_at: account.createdAt,
    updated_at: account.updatedAt,
  }
}

function userText(account: Account): string {
  return fields([
    ['id', account.id],
    ['status', account.status],
    ['username', account.username],
    ['email', account.email],
    ['email_verified', account.email === undefined ? undefined : account.emailVerified],
    ['phone', account.phone],
    ['phone_verified', account.phone === undefined ? undefined : account.phoneVerified],
    ...Object.entries(account.claims),
    ...Object.entries(account.attributes).map(
      ([name, value]) => [`attribute ${name}`, value] as const,
    ),
    ['created', account.createdAt],
    ['updated', account.updatedAt],
  ])
}

import type { Account } from './account.ts'

/**
 * Where an account stands in its life, in one word. It is kept nowhere: `status` is what an operator
 * has decided, the others are facts beside it that come and go by themselves.
 */
export const ACCOUNT_STATES = [
  'active',
  'unverified',
  'locked',
  'scheduled_for_deletion',
  'disabled',
] as const
export type AccountState = (typeof ACCOUNT_STATES)[number]

export type StateFacts = Pick<
  Account,
  'status' | 'email' | 'emailVerified' | 'phone' | 'phoneVerified'
> & {
  /** When its owner wants it gone. */
  deletionAt: Date | undefined
  /** What is refused after too many wrong tries: the password, or a kind of second factor. */
  locks: readonly string[]
}

/**
 * Of several, the one that keeps its owner out most, and that somebody has to act on first:
 *
 * 1. `disabled`: nobody gets in, whatever else is true, until an operator says so.
 * 2. `scheduled_for_deletion`: it will be gone on that day; a lock on it does not matter any more.
 * 3. `locked`: its owner may be kept out, at browsers that never signed in to it, or by a factor.
 * 4. `unverified`: its owner gets in, but no address of it is proven. An account that has none, only a
 *    username, has nothing to prove.
 */
export function accountState(facts: StateFacts): AccountState {
  if (facts.status === 'disabled') return 'disabled'
  if (facts.deletionAt) return 'scheduled_for_deletion'
  if (facts.locks.length > 0) return 'locked'
  return isUnverified(facts) ? 'unverified' : 'active'
}

function isUnverified({ email, emailVerified, phone, phoneVerified }: StateFacts): boolean {
  return (email !== undefined || phone !== undefined) && !emailVerified && !phoneVerified
}

import type { Transaction } from '../../platform/persistence/db.ts'

/**
 * Accounts: the End-Users of OpenID Connect. This folder owns who there is, the names they sign in
 * with, and the claims we can make about them. How somebody proves to be one of them is the matter
 * of `credentials`, what they may do that of `access`, and where they are signed in of `sessions`.
 */
export type Account = {
  /** A UUID; the `sub` of every token. Never used again for anybody else. */
  id: string
  status: AccountStatus
  /** As it was typed, for showing; it is compared in its canonical form only. */
  username?: string
  email?: string
  emailVerified: boolean
  /** E.164, which is its canonical form as well. */
  phone?: string
  phoneVerified: boolean
  /** Since when its owner has it stand as a further factor; only where it is verified. */
  phoneFactorSince?: Date
  /**
   * OpenID Connect standard claims (Core §5.1) other than sub, preferred_username and email. A
   * phone_number among them is one to be reached at; that of the account takes its place.
   */
  claims: Record<string, unknown>
  /** What the deployment keeps besides, by the names of its own schema (`profile/attribute.ts`). */
  attributes: Record<string, unknown>
  /** When its owner last put off what was asked; undefined where they never did. */
  profilePostponedAt?: Date
  createdAt: Date
  updatedAt: Date
}

export type AccountStatus = 'active' | 'disabled'

/** Ends the sessions and tokens of an account, in the transaction that takes its access away. */
export type EndAccess = (tx: Transaction, accountId: string) => Promise<void>

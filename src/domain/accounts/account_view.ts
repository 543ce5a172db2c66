import type { AccountView } from '../../platform/templating/views.ts'
import type { Account } from './account.ts'

/** How an account is named on a page: by the name that the person gave, or by what they sign in with. */
export function accountViewOf({ claims, username, email, phone }: Account): AccountView {
  return { name: String(claims['name'] ?? username ?? email ?? phone ?? ''), email }
}

/** What an authenticator calls the account: what its owner signs in with, their address before all. */
export function signInNameOf({ email, username, phone, id }: Account): string {
  return email ?? username ?? phone ?? id
}

import type { Context } from 'koa'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import type { AccountDeps } from './mount.ts'
import type { Person } from './person.ts'

/** Who one is here, and where to go from here. */
export async function showOverview(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const { account } = person
  deps.pages.send(ctx, 'account/overview', {
    page: 'overview',
    account: accountViewOf(person.account),
    username: account.username,
    emailVerified: account.email === undefined ? undefined : account.emailVerified,
    since: account.createdAt.toISOString(),
    switchUri: deps.signInUri({ state: '', another: true }),
  })
}

import type { Context } from 'koa'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { findDeletion } from '../../domain/accounts/schedule_deletion.ts'
import type { Views } from '../../platform/templating/views.ts'
import { unreadOf } from './inbox.ts'
import type { AccountDeps } from './mount.ts'
import { csrfOf, type Person } from './person.ts'

/** Who one is here, and where to go from here. */
export async function showOverview(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const { account } = person
  const [deletion, unread] = await Promise.all([deletionOf(deps, person), unreadOf(deps, person)])
  deps.pages.send(ctx, 'account/overview', {
    page: 'overview',
    account: accountViewOf(person.account),
    username: account.username,
    emailVerified: account.email === undefined ? undefined : account.emailVerified,
    phone:
      account.phone === undefined
        ? undefined
        : { number: account.phone, verified: account.phoneVerified },
    since: account.createdAt.toISOString(),
    deletion,
    unread,
    inboxUri: deps.inboxDays > 0 ? '/account/inbox' : undefined,
    notificationsUri: deps.push ? '/account/notifications' : undefined,
    switchUri: deps.signInUri({ state: '', prompt: 'select_account' }),
  })
}

/** Whether the account can be deleted here, or when it will be gone. */
async function deletionOf(
  deps: AccountDeps,
  person: Person,
): Promise<Views['account/overview']['deletion']> {
  const at = await findDeletion(deps.db, person.accountId)
  if (at)
    return {
      at: at.toISOString(),
      keepAction: '/account/delete/cancel',
      csrf: csrfOf(deps, person),
    }
  return deps.deletionGraceDays === undefined ? undefined : { uri: '/account/delete' }
}

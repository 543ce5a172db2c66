import type { Context } from 'koa'
import { z } from 'zod'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { type Notice, startOfInbox } from '../../domain/messaging/notices/notice.ts'
import {
  countUnreadNotices,
  listNotices,
  markNoticesRead,
} from '../../domain/messaging/notices/notice_store.ts'
import { renderNotice } from '../../domain/messaging/notices/render_notice.ts'
import type { Translator } from '../../platform/templating/i18n.ts'
import type { Views } from '../../platform/templating/views.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person } from './person.ts'

/** What was told about the account. Looking and marking as read take no fresh sign-in. */

type Shown = Views['account/inbox']['notices'][number]

const PAGE = 50

const markForm = z.object({ csrf: z.string().max(200), seen: z.string().max(64) })

export async function showInbox(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const { before } = ctx.query
  await send(deps, ctx, person, { before: typeof before === 'string' ? before : undefined })
}

export async function markInboxRead(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf, seen: upTo } = parseForm(markForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  const { accountId } = person
  await markNoticesRead(deps.db, { accountId, upTo, now: deps.clock.now() })
  await send(deps, ctx, person, { marked: true })
}

/** How many notices wait to be read; undefined where there is no inbox. */
export async function unreadOf(
  deps: AccountDeps,
  { accountId }: Person,
): Promise<number | undefined> {
  if (deps.inboxDays === 0) return undefined
  return await countUnreadNotices(deps.db, { accountId, since: sinceOf(deps) })
}

function sinceOf({ clock, inboxDays }: AccountDeps): Date {
  return startOfInbox(clock.now(), inboxDays)
}

async function send(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  { before, marked }: { before?: string | undefined; marked?: boolean },
): Promise<void> {
  const asked = { accountId: person.accountId, since: sinceOf(deps), before, limit: PAGE + 1 }
  const [found, unread] = await Promise.all([
    listNotices(deps.db, deps.keyring, asked),
    unreadOf(deps, person),
  ])
  const notices = found.slice(0, PAGE)
  const translator = deps.renderer.translator(deps.pages.localeOf(ctx))
  const older = found.length > PAGE ? notices.at(-1)?.id : undefined
  deps.pages.send(ctx, 'account/inbox', {
    page: 'overview',
    account: accountViewOf(person.account),
    csrf: csrfOf(deps, person),
    action: '/account/inbox',
    unread: unread ?? 0,
    notices: notices.flatMap((notice) => shownOf(deps, notice, translator)),
    seen: notices[0]?.id ?? '',
    marked,
    notificationsUri: deps.push ? '/account/notifications' : undefined,
    olderUri: older && `/account/inbox?before=${older}`,
    newestUri: before === undefined ? undefined : '/account/inbox',
  })
}

/** Nothing for what only another version of this program has words for. */
function shownOf({ brandName }: AccountDeps, notice: Notice, translator: Translator): Shown[] {
  const words = renderNotice(notice, { translator, brand: brandName })
  if (!words) return []
  return [
    {
      ...words,
      at: notice.createdAt.toISOString(),
      isUnread: notice.readAt === undefined,
      devicesUri: notice.kind === 'new_device' ? '/account/sessions' : undefined,
    },
  ]
}

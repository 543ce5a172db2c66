import type { Context } from 'koa'
import { z } from 'zod'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { changeUsername } from '../../domain/accounts/change_username.ts'
import type { Views } from '../../platform/templating/views.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { mayTry } from './code_limits.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person, requireFresh } from './person.ts'

/** The name to sign in with that one chooses for oneself. Which are taken shows, so tries are few. */

const PAGE = 'profile/username'

const form = z.object({ csrf: z.string().max(200), username: z.string().max(400).default('') })

type State = Partial<Pick<Views['account/username'], 'username' | 'error' | 'changed'>>

export async function showUsername(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  if (!(await requireFresh(deps, ctx, person, PAGE))) return
  send(deps, ctx, person)
}

export async function changeOwnUsername(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf, username } = parseForm(form, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  if (!(await requireFresh(deps, ctx, person, PAGE))) return
  const typed = username.slice(0, 64)
  if (!(await mayTry(deps, ctx, 'code_try_ip'))) {
    return send(deps, ctx, person, { username: typed, error: 'too_many' }, 429)
  }
  const { accountId } = person
  const result = await changeUsername(deps, { accountId, username, origin: originOf(ctx) })
  if (result.kind === 'changed') return send(deps, ctx, person, { username: typed, changed: true })
  send(deps, ctx, person, { username: typed, error: result.reason }, 422)
}

function send(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  state: State = {},
  status = 200,
): void {
  const locals: Views['account/username'] = {
    page: 'profile',
    account: accountViewOf(person.account),
    csrf: csrfOf(deps, person),
    action: `/account/${PAGE}`,
    username: person.account.username ?? '',
    ...state,
  }
  deps.pages.send(ctx, 'account/username', locals, status)
}

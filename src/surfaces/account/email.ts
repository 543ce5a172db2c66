import type { Context } from 'koa'
import { z } from 'zod'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import {
  beginEmailChange,
  completeEmailChange,
  findPendingEmailChange,
} from '../../domain/authentication/change_email.ts'
import type { Views } from '../../platform/templating/views.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { codeInLink } from '../../web/mailed_code.ts'
import { originOf } from '../../web/origin.ts'
import { mayTry } from './code_limits.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person, requireFresh, sendTo } from './person.ts'

/** Another e-mail address: it is proven by a code before it counts. */

const PAGE = 'profile/email'

const askForm = z.object({ csrf: z.string().max(200), email: z.string().max(400).default('') })
const codeForm = z.object({ csrf: z.string().max(200), code: z.string().max(40).default('') })

type Filled = Partial<Pick<Views['account/email'], 'email' | 'error' | 'changed'>>

/** Also where the link of the mail leads: it fills the code in, and whoever reads it presses the button. */
export async function showEmail(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  if (!deps.sendsMail) return sendTo(deps, ctx, '/account/profile')
  if (!(await requireFresh(deps, ctx, person, PAGE))) return
  const code = codeInLink(ctx)
  const another = ctx.query['another'] !== undefined
  await send(deps, ctx, person, {}, { code, another })
}

export async function askForEmail(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const { csrf, email } = parseForm(askForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  if (!deps.sendsMail || !(await requireFresh(deps, ctx, person, PAGE))) return
  if (!(await mayTry(deps, ctx, 'code_ip'))) {
    return await send(deps, ctx, person, { email, error: 'too_many' }, { another: true }, 429)
  }
  const { account, sessionUid } = person
  const locale = deps.pages.localeOf(ctx)
  const origin = originOf(ctx)
  const begun = await beginEmailChange(deps, { account, email, sessionUid, locale, origin })
  if (begun.kind === 'refused') {
    const filled = { email: email.slice(0, 320), error: begun.reason }
    return await send(deps, ctx, person, filled, { another: true }, 422)
  }
  await send(deps, ctx, person)
}

export async function confirmEmail(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const { csrf, code } = parseForm(codeForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  if (!(await requireFresh(deps, ctx, person, PAGE))) return
  if (!(await mayTry(deps, ctx, 'code_try_ip'))) {
    return await send(deps, ctx, person, { error: 'too_many' }, {}, 429)
  }
  const { accountId, sessionUid } = person
  const revertUri = `${deps.issuer}/revert_email`
  const origin = originOf(ctx)
  const result = await completeEmailChange(deps, { accountId, sessionUid, code, revertUri, origin })
  if (result.kind === 'refused') {
    return await send(deps, ctx, person, { error: 'wrong_code' }, {}, 422)
  }
  await send(deps, ctx, person, { changed: true })
}

async function send(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  filled: Filled = {},
  { another = false, code = '' }: { another?: boolean; code?: string } = {},
  status = 200,
): Promise<void> {
  const pending = another || filled.changed ? undefined : await findPendingEmailChange(deps, person)
  const locals: Views['account/email'] = {
    page: 'profile',
    account: accountViewOf(person.account),
    csrf: csrfOf(deps, person),
    action: `/account/${PAGE}`,
    waiting: pending && {
      email: pending.email,
      code,
      action: `/account/${PAGE}/code`,
      anotherUri: `/account/${PAGE}?another`,
    },
    email: '',
    ...filled,
  }
  deps.pages.send(ctx, 'account/email', locals, status)
}

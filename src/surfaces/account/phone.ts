import type { Context } from 'koa'
import { z } from 'zod'
import { DomainError } from '../../core/errors.ts'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import {
  beginPhoneChange,
  completePhoneChange,
  findPendingPhoneChange,
  removePhone,
} from '../../domain/authentication/change_phone.ts'
import { setSmsFactor } from '../../domain/authentication/sms_factor.ts'
import type { Views } from '../../platform/templating/views.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { mayTry } from './code_limits.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person, requireFresh, sendTo } from './person.ts'
import { sendSecurity } from './security.ts'

/** A telephone number: it is proven by a code before it counts, and may stand as a further factor. */

const PAGE = 'profile/phone'

const csrfForm = z.object({ csrf: z.string().max(200) })
const askForm = z.object({ csrf: z.string().max(200), phone: z.string().max(400).default('') })
const codeForm = z.object({ csrf: z.string().max(200), code: z.string().max(40).default('') })
const factorForm = z.object({ csrf: z.string().max(200), on: z.enum(['yes', 'no']) })

type Filled = Partial<Pick<Views['account/phone'], 'phone' | 'error' | 'done'>>

export async function showPhone(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  if (!deps.sendsSms) return sendTo(deps, ctx, '/account/profile')
  if (!(await requireFresh(deps, ctx, person, PAGE))) return
  await send(deps, ctx, person, {}, { another: ctx.query['another'] !== undefined })
}

export async function askForPhone(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const { csrf, phone } = parseForm(askForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  if (!deps.sendsSms || !(await requireFresh(deps, ctx, person, PAGE))) return
  if (!(await mayTry(deps, ctx, 'code_ip'))) {
    return await send(deps, ctx, person, { phone, error: 'too_many' }, { another: true }, 429)
  }
  const { account, sessionUid } = person
  const locale = deps.pages.localeOf(ctx)
  const origin = originOf(ctx)
  const begun = await beginPhoneChange(deps, { account, phone, sessionUid, locale, origin })
  if (begun.kind === 'refused') {
    const filled = { phone: phone.slice(0, 60), error: begun.reason }
    return await send(deps, ctx, person, filled, { another: true }, 422)
  }
  await send(deps, ctx, person)
}

export async function confirmPhone(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const { csrf, code } = parseForm(codeForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  if (!(await requireFresh(deps, ctx, person, PAGE))) return
  if (!(await mayTry(deps, ctx, 'code_try_ip'))) {
    return await send(deps, ctx, person, { error: 'too_many' }, {}, 429)
  }
  const { accountId, sessionUid } = person
  const origin = originOf(ctx)
  const result = await completePhoneChange(deps, { accountId, sessionUid, code, origin })
  if (result.kind === 'refused') {
    return await send(deps, ctx, person, { error: 'wrong_code' }, {}, 422)
  }
  await send(deps, ctx, person, { done: 'changed' })
}

export async function takePhoneAway(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf } = parseForm(csrfForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  if (!(await requireFresh(deps, ctx, person, PAGE))) return
  const { accountId } = person
  const locale = deps.pages.localeOf(ctx)
  try {
    await removePhone(deps, { accountId, locale, origin: originOf(ctx) })
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== 'conflict') throw error
    return await send(deps, ctx, person, { error: 'last_name' }, { another: true }, 422)
  }
  await send(deps, ctx, person, { done: 'removed' })
}

/** Whether codes by SMS stand as a further factor. */
export async function changeSmsFactor(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf, on } = parseForm(factorForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  if (!(await requireFresh(deps, ctx, person, 'security'))) return
  const { accountId } = person
  // Taking it away is open to everybody, whatever the deployment says of it now.
  if (on === 'yes' && deps.smsFactor === 'off') return sendTo(deps, ctx, '/account/security')
  const origin = originOf(ctx)
  const done = await setSmsFactor(deps, { accountId, on: on === 'yes', origin })
  if (!done) return sendTo(deps, ctx, '/account/security')
  await sendSecurity(deps, ctx, person, { done: on === 'yes' ? 'sms' : 'sms_removed' })
}

async function send(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  filled: Filled = {},
  { another = false }: { another?: boolean } = {},
  status = 200,
): Promise<void> {
  const pending = another || filled.done ? undefined : await findPendingPhoneChange(deps, person)
  const locals: Views['account/phone'] = {
    page: 'profile',
    account: accountViewOf(person.account),
    csrf: csrfOf(deps, person),
    action: `/account/${PAGE}`,
    waiting: pending && {
      phone: pending.phone,
      action: `/account/${PAGE}/code`,
      anotherUri: `/account/${PAGE}?another`,
    },
    phone: '',
    current: person.account.phone,
    removeAction: person.account.phone === undefined ? undefined : `/account/${PAGE}/remove`,
    ...filled,
  }
  deps.pages.send(ctx, 'account/phone', locals, status)
}

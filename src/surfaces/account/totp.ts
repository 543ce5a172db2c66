import type { Context } from 'koa'
import { z } from 'zod'
import { isId } from '../../core/ids.ts'
import { accountViewOf } from '../../domain/accounts/account_view.ts'
import { ensureRecoveryCodes } from '../../domain/credentials/recovery_codes/generate_recovery_codes.ts'
import {
  confirmTotpEnrolment,
  showTotpEnrolment,
} from '../../domain/credentials/totp/enrol_totp.ts'
import { removeTotp } from '../../domain/credentials/totp/remove_totp.ts'
import type { Views } from '../../platform/templating/views.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { qrCodeOf } from '../../web/qr_code.ts'
import type { AccountDeps } from './mount.ts'
import { checkCsrfOf, csrfOf, type Person, requireFresh, sendTo } from './person.ts'
import { sendSecurity } from './security.ts'

/** One more authenticator application, or one fewer. */

const addForm = z.object({
  csrf: z.string().max(200),
  code: z.string().max(20).default(''),
  name: z.string().max(200).default(''),
})
const removeForm = z.object({ csrf: z.string().max(200), authenticator: z.string().max(64) })

export async function showTotp(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  if (await requireFresh(deps, ctx, person, 'security/totp')) await send(deps, ctx, person)
}

export async function addTotp(deps: AccountDeps, ctx: Context, person: Person): Promise<void> {
  const { csrf, code, name } = parseForm(addForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  if (!(await requireFresh(deps, ctx, person, 'security/totp'))) return
  const { accountId } = person
  const origin = originOf(ctx)
  const result = await confirmTotpEnrolment(deps, { accountId, code, name, origin })
  if (result.kind === 'refused') {
    const error = code.trim() === '' ? 'missing_code' : result.reason
    return await send(deps, ctx, person, error, 422)
  }
  const codes = await ensureRecoveryCodes(deps, accountId, origin)
  if (!codes) return await sendSecurity(deps, ctx, person, { done: 'authenticator' })
  deps.pages.send(ctx, 'interactions/recovery_codes', { codes, continueUri: '/account/security' })
}

export async function removeAuthenticator(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
): Promise<void> {
  const { csrf, authenticator: id } = parseForm(removeForm, await readForm(ctx))
  checkCsrfOf(deps, person, csrf)
  if (!(await requireFresh(deps, ctx, person, 'security'))) return
  const { accountId } = person
  const removed =
    isId(id) && (await removeTotp(deps, { accountId, id, by: 'owner', origin: originOf(ctx) }))
  if (!removed) return sendTo(deps, ctx, '/account/security')
  await sendSecurity(deps, ctx, person, { done: 'authenticator_removed' })
}

async function send(
  deps: AccountDeps,
  ctx: Context,
  person: Person,
  error?: Views['account/totp']['error'],
  status = 200,
): Promise<void> {
  const { uri, key } = await showTotpEnrolment(deps, person.account, deps.brandName)
  const locals: Views['account/totp'] = {
    page: 'security',
    account: accountViewOf(person.account),
    csrf: csrfOf(deps, person),
    action: '/account/security/totp',
    qrCode: qrCodeOf(uri),
    secret: key,
    error,
  }
  deps.pages.send(ctx, 'account/totp', locals, status)
}

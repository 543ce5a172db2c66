import type { Context } from 'koa'
import { z } from 'zod'
import { revertEmailChange } from '../../domain/authentication/change_email.ts'
import { recoverPassword } from '../../domain/authentication/recover_password.ts'
import { resetFactors } from '../../domain/authentication/reset_factors.ts'
import { titleOf } from '../../domain/federation/connections.ts'
import type { PasswordProblem, Views } from '../../platform/templating/views.ts'
import { checkCsrf, issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { allowOwnScripts } from '../../web/security_headers.ts'
import { assertMayTryCode } from './code_limits.ts'
import { csrfKey } from './form_token.ts'
import type { InteractionDeps } from './mount.ts'

/**
 * Where the links of mails lead that are good in any browser: to a new password, or back to an address
 * that somebody took away; and the one that an operator hands out. Opening one changes nothing and asks nothing, because mail scanners open everything; what is in it is looked at when a
 * button is pressed.
 */

const resetForm = z.object({
  csrf: z.string().max(200),
  link: z.string().regex(/^[\w-]{1,100}$/),
  password: z.string().max(4096).default(''),
  end_others: z.enum(['yes']).optional(),
})

type Filled = {
  link: string
  endOthers: boolean
  reverted?: boolean
  error?: 'missing_password' | 'ended'
  password?: PasswordProblem
}

export async function openResetLink(deps: InteractionDeps, ctx: Context): Promise<void> {
  const link = linkOf(ctx)
  send(deps, ctx, { link, endOthers: true })
}

export async function submitResetLink(deps: InteractionDeps, ctx: Context): Promise<void> {
  const form = parseForm(resetForm, await readForm(ctx))
  const { link, password } = form
  checkCsrf(csrfKey(deps), ['reset_link', link], form.csrf)
  const filled = { link, endOthers: form.end_others === 'yes' }
  if (password === '') return send(deps, ctx, { ...filled, error: 'missing_password' }, 422)
  await assertMayTryCode(deps, ctx)
  const result = await recoverPassword(deps, {
    by: 'link',
    ...filled,
    password,
    context: [deps.brandName],
    origin: originOf(ctx),
  })
  switch (result.kind) {
    case 'changed':
      return deps.pages.send(ctx, 'interactions/password_changed', {})
    case 'refused':
      return send(deps, ctx, { ...filled, error: 'ended' }, 422)
    case 'weak_password':
      return send(deps, ctx, { ...filled, password: result.refusal }, 422)
  }
}

function send(deps: InteractionDeps, ctx: Context, filled: Filled, status = 200): void {
  const locals = {
    action: '/reset_password',
    csrf: issueCsrf(csrfKey(deps), ['reset_link', filled.link]),
    minLength: deps.passwordPolicy.minLength,
    ...filled,
  }
  allowOwnScripts(ctx.res)
  deps.pages.send(ctx, 'interactions/reset_by_link', locals, status)
}

const linkForm = z.object({
  csrf: z.string().max(200),
  link: z.string().regex(/^[\w-]{1,100}$/),
})

export async function openRevertLink(deps: InteractionDeps, ctx: Context): Promise<void> {
  sendRevert(deps, ctx, { link: linkOf(ctx) })
}

/** Goes on to a new password: whoever changed the address may know the old one. */
export async function submitRevertLink(deps: InteractionDeps, ctx: Context): Promise<void> {
  const { csrf, link } = parseForm(linkForm, await readForm(ctx))
  checkCsrf(csrfKey(deps), ['revert_link', link], csrf)
  await assertMayTryCode(deps, ctx)
  const result = await revertEmailChange(deps, { link, origin: originOf(ctx) })
  if (result.kind === 'refused') return sendRevert(deps, ctx, { link, error: 'ended' }, 422)
  if ('keeper' in result) {
    return sendRevert(deps, ctx, { link, keeper: titleOf(deps.connections, result.keeper) })
  }
  send(deps, ctx, { link: result.resetLink, endOthers: true, reverted: true })
}

function sendRevert(
  deps: InteractionDeps,
  ctx: Context,
  filled: Pick<Views['interactions/revert_email'], 'link' | 'error' | 'keeper'>,
  status = 200,
): void {
  const csrf = issueCsrf(csrfKey(deps), ['revert_link', filled.link])
  const locals = { action: '/revert_email', csrf, ...filled }
  deps.pages.send(ctx, 'interactions/revert_email', locals, status)
}

export async function openFactorLink(deps: InteractionDeps, ctx: Context): Promise<void> {
  sendFactors(deps, ctx, { link: linkOf(ctx) })
}

export async function submitFactorLink(deps: InteractionDeps, ctx: Context): Promise<void> {
  const { csrf, link } = parseForm(linkForm, await readForm(ctx))
  checkCsrf(csrfKey(deps), ['factor_link', link], csrf)
  await assertMayTryCode(deps, ctx)
  const result = await resetFactors(deps, { link, origin: originOf(ctx) })
  if (result.kind === 'refused') return sendFactors(deps, ctx, { link, error: 'ended' }, 422)
  sendFactors(deps, ctx, { link, signInUri: '/account/security' })
}

function sendFactors(
  deps: InteractionDeps,
  ctx: Context,
  filled: Pick<Views['interactions/reset_factors'], 'link' | 'error' | 'signInUri'>,
  status = 200,
): void {
  const csrf = issueCsrf(csrfKey(deps), ['factor_link', filled.link])
  const locals = { action: '/reset_factors', csrf, ...filled }
  deps.pages.send(ctx, 'interactions/reset_factors', locals, status)
}

function linkOf(ctx: Context): string {
  return String(ctx.query['link'] ?? '').slice(0, 100)
}

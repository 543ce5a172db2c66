import type { Context } from 'koa'
import { z } from 'zod'
import { beginRecovery, recoverPassword } from '../../domain/authentication/recover_password.ts'
import { PROOF_MAX } from '../../domain/security/proof_of_work.ts'
import type { PasswordProblem, Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { allowOwnScripts } from '../../web/security_headers.ts'
import { keptIdentifier } from './chosen_identifier.ts'
import { assertMayTryCode, mayAskForCode } from './code_limits.ts'
import { seeOther } from './dispatch.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { forgetSession, type Interaction, loadInteraction, loginHint } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'
import { hasProof, proofFor } from './proof.ts'

/** A forgotten password: who it is, then the code from the mail and the new password on one page. */

const askForm = z.object({
  csrf: z.string().max(200),
  login: z.string().max(400).default(''),
  proof: z.string().max(PROOF_MAX).default(''),
})
const resetForm = z.object({
  csrf: z.string().max(200),
  code: z.string().max(40).default(''),
  password: z.string().max(4096).default(''),
  end_others: z.enum(['yes']).optional(),
})

export async function showForgotPassword(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  if (!deps.recovery) return seeOther(ctx, `/interaction/${interaction.uid}`)
  await sendForgot(deps, ctx, interaction, {})
}

export async function submitForgotPassword(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { csrf, login, proof } = parseForm(askForm, await readForm(ctx))
  checkForm(deps, interaction, bindingsOf(interaction), csrf)
  if (!deps.recovery) return seeOther(ctx, `/interaction/${interaction.uid}`)
  if (login.trim() === '') {
    return await sendForgot(deps, ctx, interaction, { error: 'missing_login' }, 422)
  }
  if (!(await hasProof(deps, ctx, interaction, { page: 'forgot_password', proof }))) {
    return await sendForgot(deps, ctx, interaction, { error: 'proof' }, 422)
  }
  if (!(await mayAskForCode(deps, ctx))) {
    return await sendForgot(deps, ctx, interaction, { error: 'too_many_attempts' }, 429)
  }
  await beginRecovery(deps, {
    identifier: login,
    locale: deps.pages.localeOf(ctx),
    interactionUid: interaction.uid,
    clientId: interaction.client.clientId,
    origin: originOf(ctx),
  })
  sendReset(deps, ctx, interaction, { code: '', endOthers: true })
}

export async function submitResetPassword(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const form = parseForm(resetForm, await readForm(ctx))
  checkForm(deps, interaction, bindingsOf(interaction), form.csrf)
  const { uid: interactionUid } = interaction
  const { code, password } = form
  const endOthers = form.end_others === 'yes'
  if (code.trim() === '' || password === '') {
    return sendReset(deps, ctx, interaction, { code, endOthers, error: 'missing_fields' }, 422)
  }
  await assertMayTryCode(deps, ctx)
  const result = await recoverPassword(deps, {
    by: 'code',
    code,
    interactionUid,
    password,
    endOthers,
    context: [deps.brandName],
    origin: originOf(ctx),
  })
  switch (result.kind) {
    case 'changed':
      // With the others the session of this browser may have ended: the request goes on without it.
      if (endOthers) await forgetSession(deps, interaction)
      return deps.pages.send(ctx, 'interactions/password_changed', {
        client: clientViewOf(interaction.client),
        signInUri: `/interaction/${interactionUid}/login`,
      })
    case 'refused':
      return sendReset(deps, ctx, interaction, { code: '', endOthers, error: 'wrong_code' }, 422)
    case 'weak_password':
      return sendReset(deps, ctx, interaction, { code, endOthers, password: result.refusal }, 422)
  }
}

async function sendForgot(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  { error }: Pick<Views['interactions/forgot_password'], 'error'>,
  status = 200,
): Promise<void> {
  const { uid, client } = interaction
  const path = `/interaction/${uid}`
  const locals = {
    client: clientViewOf(client),
    proof: await proofFor(deps, ctx, interaction, 'forgot_password'),
    action: `${path}/forgot_password`,
    signInUri: `${path}/login`,
    csrf: issueCsrf(csrfKey(deps), bindingsOf(interaction)),
    withPhone: deps.sendsSms || undefined,
    login: keptIdentifier(deps, ctx, interaction.uid)?.login ?? loginHint(interaction),
    error,
  }
  deps.pages.send(ctx, 'interactions/forgot_password', locals, status)
}

function sendReset(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  filled: {
    code: string
    endOthers: boolean
    error?: 'missing_fields' | 'wrong_code'
    password?: PasswordProblem
  },
  status = 200,
): void {
  const { uid, client } = interaction
  const path = `/interaction/${uid}`
  const locals = {
    client: clientViewOf(client),
    action: `${path}/reset_password`,
    againUri: `${path}/forgot_password`,
    csrf: issueCsrf(csrfKey(deps), bindingsOf(interaction)),
    minLength: deps.passwordPolicy.minLength,
    ...filled,
  }
  allowOwnScripts(ctx.res)
  deps.pages.send(ctx, 'interactions/reset_password', locals, status)
}

function bindingsOf({ uid }: Interaction): string[] {
  return [uid, 'recovery']
}

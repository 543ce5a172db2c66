import type { Context } from 'koa'
import { z } from 'zod'
import {
  beginEmailSignIn,
  completeEmailSignIn,
} from '../../domain/authentication/sign_in_by_email.ts'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { keptIdentifier } from './chosen_identifier.ts'
import { assertMayTryCode, mayAskForCode, offersCodes } from './code_limits.ts'
import { openCodeLink } from './code_link.ts'
import { goOn, seeOther } from './dispatch.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { type Interaction, loadInteraction, loginHint } from './interaction.ts'
import { knownAccountsOf } from './known_device.ts'
import type { InteractionDeps } from './mount.ts'

/** Signing in without a password: who it is, then the code from the mail or SMS. */

const askForm = z.object({ csrf: z.string().max(200), login: z.string().max(400).default('') })
const codeForm = z.object({
  csrf: z.string().max(200),
  code: z.string().max(40).default(''),
  remember: z.enum(['yes']).optional(),
})

export async function showEmailSignIn(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  if (!offersCodes(deps)) return seeOther(ctx, `/interaction/${interaction.uid}`)
  sendAsk(deps, ctx, interaction, {})
}

/** The same page and the same work whether there is such an account or not. */
export async function submitEmailSignIn(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { csrf, login } = parseForm(askForm, await readForm(ctx))
  checkForm(deps, interaction, bindingsOf(interaction), csrf)
  if (!offersCodes(deps)) return seeOther(ctx, `/interaction/${interaction.uid}`)
  if (login.trim() === '') {
    return sendAsk(deps, ctx, interaction, { error: 'missing_login' }, 422)
  }
  if (!(await mayAskForCode(deps, ctx))) {
    return sendAsk(deps, ctx, interaction, { error: 'too_many_attempts' }, 429)
  }
  await beginEmailSignIn(deps, {
    identifier: login,
    locale: deps.pages.localeOf(ctx),
    interactionUid: interaction.uid,
    clientId: interaction.client.clientId,
    origin: originOf(ctx),
  })
  sendCode(deps, ctx, interaction, { code: '' })
}

/**
 * Where the link of the mail leads. The browser that asked finds the code filled in and presses the
 * button; any other shows it, to be typed where it is wanted. Opening it uses nothing up.
 */
export async function showEmailCode(deps: InteractionDeps, ctx: Context): Promise<void> {
  const opened = await openCodeLink(deps, ctx)
  if (opened) sendCode(deps, ctx, opened.interaction, { code: opened.code })
}

export async function submitEmailCode(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const form = parseForm(codeForm, await readForm(ctx))
  const { uid, client } = interaction
  checkForm(deps, interaction, bindingsOf(interaction), form.csrf)
  if (!offersCodes(deps)) return seeOther(ctx, `/interaction/${uid}`)
  await assertMayTryCode(deps, ctx)
  const remember = form.remember === 'yes'
  const result = await completeEmailSignIn(deps, {
    interactionUid: uid,
    clientId: client.clientId,
    code: form.code,
    remember,
    deviceKnownFor: knownAccountsOf(deps, ctx),
    origin: originOf(ctx),
  })
  if (result.kind === 'signed_in') return goOn(deps, ctx, interaction, `/interaction/${uid}`)
  deps.onSignIn?.('failed')
  sendCode(deps, ctx, interaction, { code: '', remember, error: 'wrong_code' }, 422)
}

function sendAsk(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  { error }: Pick<Views['interactions/email_sign_in'], 'error'>,
  status = 200,
): void {
  const locals = {
    ...commonOf(deps, interaction),
    action: `/interaction/${interaction.uid}/email_sign_in`,
    withPhone: deps.sendsSms || undefined,
    login: keptIdentifier(deps, ctx, interaction.uid)?.login ?? loginHint(interaction),
    error,
  }
  deps.pages.send(ctx, 'interactions/email_sign_in', locals, status)
}

function sendCode(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  filled: Pick<Views['interactions/email_code'], 'code' | 'remember' | 'error'>,
  status = 200,
): void {
  const path = `/interaction/${interaction.uid}`
  const locals = {
    ...commonOf(deps, interaction),
    action: `${path}/email_code`,
    againUri: `${path}/email_sign_in`,
    ...filled,
  }
  deps.pages.send(ctx, 'interactions/email_code', locals, status)
}

function commonOf(deps: InteractionDeps, interaction: Interaction) {
  const { uid, client } = interaction
  return {
    client: clientViewOf(client),
    signInUri: `/interaction/${uid}/login`,
    csrf: issueCsrf(csrfKey(deps), bindingsOf(interaction)),
    by: deps.smsSignIn ? ('message' as const) : ('email' as const),
  }
}

function bindingsOf({ uid }: Interaction): string[] {
  return [uid, 'email_sign_in']
}

import type { Context } from 'koa'
import { z } from 'zod'
import { findAccountById } from '../../domain/accounts/account_store.ts'
import { maskedEmail } from '../../domain/accounts/identifier.ts'
import {
  confirmSignIn,
  requestConfirmation,
} from '../../domain/authentication/risk/confirm_by_mail.ts'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { assertMayTryCode, mayAskForCode } from './code_limits.ts'
import { goOn, seeOther } from './dispatch.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { type Interaction, InteractionLost, loadInteraction } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'

/**
 * A code from the mailbox, where a sign-in is unusual and its owner has no second factor. Nothing is
 * sent before the button is pressed: a page that is opened again sends nobody anything.
 */

const confirmForm = z.object({
  csrf: z.string().max(200),
  send: z.enum(['yes']).optional(),
  code: z.string().max(40).default(''),
})

type Filled = Pick<Views['interactions/confirm_sign_in'], 'sent' | 'error'>

export async function showConfirmation(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { uid, next } = interaction
  if (next.step !== 'confirm_sign_in') return seeOther(ctx, `/interaction/${uid}`)
  await send(deps, ctx, interaction, { sent: false })
}

export async function submitConfirmation(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const form = parseForm(confirmForm, await readForm(ctx))
  const { uid, client, next, attempt } = interaction
  checkForm(deps, interaction, bindingsOf(interaction), form.csrf)
  if (next.step !== 'confirm_sign_in' || !attempt) {
    return goOn(deps, ctx, interaction, `/interaction/${uid}`)
  }
  if (form.send) return await sendCode(deps, ctx, interaction, attempt.accountId)
  await assertMayTryCode(deps, ctx)
  const { clientId } = client
  const tried = { interactionUid: uid, clientId, attempt, code: form.code, origin: originOf(ctx) }
  if (await confirmSignIn(deps, tried)) return goOn(deps, ctx, interaction, `/interaction/${uid}`)
  deps.onSignIn?.('failed')
  await send(deps, ctx, interaction, { sent: true, error: 'wrong_code' }, 422)
}

async function sendCode(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  accountId: string,
): Promise<void> {
  if (!(await mayAskForCode(deps, ctx))) {
    return await send(deps, ctx, interaction, { sent: true, error: 'too_many_attempts' }, 429)
  }
  const locale = deps.pages.localeOf(ctx)
  await requestConfirmation(deps, { interactionUid: interaction.uid, accountId, locale })
  await send(deps, ctx, interaction, { sent: true })
}

async function send(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  filled: Filled,
  status = 200,
): Promise<void> {
  const { uid, client, attempt } = interaction
  const account = attempt && (await findAccountById(deps.db, attempt.accountId))
  if (!account) throw new InteractionLost(uid)
  const path = `/interaction/${uid}`
  const locals: Views['interactions/confirm_sign_in'] = {
    client: clientViewOf(client),
    action: `${path}/confirm_sign_in`,
    cancelAction: `${path}/cancel`,
    signInUri: `${path}/login`,
    csrf: issueCsrf(csrfKey(deps), bindingsOf(interaction)),
    cancelCsrf: issueCsrf(csrfKey(deps), [uid]),
    // Word joiners: no line ends within what is left of the name.
    mailbox: maskedEmail(account.email ?? '').replace('…', '\u2060…\u2060'),
    ...filled,
  }
  deps.pages.send(ctx, 'interactions/confirm_sign_in', locals, status)
}

/** The page is about whoever has proven something: somebody else's is another page. */
function bindingsOf({ uid, attempt }: Interaction): string[] {
  return [uid, 'confirm_sign_in', attempt?.accountId ?? '']
}

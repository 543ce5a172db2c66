import type { Context } from 'koa'
import { z } from 'zod'
import {
  completeSignUp,
  type PendingSignUp,
  resendSignUpCode,
  signUpAddress,
} from '../../domain/authentication/sign_up.ts'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { assertMayTryCode, mayAskForCode } from './code_limits.ts'
import { openCodeLink } from './code_link.ts'
import { goOn, seeOther } from './dispatch.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { type Interaction, loadInteraction } from './interaction.ts'
import { sendInvitationOver } from './invitation.ts'
import { forgetInvitation } from './invitation_cookie.ts'
import type { InteractionDeps } from './mount.ts'

/** The last page of a sign-up: the code that went to its address or number. */

const codeForm = z.object({ csrf: z.string().max(200), code: z.string().max(40).default('') })
const csrfForm = z.object({ csrf: z.string().max(200) })

/**
 * Also where the link of a mail leads. In the browser that signs up its code is filled in, and used
 * by whoever presses the button; any other browser shows it, to be typed where it is wanted. A mail
 * scanner that opens the link changes nothing.
 */
export async function showVerification(deps: InteractionDeps, ctx: Context): Promise<void> {
  const opened = await openCodeLink(deps, ctx)
  if (!opened) return
  const { interaction, code } = opened
  const { signUp } = interaction
  if (!signUp) return seeOther(ctx, `/interaction/${interaction.uid}`)
  sendVerification(deps, ctx, { ...interaction, signUp }, { code })
}

export async function submitVerification(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { csrf, code } = parseForm(codeForm, await readForm(ctx))
  const { uid: interactionUid, client, signUp } = interaction
  checkForm(deps, interaction, [interaction.uid, 'sign_up'], csrf)
  if (!signUp) return goOn(deps, ctx, interaction, `/interaction/${interactionUid}`)
  await assertMayTryCode(deps, ctx)
  const { clientId } = client
  const origin = originOf(ctx)
  const result = await completeSignUp(deps, { interactionUid, clientId, code, origin })
  if (result.kind === 'invitation_over') {
    forgetInvitation(ctx)
    return sendInvitationOver(deps, ctx)
  }
  if (result.kind === 'signed_up') {
    forgetInvitation(ctx)
    return goOn(deps, ctx, interaction, `/interaction/${interactionUid}`)
  }
  const error = code.trim() === '' ? 'missing_code' : 'wrong_code'
  sendVerification(deps, ctx, { ...interaction, signUp }, { code: '', error }, 422)
}

export async function resendCode(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { csrf } = parseForm(csrfForm, await readForm(ctx))
  checkForm(deps, interaction, [interaction.uid, 'sign_up'], csrf)
  const { signUp } = interaction
  if (!signUp) return goOn(deps, ctx, interaction, `/interaction/${interaction.uid}`)
  if (!(await mayAskForCode(deps, ctx))) {
    const problem = { code: '', error: 'too_many_codes' } as const
    return sendVerification(deps, ctx, { ...interaction, signUp }, problem, 429)
  }
  await resendSignUpCode(deps, signUp)
  sendVerification(deps, ctx, { ...interaction, signUp }, { code: '', resent: true })
}

function sendVerification(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction & { signUp: PendingSignUp },
  filled: Pick<Views['interactions/verify_identifier'], 'code' | 'error' | 'resent'>,
  status = 200,
): void {
  const { uid, client, signUp } = interaction
  const path = `/interaction/${uid}`
  const { kind, shown } = signUpAddress(signUp)
  const step = `verify_${kind}` as const
  const locals = {
    client: clientViewOf(client),
    step,
    sentTo: shown,
    action: `${path}/${step}`,
    resendAction: `${path}/${step}/resend`,
    signUpUri: `${path}/sign_up`,
    signInUri: `${path}/login`,
    csrf: issueCsrf(csrfKey(deps), [interaction.uid, 'sign_up']),
    ...filled,
  }
  deps.pages.send(ctx, 'interactions/verify_identifier', locals, status)
}

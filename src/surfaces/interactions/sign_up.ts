import type { Context } from 'koa'
import { z } from 'zod'
import { unreachable } from '../../core/errors.ts'
import type { Invitation } from '../../domain/accounts/invitation.ts'
import type { Fault } from '../../domain/accounts/profile/attribute.ts'
import { viewsOf } from '../../domain/accounts/profile/profile_field_views.ts'
import {
  readFields,
  signUpFields,
  type Typed,
} from '../../domain/accounts/profile/profile_fields.ts'
import {
  beginSignUp,
  completeSignUp,
  type PendingSignUp,
  resendSignUpCode,
  type SignUpBy,
  signUpAddress,
} from '../../domain/authentication/sign_up.ts'
import { PROOF_MAX } from '../../domain/security/proof_of_work.ts'
import type { PasswordProblem, Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { PROFILE_FORM_FIELDS } from '../../web/profile_form.ts'
import { allowOwnScripts } from '../../web/security_headers.ts'
import { assertMayTryCode, mayAskForCode } from './code_limits.ts'
import { openCodeLink } from './code_link.ts'
import { goOn, seeOther } from './dispatch.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { type Interaction, loadInteraction, loginHint } from './interaction.ts'
import { sendInvitationOver } from './invitation.ts'
import { forgetInvitation, invitationOf } from './invitation_cookie.ts'
import type { InteractionDeps } from './mount.ts'
import { hasProof, proofFor } from './proof.ts'

/** Making an account on the way: the same pages and words whether the address has one or not. */

const signUpForm = z
  .object({
    csrf: z.string().max(200),
    login: z.string().max(400).default(''),
    name: z.string().max(400).default(''),
    password: z.string().max(4096).default(''),
    terms: z.string().max(100).optional(),
    proof: z.string().max(PROOF_MAX).default(''),
  })
  // What the deployment asks besides: `readFields` knows which of the other fields are any.
  .catchall(z.string().max(4_000))

const codeForm = z.object({ csrf: z.string().max(200), code: z.string().max(40).default('') })
const csrfForm = z.object({ csrf: z.string().max(200) })

type SignUpFilled = Pick<
  Views['interactions/sign_up'],
  'login' | 'name' | 'termsAccepted' | 'error' | 'password'
> & { typed?: Typed; faults?: ReadonlyMap<string, Fault> }

export async function showSignUp(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const invitation = await invitationOf(deps, ctx)
  if (interaction.attempt) return seeOther(ctx, `/interaction/${interaction.uid}`)
  if (!invitation && !deps.signUp.open) {
    return seeOther(ctx, `/interaction/${interaction.uid}/login`)
  }
  const login = invitation?.email ?? hintFor(deps.signUp.by, interaction)
  const filled = { login, name: '', invitation }
  await sendSignUp(deps, ctx, interaction, filled)
}

export async function submitSignUp(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const form = parseForm(signUpForm, await readForm(ctx, PROFILE_FORM_FIELDS))
  checkForm(deps, interaction, bindingsOf(interaction), form.csrf)
  const invitation = await invitationOf(deps, ctx)
  const filled = {
    invitation,
    login: (invitation?.email ?? form.login).slice(0, 320),
    name: form.name.slice(0, 320),
    termsAccepted: form.terms === deps.terms?.version,
    typed: form as Typed,
  }
  if (filled.login.trim() === '' || form.password === '') {
    const error = `missing_${byOf(deps, invitation)}` as const
    return await sendSignUp(deps, ctx, interaction, { ...filled, error }, 422)
  }
  const { change, faults } = readFields(deps.profile, signUpFields(deps.profile), filled.typed)
  if (faults.size > 0) {
    const problem = { ...filled, error: 'invalid_fields' as const, faults }
    return await sendSignUp(deps, ctx, interaction, problem, 422)
  }
  if (!(await hasProof(deps, ctx, interaction, { page: 'sign_up', proof: form.proof }))) {
    return await sendSignUp(deps, ctx, interaction, { ...filled, error: 'proof' }, 422)
  }
  if (!(await mayAskForCode(deps, ctx))) {
    return await sendSignUp(deps, ctx, interaction, { ...filled, error: 'too_many_attempts' }, 429)
  }
  const result = await beginSignUp(deps, {
    ...form,
    attributes: change.attributes,
    locale: deps.pages.localeOf(ctx),
    interactionUid: interaction.uid,
    clientId: interaction.client.clientId,
    clientName: clientViewOf(interaction.client).name.slice(0, 200),
    context: [deps.brandName],
    invitation,
    origin: originOf(ctx),
  })
  switch (result.kind) {
    case 'code_sent':
      return goOn(deps, ctx, interaction, `/interaction/${interaction.uid}`)
    case 'refused':
      return await sendSignUp(deps, ctx, interaction, { ...filled, error: result.reason }, 422)
    case 'weak_password':
      return await sendSignUp(deps, ctx, interaction, { ...filled, password: result.refusal }, 422)
    default:
      unreachable(result)
  }
}

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
  checkForm(deps, interaction, bindingsOf(interaction), csrf)
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
  checkForm(deps, interaction, bindingsOf(interaction), csrf)
  const { signUp } = interaction
  if (!signUp) return goOn(deps, ctx, interaction, `/interaction/${interaction.uid}`)
  if (!(await mayAskForCode(deps, ctx))) {
    const problem = { code: '', error: 'too_many_codes' } as const
    return sendVerification(deps, ctx, { ...interaction, signUp }, problem, 429)
  }
  await resendSignUpCode(deps, signUp)
  sendVerification(deps, ctx, { ...interaction, signUp }, { code: '', resent: true })
}

async function sendSignUp(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  {
    invitation,
    login,
    name,
    termsAccepted,
    error,
    password,
    typed = {},
    faults = new Map(),
  }: Omit<SignUpFilled, 'password'> & {
    invitation: Invitation | undefined
    password?: PasswordProblem
  },
  status = 200,
): Promise<void> {
  const { uid, client } = interaction
  const path = `/interaction/${uid}`
  const locals = {
    client: clientViewOf(client),
    proof: await proofFor(deps, ctx, interaction, 'sign_up'),
    action: `${path}/sign_up`,
    csrf: issueCsrf(csrfKey(deps), bindingsOf(interaction)),
    signInUri: `${path}/login`,
    minLength: deps.passwordPolicy.minLength,
    termsUri: deps.terms?.uri,
    termsVersion: deps.terms?.version,
    termsAccepted,
    by: byOf(deps, invitation),
    login,
    loginFixed: invitation?.email !== undefined,
    name,
    fields: viewsOf(signUpFields(deps.profile), {
      typed,
      faults,
      locale: deps.pages.localeOf(ctx),
    }),
    error,
    password,
  }
  allowOwnScripts(ctx.res)
  deps.pages.send(ctx, 'interactions/sign_up', locals, status)
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
    csrf: issueCsrf(csrfKey(deps), bindingsOf(interaction)),
    ...filled,
  }
  deps.pages.send(ctx, 'interactions/verify_identifier', locals, status)
}

/** What this newcomer signs up with: an invitation may name an address. */
function byOf({ signUp }: InteractionDeps, invitation: Invitation | undefined): SignUpBy {
  return invitation?.email === undefined ? signUp.by : 'email'
}

/** A hint may be a username, too. */
function hintFor(by: SignUpBy, interaction: Interaction): string {
  const hint = loginHint(interaction)
  if (hint.includes('@')) return by === 'phone' ? '' : hint
  return hint.startsWith('+') && by !== 'email' ? hint : ''
}

function bindingsOf({ uid }: Interaction): string[] {
  return [uid, 'sign_up']
}

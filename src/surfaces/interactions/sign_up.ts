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
import { beginSignUp, type SignUpBegun } from '../../domain/authentication/sign_up.ts'
import { PROOF_MAX } from '../../domain/security/proof_of_work.ts'
import type { PasswordProblem, Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { PROFILE_FORM_FIELDS } from '../../web/profile_form.ts'
import { allowOwnScripts } from '../../web/security_headers.ts'
import { keptAddress } from './chosen_identifier.ts'
import { mayAskForCode } from './code_limits.ts'
import { goOn, seeOther } from './dispatch.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { type Interaction, loadInteraction } from './interaction.ts'
import { invitationOf } from './invitation_cookie.ts'
import type { InteractionDeps } from './mount.ts'
import { hasProof, proofFor } from './proof.ts'
import { byOf, hintFor, newcomerOf } from './sign_up_address.ts'

/**
 * Making an account on the way: the same pages and words whether the address has one or not. It is one
 * page, or the second of two where the sign-in has two: `sign_up_address.ts` is the first of them.
 */

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

type SignUpForm = z.output<typeof signUpForm>

type SignUpFilled = Pick<
  Views['interactions/sign_up'],
  'login' | 'name' | 'termsAccepted' | 'error' | 'password'
> & { typed?: Typed; faults?: ReadonlyMap<string, Fault> }

export async function showSignUp(deps: InteractionDeps, ctx: Context): Promise<void> {
  const newcomer = await newcomerOf(deps, ctx)
  if (!newcomer) return
  const { interaction, invitation } = newcomer
  const login = isOnePage(deps)
    ? (invitation?.email ?? hintFor(deps.signUp.by, interaction))
    : chosenBefore(deps, ctx, newcomer)
  if (login === undefined) return seeOther(ctx, firstPageOf(interaction))
  await sendSignUp(deps, ctx, interaction, { login, name: '', invitation })
}

export async function submitSignUp(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const form = parseForm(signUpForm, await readForm(ctx, PROFILE_FORM_FIELDS))
  const invitation = await invitationOf(deps, ctx)
  const login = isOnePage(deps)
    ? (invitation?.email ?? form.login).slice(0, 320)
    : chosenBefore(deps, ctx, { interaction, invitation })
  if (login === undefined) return seeOther(ctx, firstPageOf(interaction))
  checkForm(deps, interaction, bindingsOf(deps, interaction, login), form.csrf)
  const filled = {
    invitation,
    login,
    name: form.name.slice(0, 320),
    termsAccepted: form.terms === deps.terms?.version,
    typed: form as Typed,
  }
  if (filled.login.trim() === '' || form.password === '') {
    const error = isOnePage(deps)
      ? (`missing_${byOf(deps, invitation)}` as const)
      : 'missing_password'
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
  const result = await begin(deps, ctx, interaction, { ...filled, form, change })
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

async function begin(
  deps: InteractionDeps,
  ctx: Context,
  { uid: interactionUid, client }: Interaction,
  input: {
    login: string
    invitation: Invitation | undefined
    form: SignUpForm
    change: ReturnType<typeof readFields>['change']
  },
): Promise<SignUpBegun> {
  const { login, invitation, form, change } = input
  return await beginSignUp(deps, {
    ...form,
    login,
    attributes: change.attributes,
    locale: deps.pages.localeOf(ctx),
    interactionUid,
    clientId: client.clientId,
    clientName: clientViewOf(client).name.slice(0, 200),
    context: [deps.brandName],
    invitation,
    origin: originOf(ctx),
  })
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
    action: isOnePage(deps) ? `${path}/sign_up` : `${path}/sign_up/details`,
    csrf: issueCsrf(csrfKey(deps), bindingsOf(deps, interaction, login)),
    signInUri: `${path}/login`,
    minLength: deps.passwordPolicy.minLength,
    termsUri: deps.terms?.uri,
    termsVersion: deps.terms?.version,
    termsAccepted,
    by: byOf(deps, invitation),
    login,
    loginFixed: invitation?.email !== undefined,
    addressUri: isOnePage(deps) || invitation?.email ? undefined : firstPageOf(interaction),
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

function isOnePage({ signInPage }: InteractionDeps): boolean {
  return signInPage === 'one_page'
}

/** Of two pages, where the address is asked for. */
function firstPageOf({ uid }: Interaction): string {
  return `/interaction/${uid}/sign_up`
}

/** The address that the page before asked for; an invitation's own is asked of nobody. */
function chosenBefore(
  deps: InteractionDeps,
  ctx: Context,
  { interaction, invitation }: { interaction: Interaction; invitation: Invitation | undefined },
): string | undefined {
  return invitation?.email ?? keptAddress(deps, ctx, interaction.uid)?.login
}

/** Of two pages, the second is for one address: another tab may have named another meanwhile. */
function bindingsOf(deps: InteractionDeps, { uid }: Interaction, login: string): string[] {
  return isOnePage(deps) ? [uid, 'sign_up'] : [uid, 'sign_up', login]
}

import type { Context } from 'koa'
import { z } from 'zod'
import type { Invitation } from '../../domain/accounts/invitation.ts'
import {
  isBarred,
  judgeAddress,
  noteRefusal,
  type SignUpBy,
} from '../../domain/authentication/sign_up.ts'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { keepAddress, keptAddress, keptIdentifier } from './chosen_identifier.ts'
import { mayAskForCode } from './code_limits.ts'
import { seeOther } from './dispatch.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { type Interaction, loadInteraction, loginHint } from './interaction.ts'
import { invitationOf } from './invitation_cookie.ts'
import type { InteractionDeps } from './mount.ts'

/**
 * The first of two pages of a sign-up: the address or the number, and nothing else. It is judged by
 * its text alone, so that what the page does and answers is the same whether there is such an account
 * or not. There is no proof of work, because it costs nothing that a form by the thousand could use
 * up: no password is hashed and nothing is sent; the page that does both asks for one, and its browser
 * works on it while the password is typed. The terms stand beside the button that they are about.
 */

const addressForm = z.object({
  csrf: z.string().max(200),
  login: z.string().max(400).default(''),
})

type Locals = Views['interactions/sign_up_address']
type Filled = Pick<Locals, 'login' | 'error'>

export async function showSignUpAddress(deps: InteractionDeps, ctx: Context): Promise<void> {
  const newcomer = await newcomerOf(deps, ctx)
  if (!newcomer) return
  const { interaction, invitation } = newcomer
  // There is nothing to ask: the invitation names the address.
  if (invitation?.email !== undefined) return seeOther(ctx, detailsUri(interaction))
  const login = typedBefore(deps, ctx, interaction)
  sendSignUpAddress(deps, ctx, interaction, { login })
}

export async function submitSignUpAddress(deps: InteractionDeps, ctx: Context): Promise<void> {
  const { csrf, login: typed } = parseForm(addressForm, await readForm(ctx))
  const newcomer = await newcomerOf(deps, ctx)
  if (!newcomer) return
  const { interaction, invitation } = newcomer
  checkForm(deps, interaction, bindingsOf(interaction), csrf)
  const login = typed.slice(0, 320)
  const again = (error: NonNullable<Locals['error']>, status = 422): void =>
    sendSignUpAddress(deps, ctx, interaction, { login, error }, status)
  if (login.trim() === '') return again(`missing_${deps.signUp.by}`)
  const judged = judgeAddress(deps, { login, invitation })
  if ('fault' in judged) {
    const { fault } = judged
    // It leaves an event, of which a network gets no more than it gets codes.
    if (isBarred(fault)) {
      if (!(await mayAskForCode(deps, ctx))) return again('too_many_attempts', 429)
      const { clientId } = interaction.client
      await noteRefusal(deps, { clientId, origin: originOf(ctx) }, fault)
    }
    return again(fault)
  }
  keepAddress(deps, ctx, interaction.uid, { login })
  seeOther(ctx, detailsUri(interaction))
}

/** Who may make an account here and now; anybody else is on the way elsewhere. */
export async function newcomerOf(
  deps: InteractionDeps,
  ctx: Context,
): Promise<{ interaction: Interaction; invitation: Invitation | undefined } | undefined> {
  const interaction = await loadInteraction(deps, ctx)
  const invitation = await invitationOf(deps, ctx)
  const path = `/interaction/${interaction.uid}`
  if (interaction.attempt) seeOther(ctx, path)
  else if (!invitation && !deps.signUp.open) seeOther(ctx, `${path}/login`)
  else return { interaction, invitation }
  return undefined
}

/** What this newcomer signs up with: an invitation may name an address. */
export function byOf({ signUp }: InteractionDeps, invitation: Invitation | undefined): SignUpBy {
  return invitation?.email === undefined ? signUp.by : 'email'
}

/** What is known of the address before anybody types one: a name, too, can be hinted at. */
export function hintFor(by: SignUpBy, interaction: Interaction): string {
  return addressIn(by, loginHint(interaction)) ?? ''
}

/** On this page, or at the sign-in before it. */
function typedBefore(deps: InteractionDeps, ctx: Context, interaction: Interaction): string {
  const { by } = deps.signUp
  const { uid } = interaction
  const atSignUp = keptAddress(deps, ctx, uid)?.login
  const atSignIn = addressIn(by, keptIdentifier(deps, ctx, uid)?.login)
  return atSignUp ?? atSignIn ?? hintFor(by, interaction)
}

/** Undefined where it cannot be one: a name at the sign-in may be a username. */
function addressIn(by: SignUpBy, text = ''): string | undefined {
  if (text.includes('@')) return by === 'phone' ? undefined : text
  return /^\+?[\d\s()/.-]+$/.test(text) && by !== 'email' ? text : undefined
}

function sendSignUpAddress(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  filled: Filled,
  status = 200,
): void {
  const path = `/interaction/${interaction.uid}`
  const locals = {
    client: clientViewOf(interaction.client),
    action: `${path}/sign_up`,
    csrf: issueCsrf(csrfKey(deps), bindingsOf(interaction)),
    signInUri: `${path}/login`,
    by: deps.signUp.by,
    ...filled,
  }
  deps.pages.send(ctx, 'interactions/sign_up_address', locals, status)
}

function detailsUri({ uid }: Interaction): string {
  return `/interaction/${uid}/sign_up/details`
}

function bindingsOf({ uid }: Interaction): string[] {
  return [uid, 'sign_up']
}

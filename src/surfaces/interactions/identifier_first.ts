import type { Context } from 'koa'
import { z } from 'zod'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { type ChosenIdentifier, keepIdentifier, keptIdentifier } from './chosen_identifier.ts'
import { waysByCode } from './code_limits.ts'
import { connectionOfAddress, connectionUri } from './connection_ways.ts'
import { goOn, seeOther } from './dispatch.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { type Interaction, loadInteraction } from './interaction.ts'
import { sendLogin, signUpUriOf } from './login.ts'
import type { InteractionDeps } from './mount.ts'
import { tryPassword } from './try_password.ts'

/**
 * Signing in on two pages: who it is, then the password. What the first one does, shows and answers
 * is the same whether there is such an account or not: nobody is looked up before the password.
 */

const identifierForm = z.object({
  csrf: z.string().max(200),
  login: z.string().max(320).default(''),
  remember: z.enum(['yes']).optional(),
  /** Pressed by somebody who has no account: what was typed is not typed again. */
  to: z.enum(['sign_up']).optional(),
})
const passwordForm = z.object({
  csrf: z.string().max(200),
  password: z.string().max(4096).default(''),
})

export async function submitIdentifier(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const form = parseForm(identifierForm, await readForm(ctx))
  checkForm(deps, interaction, [interaction.uid], form.csrf)
  const chosen = { login: form.login, remember: form.remember === 'yes' }
  const isNamed = chosen.login.trim() !== ''
  if (form.to === 'sign_up') {
    if (isNamed) keepIdentifier(deps, ctx, interaction.uid, chosen)
    return seeOther(ctx, `/interaction/${interaction.uid}/sign_up`)
  }
  if (!isNamed) {
    return await sendLogin(deps, ctx, interaction, { ...chosen, error: 'missing_login' }, 422)
  }
  keepIdentifier(deps, ctx, interaction.uid, chosen)
  await afterIdentifier(deps, ctx, interaction, chosen.login)
}

/**
 * Where somebody goes on who has said who they are: to the source that their mail domain leads to, or
 * else to the password, whoever it is. The text alone decides: whether there is such an account must
 * not show.
 */
async function afterIdentifier(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  login: string,
): Promise<void> {
  const connection = await connectionOfAddress(deps, login)
  if (connection) return goOn(deps, ctx, interaction, connectionUri(interaction, connection))
  seeOther(ctx, `/interaction/${interaction.uid}/password`)
}

export async function showPassword(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const chosen = chosenBefore(deps, ctx, interaction)
  if (!chosen) return seeOther(ctx, `/interaction/${interaction.uid}/login`)
  sendPassword(deps, ctx, interaction, chosen)
}

export async function submitPassword(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { csrf, password } = parseForm(passwordForm, await readForm(ctx))
  const chosen = chosenBefore(deps, ctx, interaction)
  if (!chosen) return seeOther(ctx, `/interaction/${interaction.uid}/login`)
  checkForm(deps, interaction, bindingsOf(interaction, chosen), csrf)
  const again = async (problem: Problem, status: number): Promise<void> =>
    sendPassword(deps, ctx, interaction, chosen, problem, status)
  if (password === '') return await again({ error: 'missing_password' }, 422)
  await tryPassword(deps, ctx, interaction, { ...chosen, password }, again)
}

function chosenBefore(
  deps: InteractionDeps,
  ctx: Context,
  { uid }: Interaction,
): ChosenIdentifier | undefined {
  return deps.signInPage === 'identifier_first' ? keptIdentifier(deps, ctx, uid) : undefined
}

type Problem = Pick<Views['interactions/password'], 'error' | 'retryAfterS'>

function sendPassword(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  chosen: ChosenIdentifier,
  problem: Problem = {},
  status = 200,
): void {
  const path = `/interaction/${interaction.uid}`
  const locals = {
    client: clientViewOf(interaction.client),
    action: `${path}/password`,
    csrf: issueCsrf(csrfKey(deps), bindingsOf(interaction, chosen)),
    login: chosen.login,
    withPhone: deps.sendsSms || undefined,
    switchUri: `${path}/login`,
    signUpUri: signUpUriOf(deps, ctx, interaction.uid),
    ...waysByCode(deps, interaction.uid),
    forgotUri: deps.recovery ? `${path}/forgot_password` : undefined,
    cancelAction: `${path}/cancel`,
    cancelCsrf: issueCsrf(csrfKey(deps), [interaction.uid]),
    ...problem,
  }
  deps.pages.send(ctx, 'interactions/password', locals, status)
}

/** Another tab may have chosen somebody else meanwhile: a password is not tried for whom it is not. */
function bindingsOf({ uid }: Interaction, { login }: ChosenIdentifier): string[] {
  return [uid, 'password', login]
}

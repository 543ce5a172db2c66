import type { Context } from 'koa'
import { z } from 'zod'
import { passkeyUse } from '../../domain/authentication/sign_in_with_passkey.ts'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { askForPasskey } from './ask_passkey.ts'
import { waysByCode } from './code_limits.ts'
import { connectionWays } from './connection_ways.ts'
import { checkForm, csrfKey } from './form_token.ts'
import { type Interaction, loadInteraction, loginHint } from './interaction.ts'
import { hasInvitation } from './invitation_cookie.ts'
import type { InteractionDeps } from './mount.ts'
import { tryPassword } from './try_password.ts'

/** Signing in with identifier and password. The same words whatever was wrong. */

const loginForm = z.object({
  csrf: z.string().max(200),
  login: z.string().max(320).default(''),
  password: z.string().max(4096).default(''),
  remember: z.enum(['yes']).optional(),
})

type Filled = Pick<Views['interactions/login'], 'login' | 'remember' | 'error' | 'retryAfterS'>

export async function showLogin(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  await sendLogin(deps, ctx, interaction, { login: loginHint(interaction) })
}

export async function submitLogin(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const form = parseForm(loginForm, await readForm(ctx))
  checkForm(deps, interaction, [interaction.uid], form.csrf)
  const { login, password } = form
  const remember = form.remember === 'yes'
  const filled = { login, remember }
  if (login.trim() === '' || password === '') {
    return await sendLogin(deps, ctx, interaction, { ...filled, error: 'missing_fields' }, 422)
  }
  await tryPassword(deps, ctx, interaction, { ...filled, password }, (problem, status) =>
    sendLogin(deps, ctx, interaction, { ...filled, ...problem }, status),
  )
}

export async function sendLogin(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  { login, remember, error, retryAfterS }: Filled,
  status = 200,
): Promise<void> {
  const { uid } = interaction
  const path = `/interaction/${uid}`
  const options = await askForPasskey(deps, ctx, passkeyUse(uid))
  deps.pages.send(
    ctx,
    'interactions/login',
    {
      client: clientViewOf(interaction.client),
      action: `${path}/login`,
      cancelAction: `${path}/cancel`,
      signUpUri: signUpUriOf(deps, ctx, uid),
      byInvitation: deps.signUp.byInvitation,
      ...waysByCode(deps, uid),
      forgotUri: deps.recovery ? `${path}/forgot_password` : undefined,
      csrf: issueCsrf(csrfKey(deps), [interaction.uid]),
      identifierOnly: deps.signInPage === 'identifier_first',
      sources: await connectionWays(deps, ctx, interaction),
      passkey: options === undefined ? undefined : { options, action: `${path}/passkey` },
      withPhone: deps.sendsSms || undefined,
      login: login.slice(0, 320),
      remember,
      error,
      retryAfterS,
    },
    status,
  )
}

/** Undefined where this browser may make no account. */
export function signUpUriOf(
  { signUp }: InteractionDeps,
  ctx: Context,
  uid: string,
): string | undefined {
  return signUp.open || hasInvitation(ctx) ? `/interaction/${uid}/sign_up` : undefined
}

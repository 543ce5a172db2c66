import type { Context } from 'koa'
import { z } from 'zod'
import { unreachable } from '../../core/errors.ts'
import { passkeyUse } from '../../domain/authentication/sign_in_with_passkey.ts'
import { signInWithPassword } from '../../domain/authentication/sign_in_with_password.ts'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { checkCsrf, issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { askForPasskey } from './ask_passkey.ts'
import { waysByCode } from './code_limits.ts'
import { connectionWays } from './connection_ways.ts'
import { goOn } from './dispatch.ts'
import { type Interaction, InteractionLost, loadInteraction, loginHint } from './interaction.ts'
import { hasInvitation } from './invitation_cookie.ts'
import { knownAccountsOf } from './known_device.ts'
import type { InteractionDeps } from './mount.ts'

/** Signing in with identifier and password. The same words whatever was wrong. */

const loginForm = z.object({
  csrf: z.string().max(200),
  login: z.string().max(320).default(''),
  password: z.string().max(4096).default(''),
  remember: z.enum(['yes']).optional(),
})

type Filled = Pick<Views['interactions/login'], 'login' | 'remember' | 'error' | 'retryAfterS'>
type Refusal = { error: 'invalid_credentials' | 'too_many_attempts'; retryAfterS?: number }

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

/** @param again shows the page once more, with what was wrong */
export async function tryPassword(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  { login, password, remember }: { login: string; password: string; remember: boolean },
  again: (problem: Refusal, status: number) => Promise<void>,
): Promise<void> {
  const result = await signInWithPassword(deps, {
    identifier: login,
    password,
    interactionUid: interaction.uid,
    clientId: interaction.client.clientId,
    remember,
    deviceTrustedFor: knownAccountsOf(deps, ctx),
    origin: originOf(ctx),
  })
  switch (result.kind) {
    case 'signed_in':
      return goOn(deps, ctx, interaction, `/interaction/${interaction.uid}`)
    case 'refused':
      deps.onSignIn?.('failed')
      return await again({ error: 'invalid_credentials' }, 422)
    case 'throttled':
      deps.onSignIn?.('throttled')
      ctx.set('Retry-After', String(Math.ceil(result.retryAfterS)))
      return await again({ error: 'too_many_attempts', retryAfterS: result.retryAfterS }, 429)
    default:
      unreachable(result)
  }
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
      signUpUri: deps.signUp.open || hasInvitation(ctx) ? `${path}/sign_up` : undefined,
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

export function csrfKey(deps: InteractionDeps): Buffer {
  return deps.keyring.derive('interaction_csrf')
}

/** @throws InteractionLost where the page was not made for what is being signed in for now */
export function checkForm(
  deps: InteractionDeps,
  { uid }: Interaction,
  bindings: readonly string[],
  token: string,
): void {
  try {
    checkCsrf(csrfKey(deps), bindings, token)
  } catch {
    throw new InteractionLost(uid, { changed: true })
  }
}

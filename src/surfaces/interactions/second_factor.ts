import type { Context } from 'koa'
import { z } from 'zod'
import { unreachable } from '../../core/errors.ts'
import { signInWithSecondFactor } from '../../domain/authentication/sign_in_with_second_factor.ts'
import type { SecondFactor } from '../../domain/credentials/factor_store.ts'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from '../../web/client_view.ts'
import { issueCsrf } from '../../web/csrf.ts'
import { parseForm, readForm } from '../../web/forms.ts'
import { originOf } from '../../web/origin.ts'
import { goOn, seeOther } from './dispatch.ts'
import { type Interaction, loadInteraction } from './interaction.ts'
import { checkForm, csrfKey } from './login.ts'
import type { InteractionDeps } from './mount.ts'
import { trustThisBrowser } from './trusted_device_cookie.ts'

/** The second factor: a code of an authenticator, or one of those on paper. */

const secondFactorForm = z.object({
  csrf: z.string().max(200),
  method: z.enum(['totp', 'recovery_code']),
  code: z.string().max(100).default(''),
  trust: z.enum(['yes']).optional(),
})

type SecondFactorLocals = Views['interactions/second_factor']
type Filled = Pick<SecondFactorLocals, 'method' | 'trust' | 'error'>

export async function showSecondFactor(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { uid, next, enrolled } = interaction
  if (next.step !== 'second_factor') return seeOther(ctx, `/interaction/${uid}`)
  const asked = enrolled.find((method) => method === ctx.query['method'])
  send(deps, ctx, interaction, { method: asked ?? enrolled[0]! })
}

export async function submitSecondFactor(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const form = parseForm(secondFactorForm, await readForm(ctx))
  const { uid, client, proven, next, enrolled } = interaction
  checkForm(deps, interaction, bindingsOf(interaction), form.csrf)
  if (next.step !== 'second_factor' || !proven || !enrolled.includes(form.method)) {
    return goOn(deps, ctx, interaction, `/interaction/${uid}`)
  }
  const filled = { method: form.method, trust: form.trust === 'yes' }
  if (form.code.trim() === '') {
    return send(deps, ctx, interaction, { ...filled, error: 'missing_code' }, 422)
  }
  const result = await signInWithSecondFactor(deps, {
    interactionUid: uid,
    clientId: client.clientId,
    base: proven,
    kind: form.method,
    code: form.code,
    origin: originOf(ctx),
  })
  switch (result.kind) {
    case 'accepted':
      if (filled.trust && deps.trustedDeviceDays > 0) {
        await trustThisBrowser(deps, ctx, proven.accountId)
      }
      return goOn(deps, ctx, interaction, `/interaction/${uid}`)
    case 'refused':
      deps.onSignIn?.('failed')
      return send(deps, ctx, interaction, { ...filled, error: 'wrong_code' }, 422)
    case 'throttled':
      deps.onSignIn?.('throttled')
      return send(deps, ctx, interaction, { ...filled, error: 'too_many_codes' }, 429)
    case 'start_over':
      deps.onSignIn?.('failed')
      return goOn(deps, ctx, interaction, `/interaction/${uid}`)
    default:
      unreachable(result)
  }
}

function send(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  filled: Filled,
  status = 200,
): void {
  const { uid, client, enrolled } = interaction
  const path = `/interaction/${uid}`
  const locals: SecondFactorLocals = {
    client: clientViewOf(client),
    action: `${path}/second_factor`,
    cancelAction: `${path}/cancel`,
    signInUri: `${path}/login`,
    csrf: issueCsrf(csrfKey(deps), bindingsOf(interaction)),
    cancelCsrf: issueCsrf(csrfKey(deps), [uid]),
    trustDays: deps.trustedDeviceDays,
    others: othersThan(filled.method, enrolled).map((method) => ({
      method,
      uri: `${path}/second_factor?method=${method}`,
    })),
    ...filled,
  }
  deps.pages.send(ctx, 'interactions/second_factor', locals, status)
}

function othersThan(method: SecondFactor, enrolled: readonly SecondFactor[]): SecondFactor[] {
  return enrolled.filter((each) => each !== method)
}

/** The page is about whoever has proven the first factor: somebody else's is another page. */
function bindingsOf({ uid, proven }: Interaction): string[] {
  return [uid, 'factor', proven?.accountId ?? '']
}

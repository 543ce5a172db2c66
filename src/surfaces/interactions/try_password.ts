import type { Context } from 'koa'
import { unreachable } from '../../core/errors.ts'
import { signInWithPassword } from '../../domain/authentication/sign_in_with_password.ts'
import { originOf } from '../../web/origin.ts'
import { keepIdentifier } from './chosen_identifier.ts'
import { sendFailed } from './connection_failed.ts'
import { connectionInsteadOfPassword, connectionUri } from './connection_ways.ts'
import { sendBarred } from './directory_barred.ts'
import { goOn } from './dispatch.ts'
import type { Interaction } from './interaction.ts'
import { knownAccountsOf } from './known_device.ts'
import type { InteractionDeps } from './mount.ts'

type Refusal = { error: 'invalid_credentials' | 'too_many_attempts'; retryAfterS?: number }

/** @param again shows the page once more, with what was wrong */
export async function tryPassword(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  { login, password, remember }: { login: string; password: string; remember: boolean },
  again: (problem: Refusal, status: number) => Promise<void>,
): Promise<void> {
  const instead = await connectionInsteadOfPassword(deps, login)
  if (instead) {
    keepIdentifier(deps, ctx, interaction.uid, { login, remember })
    return goOn(deps, ctx, interaction, connectionUri(interaction, instead))
  }
  const result = await signInWithPassword(deps, {
    identifier: login,
    password,
    interactionUid: interaction.uid,
    clientId: interaction.client.clientId,
    remember,
    connection: interaction.client['connection'] as string | undefined,
    deviceTrustedFor: knownAccountsOf(deps, ctx),
    origin: originOf(ctx),
  })
  switch (result.kind) {
    case 'signed_in':
    case 'pending':
      return goOn(deps, ctx, interaction, `/interaction/${interaction.uid}`)
    case 'refused':
      deps.onSignIn?.('failed')
      return await again({ error: 'invalid_credentials' }, 422)
    case 'throttled':
      deps.onSignIn?.('throttled')
      ctx.set('Retry-After', String(Math.ceil(result.retryAfterS)))
      return await again({ error: 'too_many_attempts', retryAfterS: result.retryAfterS }, 429)
    case 'barred':
      deps.onSignIn?.('failed')
      return sendBarred(deps, ctx, interaction, { ...result, login, remember })
    case 'unavailable':
      return sendFailed(deps, ctx, interaction, { ...result, reason: 'unavailable' })
    case 'not_admitted':
      deps.onSignIn?.('failed')
      return sendFailed(deps, ctx, interaction, result)
    default:
      unreachable(result)
  }
}

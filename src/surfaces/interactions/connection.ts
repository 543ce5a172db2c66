import type { Context } from 'koa'
import { unreachable } from '../../core/errors.ts'
import { MULTI_FACTOR_ACR, meetsAcr } from '../../domain/authentication/assurance.ts'
import {
  beginAtConnection,
  completeAtConnection,
  type Wanted,
} from '../../domain/authentication/sign_in_with_connection.ts'
import type { Connection } from '../../domain/federation/connection.ts'
import { ipKeys } from '../../domain/security/ip_key.ts'
import { leave } from '../../web/leave.ts'
import { originOf } from '../../web/origin.ts'
import { keptIdentifier } from './chosen_identifier.ts'
import { sendFailed } from './connection_failed.ts'
import { rememberConnection } from './connection_ways.ts'
import { seeOther } from './dispatch.ts'
import { type Interaction, loadInteraction, loginHint } from './interaction.ts'
import { knownAccountsOf } from './known_device.ts'
import type { InteractionDeps } from './mount.ts'

/** Signing in at a source that people are sent to: on the way there, and back. */

export async function startAtConnection(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const connection = await deps.connections.find(String(ctx['params'].name))
  if (!connection) return seeOther(ctx, `/interaction/${interaction.uid}/login`)
  const kept = keptIdentifier(deps, ctx, interaction.uid)
  const departed = await beginAtConnection(deps, {
    connection,
    wanted: wantedBy(deps, interaction, connection, {
      loginHint: kept?.login,
      ...localeOf(deps, ctx),
    }),
    purpose: {
      kind: 'sign_in',
      interactionUid: interaction.uid,
      remember: kept?.remember ?? false,
    },
    clientId: interaction.client.clientId,
    origin: originOf(ctx),
  })
  if (departed.kind === 'unavailable') {
    return sendFailed(deps, ctx, interaction, { reason: 'unavailable', connection })
  }
  leave(deps.pages, ctx, departed.departure)
}

/** What the application asked of this sign-in, in the words that every source has. */
function wantedBy(
  { neededAcr }: InteractionDeps,
  interaction: Interaction,
  { definition }: Connection,
  { loginHint: typed, uiLocales }: { loginHint: string | undefined; uiLocales: string },
): Wanted {
  const { details, client } = interaction
  const maxAge = Number(details.params['max_age'] ?? Number.NaN)
  const { reasons } = details.prompt
  const needsMore = meetsAcr(neededAcr(details.params, client), [MULTI_FACTOR_ACR])
  return {
    loginHint: typed || loginHint(interaction) || undefined,
    forceAuthn: reasons.includes('login_prompt') || maxAge === 0,
    maxAgeS: Number.isNaN(maxAge) ? undefined : maxAge,
    acrValues: needsMore ? (definition.second_factor?.acr ?? []) : [],
    uiLocales,
  }
}

function localeOf({ pages }: InteractionDeps, ctx: Context): { uiLocales: string } {
  return { uiLocales: pages.localeOf(ctx) }
}

/** Where the callback leads, in the browser that went there. */
export async function returnFromConnection(deps: InteractionDeps, ctx: Context): Promise<void> {
  const interaction = await loadInteraction(deps, ctx)
  const { uid, client } = interaction
  const returned = await completeAtConnection(deps, {
    state: String(ctx.query['state'] ?? ''),
    interactionUid: uid,
    clientId: client.clientId,
    deviceKnownFor: knownAccountsOf(deps, ctx),
    origin: originOf(ctx),
  })
  switch (returned.kind) {
    case 'signed_in':
    case 'pending':
      rememberConnection(ctx, returned.connection)
      return seeOther(ctx, `/interaction/${uid}`)
    case 'lost':
      return seeOther(ctx, `/interaction/${uid}`)
    case 'refused':
      deps.onSignIn?.('failed')
      if (returned.reason === 'invalid') await countInvalid(deps, ctx)
      return sendFailed(deps, ctx, interaction, returned)
    default:
      unreachable(returned)
  }
}

/** Counted with what the callback refuses: whether an answer is one shows only here. */
async function countInvalid({ rateLimits }: InteractionDeps, ctx: Context): Promise<void> {
  await rateLimits.consume('federation_ip', ipKeys(ctx.state.clientIp).narrow)
}

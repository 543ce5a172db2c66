import type { Context } from 'koa'
import { epochSeconds } from '../../core/clock.ts'
import {
  type RememberedRequest,
  reasonOfLoss,
  rememberedRequest,
  waysOn,
} from '../../web/remembered_request.ts'
import type { InteractionLost } from './interaction.ts'
import type { InteractionDeps } from './mount.ts'

/**
 * Expired, finished in another tab, or without cookies: whatever the browser came back for is not
 * there. The page says so in plain words and shows the way on; it is never the end.
 */
export async function showLost(
  deps: InteractionDeps,
  ctx: Context,
  { uid, changed }: InteractionLost,
): Promise<void> {
  const provider = deps.provider()
  const request = rememberedRequest(deps, ctx, uid)
  ctx.state['uiLocales'] ??= uiLocalesOf(request)
  // Without its cookie the interaction itself stays closed; only whose it was is told.
  const interaction = await provider.Interaction.find(uid)
  const clientId = interaction?.params['client_id'] ?? request?.clientId
  const client = typeof clientId === 'string' ? await provider.Client.find(clientId) : undefined
  // It is there, and this browser's: then its session is no longer the one it began with.
  const reason =
    changed || (interaction && request)
      ? 'changed'
      : reasonOfLoss(ctx, request, epochSeconds(deps.clock))
  const again = changed ? { ...request, uri: `/interaction/${uid}` } : request
  deps.pages.send(
    ctx,
    'interactions/restart',
    waysOn(reason, again, client),
    reason === 'changed' ? 403 : 400,
  )
}

function uiLocalesOf(request: RememberedRequest | undefined): string | undefined {
  const query = request?.uri?.split('?')[1]
  return new URLSearchParams(query).get('ui_locales') ?? undefined
}

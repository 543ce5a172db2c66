import type { Context } from 'koa'
import type { Client } from 'oidc-provider'
import { epochSeconds } from '../../core/clock.ts'
import { clientWithWayBack } from '../../web/client_view.ts'
import {
  type RememberedRequest,
  reasonOfLoss,
  rememberedRequest,
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
  const request = rememberedRequest(deps, ctx, uid)
  ctx.state['uiLocales'] ??= uiLocalesOf(request)
  const client = await clientOf(deps, uid, request)
  deps.pages.send(
    ctx,
    'interactions/restart',
    {
      reason: changed ? 'changed' : reasonOfLoss(ctx, request, epochSeconds(deps.clock)),
      restartUri: changed ? `/interaction/${uid}` : request?.uri,
      client: client && clientWithWayBack(client),
    },
    changed ? 403 : 400,
  )
}

async function clientOf(
  deps: InteractionDeps,
  uid: string,
  request: RememberedRequest | undefined,
): Promise<Client | undefined> {
  const provider = deps.provider()
  // Without its cookie the interaction itself stays closed; only whose it was is told.
  const interaction = await provider.Interaction.find(uid)
  const clientId = interaction?.params['client_id'] ?? request?.clientId
  return typeof clientId === 'string' ? await provider.Client.find(clientId) : undefined
}

function uiLocalesOf(request: RememberedRequest | undefined): string | undefined {
  const query = request?.uri?.split('?')[1]
  return new URLSearchParams(query).get('ui_locales') ?? undefined
}

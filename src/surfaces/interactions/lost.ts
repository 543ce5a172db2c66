import type { Context } from 'koa'
import type { Client } from 'oidc-provider'
import type { Views } from '../../platform/templating/views.ts'
import { clientViewOf } from './client_view.ts'
import type { InteractionDeps } from './mount.ts'
import { type RememberedRequest, rememberedRequest } from './remembered_request.ts'

/**
 * Expired, finished in another tab, or without cookies: whatever the browser came back for is not
 * there. The page says so in plain words and shows the way on; it is never the end.
 */
export async function showLost(deps: InteractionDeps, ctx: Context, uid: string): Promise<void> {
  const request = rememberedRequest(deps, ctx)
  const client = await clientOf(deps, uid, request)
  deps.pages.send(
    ctx,
    'interactions/restart',
    {
      reason: reasonOf(ctx, request, uid),
      restartUri: request?.uid === uid ? request.uri : undefined,
      client: client && withWayBack(client),
    },
    400,
  )
}

function reasonOf(
  ctx: Context,
  request: RememberedRequest | undefined,
  uid: string,
): Views['interactions/restart']['reason'] {
  if (!ctx.get('Cookie').includes('authcore_')) return 'cookies'
  return request?.uid === uid && ctx.get('Cookie').includes(uid) ? 'finished' : 'expired'
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

/** The client's home page, or else the origin it takes its answers at. */
function withWayBack(client: Client): Views['interactions/restart']['client'] {
  const view = clientViewOf(client)
  const redirect = client.redirectUris?.find((uri) => /^https?:/.test(uri))
  return { ...view, uri: view.uri ?? (redirect ? new URL(redirect).origin : undefined) }
}

import type { KoaContextWithOIDC } from 'oidc-provider'
import { type Clock, epochSeconds } from '../../core/clock.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { RestartLocals } from '../../platform/templating/views.ts'
import type { Pages } from '../../web/pages.ts'
import {
  authorizationUri,
  reasonOfLoss,
  rememberedRequest,
  waysOn,
} from '../../web/remembered_request.ts'
import { asContext } from './as_context.ts'
import { PATHS } from './paths.ts'

/**
 * A page that the engine knows nothing more of: finished in another tab, expired, sent twice, or the
 * browser sends no cookies. What would be an error of the application is told to the person for what
 * it is, with the way on.
 */
export type LostDeps = { pages: Pages; keyring: Keyring; clock: Clock }

/** True where the engine's error was such a loss and has been answered. */
export async function showLost(
  deps: LostDeps,
  ctx: KoaContextWithOIDC,
  error: Error,
): Promise<boolean> {
  const route = ctx.oidc?.route
  if (route === 'resume' && error.name === 'SessionNotFound') {
    send(deps, ctx, await lostRequest(deps, ctx))
    return true
  }
  if (route === 'end_session_confirm' && error.name === 'InvalidRequest') {
    showLogoutAgain(deps, ctx)
    return true
  }
  const isDevice = route === 'code_verification' || route === 'device_resume'
  if (isDevice && ['InvalidRequest', 'SessionNotFound'].includes(error.name)) {
    // The engine has put a token for its own form into a session that it cannot save any more.
    Object.assign(ctx.oidc.session ?? {}, { touched: false })
    send(deps, ctx, { reason: reasonOf(deps, ctx), restartUri: PATHS.code_verification })
    return true
  }
  return false
}

async function lostRequest(deps: LostDeps, ctx: KoaContextWithOIDC): Promise<RestartLocals> {
  const { provider, entities } = ctx.oidc
  const interaction = entities.Interaction
  if (interaction) {
    // It is there, but the browser's session is no longer the one it began with.
    const { params } = interaction
    const client = await provider.Client.find(String(params['client_id']))
    return waysOn('changed', { uri: authorizationUri(PATHS.authorization, params) }, client)
  }
  const uid = asContext(ctx).path.split('/').at(-1) ?? ''
  const request = rememberedRequest(deps, asContext(ctx), uid)
  const client = request && (await provider.Client.find(request.clientId))
  return waysOn(reasonOfLoss(asContext(ctx), request, epochSeconds(deps.clock)), request, client)
}

/** The second click on "Sign out" finds nobody signed in: that is what it asked for. */
function showLogoutAgain(deps: LostDeps, ctx: KoaContextWithOIDC): void {
  if (ctx.oidc.session?.accountId) {
    send(deps, ctx, { reason: 'expired', restartUri: PATHS.end_session })
  } else {
    deps.pages.send(asContext(ctx), 'interactions/logged_out', {})
  }
}

function reasonOf(deps: LostDeps, ctx: KoaContextWithOIDC): RestartLocals['reason'] {
  return reasonOfLoss(asContext(ctx), undefined, epochSeconds(deps.clock))
}

function send({ pages }: LostDeps, ctx: KoaContextWithOIDC, locals: RestartLocals): void {
  pages.send(asContext(ctx), 'interactions/restart', locals, 400)
}

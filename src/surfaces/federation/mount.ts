import Router from '@koa/router'
import type Koa from 'koa'
import type { Context, Middleware } from 'koa'
import { DomainError } from '../../core/errors.ts'
import { receiveAnswer } from './callback.ts'
import type { FederationDeps } from './federation_deps.ts'
import { receiveBackchannelLogout, receiveLogout, signOutThere } from './logout.ts'
import { throttled } from './throttle.ts'
import { launch } from './unsolicited.ts'

/**
 * What sources and browsers ask of us on behalf of a connection: `callback.ts` takes the answers to
 * sign-ins, `unsolicited.ts` those that nobody asked for, `logout.ts` ends sessions on both sides, and here is what we say of ourselves. Pages on the
 * way are those of the interaction, or of the account, to which each of these leads.
 */

type Handler = (deps: FederationDeps, ctx: Context) => Promise<void>

export function mountFederation(app: Koa, deps: FederationDeps): void {
  const router = new Router({ sensitive: true, strict: true })
  const to =
    (handler: Handler): Middleware =>
    async (ctx) =>
      await throttled(deps, ctx as Context, async () => await handler(deps, ctx as Context))
  router.get('federation_callback', '/federation/:name/callback', to(receiveAnswer))
  router.post('federation_callback_form', '/federation/:name/callback', to(receiveAnswer))
  router.get('federation_metadata', '/federation/:name/metadata', async (ctx) => {
    await showMetadata(deps, ctx as Context)
  })
  router.get('federation_launch', '/federation/:name/launch', to(launch))
  router.get('federation_sign_out', '/federation/:name/sign_out', to(signOutThere))
  router.get('federation_logout', '/federation/:name/logout', to(receiveLogout))
  router.post('federation_logout_form', '/federation/:name/logout', to(receiveLogout))
  router.post(
    'federation_backchannel_logout',
    '/federation/:name/backchannel_logout',
    to(receiveBackchannelLogout),
  )
  app.use(router.routes() as unknown as Middleware)
}

/** @throws DomainError `not_found` where the connection has no such document */
async function showMetadata({ connections }: FederationDeps, ctx: Context): Promise<void> {
  ctx.state['route'] = 'federation_metadata'
  const connection = await connections.find(String(ctx['params'].name))
  const document = connection && (await connections.open(connection)).metadata?.()
  if (!document) throw new DomainError('not_found', 'There is no such document.')
  ctx.type = document.type
  ctx.body = document.body
}

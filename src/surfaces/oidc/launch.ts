import Router from '@koa/router'
import type Koa from 'koa'
import type { ClientCache } from '../../domain/clients/client_cache.ts'

/**
 * Login that begins here and not at the application (OpenID Connect Core §4): a bookmark or a tile
 * that leads to `/launch/<client_id>` has the application ask for a sign-in as it always does.
 * It leads to addresses that an operator registered and carries nothing but who we are. A client that
 * registered itself would make of it a redirect to wherever somebody likes.
 */
export function mountLaunch(
  app: Koa,
  { clients, issuer }: { clients: Pick<ClientCache, 'find'>; issuer: string },
): void {
  const router = new Router()
  router.get('/launch/:clientId', async (ctx, next) => {
    const client = await clients.find(String(ctx.params['clientId']))
    const uri = client?.metadata.initiate_login_uri
    const known = client?.status === 'active' && client.origin === 'operator'
    if (!known || uri === undefined) return await next()
    const target = new URL(uri)
    target.searchParams.set('iss', issuer)
    ctx.status = 303
    ctx.redirect(target.href)
  })
  app.use(router.routes())
}

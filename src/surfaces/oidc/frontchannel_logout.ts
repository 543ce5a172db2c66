import type { Context } from 'koa'
import type Provider from 'oidc-provider'
import type { Client } from 'oidc-provider'
import type { ClientCache } from '../../domain/clients/client_cache.ts'
import type { Pages } from '../../web/pages.ts'
import { contentSecurityPolicy } from '../../web/security_headers.ts'

/**
 * OpenID Connect Front-Channel Logout 1.0, which the engine has dropped: before the browser leaves, a
 * page of ours loads the `frontchannel_logout_uri` of each application that the session was used at.
 * Nobody learns whether they were reached; applications that need to be sure have the back channel.
 */
export type FrontchannelDeps = {
  clients: Pick<ClientCache, 'find'>
  pages: Pages
  issuer: string
}

/** §3: the ID token names the session where the logout will. */
export function includeSidForFrontchannel(provider: Provider): void {
  const prototype = provider.Client.prototype as unknown as { includeSid(): boolean }
  const { includeSid } = prototype
  prototype.includeSid = function include(this: Client & typeof prototype) {
    return includeSid.call(this) || this['frontchannel_logout_uri'] !== undefined
  }
}

type Authorizations = Record<string, { sid?: string }>

const MAX_FRAMES = 20

export async function showFrontchannelLogout(deps: FrontchannelDeps, ctx: Context): Promise<void> {
  const uri = ctx.response.get('Location')
  const { route, params, session } = ctx.oidc ?? {}
  if (route !== 'end_session_confirm' || ctx.status !== 303 || !params?.logout || !uri) return
  const frames = await framesOf(deps, (session?.authorizations ?? {}) as Authorizations)
  if (frames.length === 0) return
  const frameSrc = [...new Set(frames.map((frame) => new URL(frame).origin))]
  ctx.remove('Location')
  ctx.set('Content-Security-Policy', contentSecurityPolicy({ scriptSrc: ["'self'"], frameSrc }))
  deps.pages.send(ctx, 'interactions/signing_out', { uri, frames })
}

/** §3: `iss` and `sid` say which session it is; sent to everybody, needed by some. */
async function framesOf(
  { clients, issuer }: FrontchannelDeps,
  authorizations: Authorizations,
): Promise<string[]> {
  const frames = await Promise.all(
    Object.entries(authorizations).map(async ([clientId, { sid }]) => {
      const uri = (await clients.find(clientId))?.metadata.frontchannel_logout_uri
      if (uri === undefined) return []
      const url = new URL(uri)
      url.searchParams.set('iss', issuer)
      if (sid !== undefined) url.searchParams.set('sid', sid)
      return [url.href]
    }),
  )
  return frames.flat().slice(0, MAX_FRAMES)
}

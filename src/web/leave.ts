import type { Context } from 'koa'
import type { Pages } from './pages.ts'
import { allowFormTarget, allowOwnScripts } from './security_headers.ts'

/** Where a browser is sent that another site has asked for, or is about to be asked. */
type Destination =
  | { method: 'GET'; uri: string }
  | { method: 'POST'; uri: string; fields: Readonly<Record<string, string>> }

/**
 * A redirect, or a page whose form posts itself. The answer to a form of ours is a page too: Chromium
 * holds `form-action` against the redirects that follow.
 */
export function leave(pages: Pages, ctx: Context, destination: Destination): void {
  const { uri } = destination
  if (destination.method === 'POST') {
    allowOwnScripts(ctx.res)
    allowFormTarget(ctx.res, uri)
    const fields = Object.entries(destination.fields).map(([name, value]) => ({ name, value }))
    pages.send(ctx, 'interactions/submit', { action: uri, fields })
  } else if (ctx.method === 'POST') {
    pages.send(ctx, 'interactions/continue', { uri })
  } else {
    ctx.status = 303
    ctx.redirect(uri)
  }
}

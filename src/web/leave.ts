import type { Context } from 'koa'
import type { Pages } from './pages.ts'
import { contentSecurityPolicy } from './security_headers.ts'

/** Where a browser is sent that another site has asked for, or is about to be asked. */
type Destination =
  | { method: 'GET'; uri: string }
  | { method: 'POST'; uri: string; fields: Readonly<Record<string, string>> }

/**
 * A redirect, or a page whose form posts itself, and which a button posts without scripts. The answer to
 * a form of ours is a page too: browsers hold `form-action` against the redirects that follow. Who takes
 * the form may redirect on, to a host of the same house or another one; the page has this one form and
 * nothing in it comes from elsewhere.
 */
export function leave(pages: Pages, ctx: Context, destination: Destination): void {
  const { uri } = destination
  if (destination.method === 'POST') {
    const policy = contentSecurityPolicy({ scriptSrc: ["'self'"], formAction: 'anywhere' })
    ctx.set('Content-Security-Policy', policy)
    const fields = Object.entries(destination.fields).map(([name, value]) => ({ name, value }))
    pages.send(ctx, 'interactions/submit', { action: uri, fields })
  } else if (ctx.method === 'POST') {
    pages.send(ctx, 'interactions/continue', { uri })
  } else {
    ctx.status = 303
    ctx.redirect(uri)
  }
}

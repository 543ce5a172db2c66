import type { Context } from 'koa'
import type { Pages } from './pages.ts'
import { allowFormTarget, allowOwnScripts } from './security_headers.ts'

/** Where a browser goes that has business elsewhere: an address, or a form that it posts there. */
type Departure =
  | { method: 'GET'; uri: string }
  | { method: 'POST'; uri: string; fields: Readonly<Record<string, string>> }

/** A redirect, or a page whose form posts itself, and which a button posts without scripts. */
export function leave(pages: Pages, ctx: Context, departure: Departure): void {
  const { uri } = departure
  if (departure.method === 'GET') {
    ctx.status = 303
    ctx.redirect(uri)
    return
  }
  allowOwnScripts(ctx.res)
  allowFormTarget(ctx.res, uri)
  const fields = Object.entries(departure.fields).map(([name, value]) => ({ name, value }))
  pages.send(ctx, 'interactions/submit', { action: uri, fields })
}

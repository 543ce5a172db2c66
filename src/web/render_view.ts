import type { Context } from 'koa'

/**
 * Answers with a whole page. It is never stored: a page of ours shows somebody something. Its address
 * goes to nobody else; our own forms still say where they come from, which under `no-referrer` would
 * be `Origin: null` (Fetch §3.2) and refused.
 */
export function sendPage(ctx: Context, html: string, status = 200): void {
  ctx.status = status
  ctx.type = 'html'
  ctx.set('Cache-Control', 'no-store')
  ctx.set('Referrer-Policy', 'same-origin')
  ctx.body = html
}

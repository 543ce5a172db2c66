import type { Context } from 'koa'

/** Answers with a whole page. It is never stored: a page of ours shows somebody something. */
export function sendPage(ctx: Context, html: string, status = 200): void {
  ctx.status = status
  ctx.type = 'html'
  ctx.set('Cache-Control', 'no-store')
  ctx.body = html
}

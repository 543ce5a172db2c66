import type { Context } from 'koa'
import { sendPage } from '../../web/render_view.ts'

/**
 * The HTML of a mail as a mail program shows it, apart from our origin; its links open as on a page
 * of ours.
 *
 * @param framed whether a page of ours may show it in a frame
 */
export function sendHtmlPart(ctx: Context, html: string, { framed = false } = {}): void {
  sendPage(ctx, html)
  ctx.set('Content-Security-Policy', policy(framed ? "'self'" : "'none'"))
  if (framed) ctx.set('X-Frame-Options', 'SAMEORIGIN')
}

function policy(frameAncestors: string): string {
  return [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    "img-src 'self' https: data:",
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors ${frameAncestors}`,
    'sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation',
  ].join('; ')
}

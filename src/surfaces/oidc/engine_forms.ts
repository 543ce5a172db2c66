import type { Context } from 'koa'
import type { Pages } from '../../web/pages.ts'
import { allowNativeTarget, contentSecurityPolicy } from '../../web/security_headers.ts'

/**
 * Now and then the engine answers with a bare page whose form sends itself: an authorization response
 * with `response_mode=form_post`, and steps of its own that it wants to have as a POST. We show a page
 * of ours with the same fields; its script is a file, and without scripts it has a button.
 */
export function showOwnForm(ctx: Context, pages: Pages): void {
  const form = selfSendingForm(ctx.body)
  if (!form) return
  const leaves = new URL(form.action).origin !== ctx.URL.origin
  ctx.set(
    'Content-Security-Policy',
    contentSecurityPolicy({
      scriptSrc: ["'self'"],
      // The client may redirect on to wherever it likes, and browsers hold form-action against that
      // too. This page has one form and nothing in it comes from elsewhere.
      ...(leaves ? { formAction: 'anywhere' } : {}),
    }),
  )
  allowNativeTarget(ctx.res, ctx.oidc?.params?.post_logout_redirect_uri)
  pages.send(ctx, 'interactions/submit', form, ctx.status)
}

type SelfSendingForm = { action: string; fields: { name: string; value: string }[] }

function selfSendingForm(body: unknown): SelfSendingForm | undefined {
  if (typeof body !== 'string' || !body.includes('<title>Submitting Callback</title>')) return
  const action = /<form method="post" action="([^"]*)">/.exec(body)?.[1]
  // A private scheme of a native application is no address of a page.
  if (action === undefined || !/^https?:/.test(action)) return
  return {
    action: unescapeHtml(action),
    fields: [...body.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"\/>/g)].map(
      ([, name = '', value = '']) => ({ name, value: unescapeHtml(value) }),
    ),
  }
}

const ENTITIES: Record<string, string> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
}

function unescapeHtml(text: string): string {
  return text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity]!)
}

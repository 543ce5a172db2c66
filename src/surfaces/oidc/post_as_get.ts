import type { Middleware } from 'koa'
import { DomainError } from '../../core/errors.ts'
import { readForm } from '../../web/forms.ts'

/**
 * Requests that a client's page sends as a form (OpenID Connect Core §3.1.2.1, RP-Initiated Logout
 * §2) are sent on as the GET that they stand for. The session's cookie keeps its SameSite=Lax: a
 * browser leaves it out of a form from elsewhere and brings it along with the GET that follows.
 */

/** The longest query that proxies and servers, ours included, are sure to take. */
const MAX_QUERY = 8_000

export function takePosts(paths: ReadonlySet<string>): Middleware {
  return async (ctx, next) => {
    if (ctx.method !== 'POST' || !paths.has(ctx.path)) return await next()
    // What stands in both places stands twice then, and is refused like any other repetition.
    const query = new URLSearchParams(ctx.querystring)
    for (const [name, value] of Object.entries(await readForm(ctx))) query.append(name, value)
    if (query.size > 0 && query.toString().length > MAX_QUERY) {
      throw new DomainError('too_large', 'The request is too long to be sent on.', {
        hint: 'Push it first (RFC 9126).',
      })
    }
    ctx.status = 303
    ctx.set('Cache-Control', 'no-store')
    ctx.redirect(`${ctx.path}?${query}`)
  }
}

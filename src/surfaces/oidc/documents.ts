import { createHash } from 'node:crypto'
import type { Middleware } from 'koa'
import type { ReadyAnswer } from '../../web/ready_answers.ts'
import { CROSS_ORIGIN, securityHeaders } from '../../web/security_headers.ts'

/**
 * Discovery and the key set are the same bytes for everyone until keys or configuration change, and
 * then the provider is a new one: each document is made once per provider, and caches are told how
 * long to believe it.
 */

const MAX_AGE_S = 300

type Document = {
  body: string
  headers: Record<string, string>
  /** The whole answer, for whoever answers before the application does. */
  ready: ReadyAnswer
}

export type Documents = {
  serve: Middleware
  /** The whole answer, where it was made before. */
  find(path: string): ReadyAnswer | undefined
}

export function createDocuments(paths: {
  issuer: string
  jwks: string
  discovery: readonly string[]
  amendDiscovery(document: object): object
}): Documents {
  const cached = new Map<string, Document>()
  const cacheable = new Set([paths.jwks, ...paths.discovery])
  const serve: Middleware = async (ctx, next) => {
    const wanted = (ctx.method === 'GET' || ctx.method === 'HEAD') && cacheable.has(ctx.path)
    if (!wanted) return await next()
    let document = cached.get(ctx.path)
    if (!document) {
      await next()
      if (ctx.status !== 200 || typeof ctx.body !== 'object' || ctx.body === null) return
      const content = ctx.path === paths.jwks ? ctx.body : paths.amendDiscovery(ctx.body)
      document = documentOf(content, {
        type: ctx.response.get('Content-Type') || 'application/json',
        issuer: paths.issuer,
        route: ctx.path === paths.jwks ? 'jwks' : 'discovery',
      })
      cached.set(ctx.path, document)
    }
    ctx.status = 200
    ctx.set(document.headers)
    ctx.state.route = document.ready.route
    ctx.state.quiet = true
    if (ctx.fresh) ctx.status = 304
    else ctx.body = document.body
  }
  return { serve, find: (path) => cached.get(path)?.ready }
}

function documentOf(
  content: object,
  { type, issuer, route }: { type: string; issuer: string; route: string },
): Document {
  const body = JSON.stringify(content)
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`
  const headers = {
    ETag: etag,
    'Cache-Control': `public, max-age=${MAX_AGE_S}, stale-while-revalidate=${MAX_AGE_S}`,
    'Access-Control-Allow-Origin': '*',
    'Content-Type': type,
  }
  const whole = {
    ...securityHeaders(issuer),
    ...CROSS_ORIGIN,
    ...headers,
    'Content-Length': String(Buffer.byteLength(body)),
  }
  return { body, headers, ready: { body, route, headers: whole } }
}

import { createHash } from 'node:crypto'
import type { Middleware } from 'koa'

/**
 * Discovery and the key set are the same bytes for everyone until keys or configuration change, and
 * then the provider is a new one: each document is made once per provider, and caches are told how
 * long to believe it.
 */

const MAX_AGE_S = 300

type Document = { body: string; etag: string; type: string }

export function serveDocuments(paths: {
  jwks: string
  discovery: readonly string[]
  amendDiscovery(document: object): object
}): Middleware {
  const cached = new Map<string, Document>()
  const cacheable = new Set([paths.jwks, ...paths.discovery])
  return async (ctx, next) => {
    const wanted = (ctx.method === 'GET' || ctx.method === 'HEAD') && cacheable.has(ctx.path)
    if (!wanted) return await next()
    let document = cached.get(ctx.path)
    if (!document) {
      await next()
      if (ctx.status !== 200 || typeof ctx.body !== 'object' || ctx.body === null) return
      const content = ctx.path === paths.jwks ? ctx.body : paths.amendDiscovery(ctx.body)
      document = documentOf(content, ctx.response.get('Content-Type') || 'application/json')
      cached.set(ctx.path, document)
    }
    ctx.status = 200
    ctx.set('ETag', document.etag)
    ctx.set('Cache-Control', `public, max-age=${MAX_AGE_S}, stale-while-revalidate=${MAX_AGE_S}`)
    ctx.set('Access-Control-Allow-Origin', '*')
    ctx.type = document.type
    ctx.state.route = ctx.path === paths.jwks ? 'jwks' : 'discovery'
    ctx.state.quiet = true
    if (ctx.fresh) ctx.status = 304
    else ctx.body = document.body
  }
}

function documentOf(content: object, type: string): Document {
  const body = JSON.stringify(content)
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`
  return { body, etag, type }
}

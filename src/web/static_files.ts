import { createHash } from 'node:crypto'
import type { Middleware } from 'koa'

/**
 * A few files held in memory since the start. A request looks a name up in a map; there is no path to
 * traverse. With its version in the address a file may be kept for a year, without it is asked for
 * again each time.
 */

export type StaticFile = {
  readonly body: Buffer
  readonly contentType: string
  /** Changes with the content. */
  readonly version: string
}

/** @param mountPath such as `/assets`, without a slash at the end */
export function serveFiles(
  mountPath: string,
  files: ReadonlyMap<string, StaticFile>,
  route = 'assets',
): Middleware {
  const byPath = new Map(
    [...files].map(([name, file]) => [`${mountPath}/${name}`, { ...file, etag: etagOf(file) }]),
  )
  return (ctx, next) => {
    const file = byPath.get(ctx.path)
    if (!file || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next()
    ctx.state.route = route
    const versioned = ctx.querystring === `v=${file.version}`
    ctx.set('Cache-Control', versioned ? 'public, max-age=31536000, immutable' : 'public, no-cache')
    ctx.set('ETag', file.etag)
    ctx.status = 200
    if (ctx.fresh) {
      ctx.status = 304
      return
    }
    ctx.set('Content-Type', file.contentType)
    ctx.body = file.body
    return
  }
}

function etagOf(file: StaticFile): string {
  return `"${createHash('sha256').update(file.body).digest('base64url').slice(0, 22)}"`
}

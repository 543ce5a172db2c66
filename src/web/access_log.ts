import type { Context, Middleware } from 'koa'
import type { Logger } from '../platform/observability/logger.ts'
import type { Metrics } from '../platform/observability/metrics.ts'

/**
 * One line and one measurement per request, when its response is out or its connection is gone.
 * Neither holds a query string, a body or a header: codes and tokens travel there.
 */
export function logAccess(log: Logger, metrics?: Metrics): Middleware {
  return (ctx, next) => {
    const startedAt = performance.now()
    metrics?.httpRequestStarted()
    ctx.res.once('close', () => {
      const durationMs = performance.now() - startedAt
      metrics?.httpRequestEnded(ctx.method, ctx.state.route, ctx.res.statusCode, durationMs / 1000)
      const level = ctx.state.quiet ? 'debug' : 'info'
      if (log.isLevelEnabled(level)) log[level](describe(ctx, durationMs), 'request')
    })
    return next()
  }
}

function describe(ctx: Context, durationMs: number) {
  return {
    request_id: ctx.state.requestId,
    method: ctx.method,
    path: pathOnly(ctx.originalUrl),
    ...(ctx.state.route === undefined ? {} : { route: ctx.state.route }),
    status: ctx.res.statusCode,
    duration_ms: Math.round(durationMs * 100) / 100,
    client_ip: ctx.state.clientIp,
    ...(ctx.res.writableFinished ? {} : { aborted: true }),
  }
}

function pathOnly(url: string): string {
  const end = url.indexOf('?')
  return (end === -1 ? url : url.slice(0, end)).slice(0, 512)
}

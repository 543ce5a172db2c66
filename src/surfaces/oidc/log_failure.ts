import type { Context } from 'koa'
import type { Logger } from '../../platform/observability/logger.ts'

/** A client or person is told "not now"; whoever runs the server wants to know what was away. */
export function logLoss(log: Logger, ctx: Context, error: unknown): void {
  logFailure(log, ctx, error, 'a request met something that is away')
}

export function logFailure(log: Logger, ctx: Context, error: unknown, sentence: string): void {
  log.error({ err: error, request_id: ctx.state?.requestId, route: ctx.oidc?.route }, sentence)
}

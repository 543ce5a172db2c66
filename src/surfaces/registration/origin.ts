import type { Context } from 'koa'
import type { Origin } from '../../platform/events/catalogue.ts'

/** Where a request came from, for the audit trail. */
export function originOf(ctx: Context): Origin {
  return {
    ip: ctx.state.clientIp,
    userAgent: ctx.get('User-Agent').slice(0, 200) || undefined,
    requestId: ctx.state.requestId,
  }
}

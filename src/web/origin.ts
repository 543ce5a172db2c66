import type { Context } from 'koa'
import type { Origin } from '../platform/events/catalogue.ts'

/** Where a request came from, for the audit trail. */
export function originOf(ctx: { state?: unknown; get(name: string): string }): Origin {
  const state = ctx.state as Context['state'] | undefined
  return {
    ip: state?.clientIp,
    userAgent: ctx.get('user-agent').slice(0, 200) || undefined,
    requestId: state?.requestId,
  }
}

import type { Context } from 'koa'
import { isSignedWebhook } from '../../core/standard_webhooks.ts'
import type { StatusDeps } from './mount.ts'
import { parseReport, type SignedReport } from './report.ts'

/** `{"id": "…", "status": "delivered" | "bounced"}`, signed with the secret that we sign ours with. */
export function readHookReport(
  { hookSecret, clock }: StatusDeps,
  ctx: Context,
  body: string,
): SignedReport[] | undefined {
  if (hookSecret === undefined) return undefined
  const headers = {
    'webhook-id': ctx.get('webhook-id'),
    'webhook-timestamp': ctx.get('webhook-timestamp'),
    'webhook-signature': ctx.get('webhook-signature'),
  }
  if (!isSignedWebhook(hookSecret, { headers, body, now: clock.now() })) return undefined
  const { id, status } = parseReport(body)
  const outcome = status === 'delivered' || status === 'bounced' ? status : undefined
  return [{ messageId: typeof id === 'string' ? id : undefined, outcome }]
}

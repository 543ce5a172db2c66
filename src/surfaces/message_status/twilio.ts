import type { Context } from 'koa'
import { isSignedByTwilio } from '../../domain/messaging/transports/twilio.ts'
import type { StatusDeps } from './mount.ts'
import type { SignedReport } from './report.ts'

const OUTCOMES: Readonly<Record<string, SignedReport['outcome']>> = {
  delivered: 'delivered',
  read: 'delivered',
  undelivered: 'bounced',
  failed: 'bounced',
}

/** The signature covers the address we gave, with our id in it, and every field. */
export function readTwilioReport(
  { twilioAuthToken, issuer }: StatusDeps,
  ctx: Context,
  body: string,
): SignedReport[] | undefined {
  const signature = ctx.get('X-Twilio-Signature')
  if (twilioAuthToken === undefined || signature === '') return undefined
  const fields = new URLSearchParams(body)
  const uri = `${issuer}${ctx.originalUrl}`
  if (!isSignedByTwilio(twilioAuthToken, { uri, fields, signature })) return undefined
  const { message } = ctx.query
  const status = fields.get('MessageStatus') ?? ''
  const outcome = Object.hasOwn(OUTCOMES, status) ? OUTCOMES[status] : undefined
  return [{ messageId: typeof message === 'string' ? message : undefined, outcome }]
}

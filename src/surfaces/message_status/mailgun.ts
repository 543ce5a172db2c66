import { createHmac } from 'node:crypto'
import type { Context } from 'koa'
import { equalsInConstantTime } from '../../core/secrets.ts'
import type { StatusDeps } from './mount.ts'
import {
  idInMessageId,
  isTimely,
  membersOf,
  parseReport,
  type SignedReport,
  textOf,
} from './report.ts'

/** Mailgun repeats for eight hours what was not taken. */
const LATE_S = 12 * 3_600

/**
 * Mailgun's webhooks: HMAC-SHA-256 over timestamp and token. The signature does not cover the event, so
 * whoever has seen one could say anything in its name: each token counts once.
 */
export function readMailgunReport(
  { mailgunSigningKey, clock }: Pick<StatusDeps, 'mailgunSigningKey' | 'clock'>,
  _ctx: Context,
  body: string,
): SignedReport[] | undefined {
  if (mailgunSigningKey === undefined) return undefined
  const { signature: signed, 'event-data': event } = parseReport(body)
  const { timestamp, token, signature } = membersOf(signed)
  const at = typeof timestamp === 'number' ? String(timestamp) : textOf(timestamp)
  const value = textOf(token)
  if (!isTimely(clock, at, LATE_S) || !/^[\w-]{16,200}$/.test(value)) return undefined
  const wanted = createHmac('sha256', mailgunSigningKey)
    .update(at + value)
    .digest('hex')
  if (!equalsInConstantTime(textOf(signature), wanted)) return undefined
  const expiresAt = new Date((Number(at) + LATE_S) * 1000)
  return [{ ...reportOf(membersOf(event)), token: { value, expiresAt } }]
}

function reportOf(event: Record<string, unknown>): SignedReport {
  const headers = membersOf(membersOf(event['message'])['headers'])
  const messageId = idInMessageId(headers['message-id'])
  switch (event['event']) {
    case 'delivered':
      return { messageId, outcome: 'delivered' }
    case 'failed':
      return event['severity'] === 'permanent'
        ? { messageId, outcome: 'bounced', undeliverable: hardOf(event['reason']) }
        : { messageId, outcome: undefined }
    case 'complained':
      return { messageId, outcome: undefined, undeliverable: 'complaint' }
    default:
      return { messageId, outcome: undefined }
  }
}

/** A message that reached its limit of tries ends as `permanent` too, and says little of its address. */
function hardOf(reason: unknown): 'hard_bounce' | undefined {
  return reason === 'bounce' || reason === 'suppress-bounce' ? 'hard_bounce' : undefined
}

import { createPublicKey, verify } from 'node:crypto'
import type { Context } from 'koa'
import type { StatusDeps } from './mount.ts'
import { idInMessageId, isTimely, membersOf, type SignedReport, textOf } from './report.ts'

/** The argument that our mails carry for SendGrid (`X-SMTPAPI`), which is in each of its events. */
const ARGUMENT = 'authcore_message'
/** A report may be late by a day of new tries; each message counts once anyway. */
const LATE_S = 2 * 86_400

/**
 * Twilio SendGrid's Signed Event Webhook: ECDSA (P-256, SHA-256) over the timestamp and the body as it
 * came, by the key that it shows as "verification key". Events come in batches.
 */
export function readSendgridReports(
  { sendgridKey, clock }: Pick<StatusDeps, 'sendgridKey' | 'clock'>,
  ctx: Context,
  body: string,
): SignedReport[] | undefined {
  const signature = ctx.get('X-Twilio-Email-Event-Webhook-Signature')
  const timestamp = ctx.get('X-Twilio-Email-Event-Webhook-Timestamp')
  if (sendgridKey === undefined || signature === '') return undefined
  if (!isTimely(clock, timestamp, LATE_S)) return undefined
  const key = createPublicKey({
    key: Buffer.from(sendgridKey, 'base64'),
    format: 'der',
    type: 'spki',
  })
  const signed = Buffer.from(timestamp + body)
  if (!verify('sha256', signed, key, Buffer.from(signature, 'base64'))) return undefined
  return eventsOf(body).map(reportOf)
}

function eventsOf(body: string): unknown[] {
  try {
    const events: unknown = JSON.parse(body)
    return Array.isArray(events) ? events : []
  } catch {
    return []
  }
}

function reportOf(value: unknown): SignedReport {
  const { event, type, [ARGUMENT]: argument, 'smtp-id': smtpId } = membersOf(value)
  const messageId = textOf(argument) || idInMessageId(smtpId)
  switch (event) {
    case 'delivered':
      return { messageId, outcome: 'delivered' }
    case 'bounce':
      // `blocked` is a refusal of the moment.
      return {
        messageId,
        outcome: 'bounced',
        undeliverable: type === 'bounce' ? 'hard_bounce' : undefined,
      }
    case 'dropped':
      return { messageId, outcome: 'bounced' }
    case 'spamreport':
      return { messageId, outcome: undefined, undeliverable: 'complaint' }
    default:
      return { messageId, outcome: undefined }
  }
}

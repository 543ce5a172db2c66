import { verify } from 'node:crypto'
import type { Context } from 'koa'
import type { StatusDeps } from './mount.ts'
import { idInMessageId, membersOf, parseReport, type SignedReport, textOf } from './report.ts'

/**
 * Amazon SES by way of a topic of Amazon SNS: signature version 2 (RSA, SHA-256), by the certificate of
 * SNS in the topic's own region. Only the topic of the setting is heard. Its subscription is confirmed
 * when SNS asks for it.
 */
export async function readSesReport(
  deps: Pick<StatusDeps, 'sesTopicArn' | 'snsKeys' | 'request'>,
  _ctx: Context,
  body: string,
): Promise<SignedReport[] | undefined> {
  const { sesTopicArn } = deps
  const notification = parseReport(body)
  if (sesTopicArn === undefined || notification['TopicArn'] !== sesTopicArn) return undefined
  if (!(await isSignedBySns(deps, sesTopicArn, notification))) return undefined
  switch (notification['Type']) {
    case 'SubscriptionConfirmation':
      await confirm(deps, sesTopicArn, textOf(notification['Token']))
      return []
    case 'Notification':
      return [reportOf(parseReport(textOf(notification['Message'])))]
    default:
      return []
  }
}

const OF_NOTIFICATION = ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
const OF_CONFIRMATION = [
  'Message',
  'MessageId',
  'SubscribeURL',
  'Timestamp',
  'Token',
  'TopicArn',
  'Type',
]

async function isSignedBySns(
  { snsKeys }: Pick<StatusDeps, 'snsKeys'>,
  topicArn: string,
  notification: Record<string, unknown>,
): Promise<boolean> {
  if (notification['SignatureVersion'] !== '2') return false
  const certificate = textOf(notification['SigningCertURL'])
  const key = await snsKeys.find({ url: certificate, origin: originOfTopic(topicArn) })
  if (!key) return false
  const names = notification['Type'] === 'Notification' ? OF_NOTIFICATION : OF_CONFIRMATION
  const text = names
    .filter((name) => typeof notification[name] === 'string')
    .map((name) => `${name}\n${textOf(notification[name])}\n`)
    .join('')
  const signature = Buffer.from(textOf(notification['Signature']), 'base64')
  return verify('sha256', Buffer.from(text), key, signature)
}

/** `arn:aws:sns:<region>:<account>:<name>`: SNS of that region. */
function originOfTopic(topicArn: string): string {
  return `https://sns.${topicArn.split(':')[3]}.amazonaws.com`
}

/** What its SubscribeURL would do, at an address of our own making. */
async function confirm(
  { request }: Pick<StatusDeps, 'request'>,
  topicArn: string,
  token: string,
): Promise<void> {
  const action = new URLSearchParams({
    Action: 'ConfirmSubscription',
    TopicArn: topicArn,
    Token: token,
  })
  await request({ url: `${originOfTopic(topicArn)}/?${action}`, timeoutMs: 5_000 })
}

/** Notifications name their type in one member, published events in another. */
function reportOf(message: Record<string, unknown>): SignedReport {
  const messageId = idOf(membersOf(message['mail']))
  switch (message['notificationType'] ?? message['eventType']) {
    case 'Delivery':
      return { messageId, outcome: 'delivered' }
    case 'Bounce':
      return membersOf(message['bounce'])['bounceType'] === 'Permanent'
        ? { messageId, outcome: 'bounced', undeliverable: 'hard_bounce' }
        : { messageId, outcome: 'bounced' }
    case 'Complaint':
      return { messageId, outcome: undefined, undeliverable: 'complaint' }
    default:
      return { messageId, outcome: undefined }
  }
}

/** SES gives the mail another Message-ID; ours is among the headers of the original. */
function idOf(mail: Record<string, unknown>): string | undefined {
  const headers = Array.isArray(mail['headers']) ? mail['headers'].map(membersOf) : []
  const own = headers.find(({ name }) => textOf(name).toLowerCase() === 'message-id')
  return (
    idInMessageId(own?.['value']) ?? idInMessageId(membersOf(mail['commonHeaders'])['messageId'])
  )
}

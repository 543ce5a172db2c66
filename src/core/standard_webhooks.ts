import { createHmac } from 'node:crypto'
import { equalsInConstantTime } from './secrets.ts'

/**
 * Signed calls between servers, the Standard Webhooks way (specification 1.0.0): HMAC-SHA-256 over
 * `id.timestamp.body`, so that neither the body nor its time can be another's.
 */

const PREFIX = 'whsec_'
/** A call that is older, or comes from the future, may be a repetition. */
const TOLERANCE_S = 300

export type WebhookHeaders = {
  'webhook-id': string
  'webhook-timestamp': string
  'webhook-signature': string
}

/** @param secret `whsec_` and base64; @param at when it is sent */
export function signWebhook(
  secret: string,
  { id, at, body }: { id: string; at: Date; body: string },
): WebhookHeaders {
  const timestamp = String(Math.floor(at.getTime() / 1000))
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${macOf(secret, id, timestamp, body)}`,
  }
}

/** @param headers as they came: several signatures stand side by side while a secret is changed */
export function isSignedWebhook(
  secret: string,
  { headers, body, now }: { headers: Partial<WebhookHeaders>; body: string; now: Date },
): boolean {
  const { 'webhook-id': id = '', 'webhook-timestamp': timestamp = '' } = headers
  const ageS = now.getTime() / 1000 - Number(timestamp)
  if (id === '' || !/^\d{1,12}$/.test(timestamp) || Math.abs(ageS) > TOLERANCE_S) return false
  const wanted = `v1,${macOf(secret, id, timestamp, body)}`
  const given = (headers['webhook-signature'] ?? '').split(' ').slice(0, 8)
  return given.some((signature) => equalsInConstantTime(signature, wanted))
}

function macOf(secret: string, id: string, timestamp: string, body: string): string {
  const key = Buffer.from(secret.replace(PREFIX, ''), 'base64')
  return createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
}

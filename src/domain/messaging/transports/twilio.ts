import { createHmac } from 'node:crypto'
import { equalsInConstantTime } from '../../../core/secrets.ts'
import { basic, FORM, parseObject, post, type Request, textOf } from './http_transport.ts'
import type { Transport } from './transport.ts'

/** SMS by Twilio's Programmable Messaging, API version 2010-04-01. */
export function createTwilio({
  request,
  accountSid,
  authToken,
  from,
  statusUri,
  baseUrl = 'https://api.twilio.com',
}: {
  request: Request
  accountSid: string
  authToken: string
  /** A number in E.164 form, a sender name, or the `MG…` of a messaging service. */
  from: string
  /** Where Twilio tells what became of a message. */
  statusUri: (messageId: string) => string
  baseUrl?: string
}): Transport {
  const url = `${baseUrl}/2010-04-01/Accounts/${encodeURIComponent(accountSid)}/Messages.json`
  const headers = { authorization: basic(accountSid, authToken), 'content-type': FORM }
  return {
    name: 'twilio',
    channel: 'sms',
    send({ id, to, text }, signal) {
      const body = new URLSearchParams({
        To: to,
        [from.startsWith('MG') ? 'MessagingServiceSid' : 'From']: from,
        Body: text,
        StatusCallback: statusUri(id),
      }).toString()
      return post(request, { url, headers, body, signal }, (answer) => ({
        kind: 'accepted',
        providerId: textOf(parseObject(answer)?.['sid']),
      }))
    },
  }
}

/**
 * Twilio's signature of a callback: HMAC-SHA-1 over the address it called and the sorted fields.
 *
 * @param uri as it was given to Twilio, with its query
 */
export function isSignedByTwilio(
  authToken: string,
  { uri, fields, signature }: { uri: string; fields: URLSearchParams; signature: string },
): boolean {
  const sorted = new URLSearchParams(fields)
  sorted.sort()
  const text = uri + [...sorted].map(([name, value]) => name + value).join('')
  const wanted = createHmac('sha1', authToken).update(text).digest('base64')
  return equalsInConstantTime(signature, wanted)
}

import type { Clock } from '../../../core/clock.ts'
import { signWebhook } from '../../../core/standard_webhooks.ts'
import { parseObject, post, type Request, textOf } from './http_transport.ts'
import type { Transport } from './transport.ts'

/**
 * SMS by a program of the deployment's own: a signed POST of `{id, kind, to, text}` (Standard
 * Webhooks). Any 2xx is acceptance; `{"id": "…"}` in the answer is what the program calls it. The
 * header `webhook-id` is our id, and the same where we try again.
 */
export function createSmsHook({
  request,
  clock,
  url,
  secret,
}: {
  request: Request
  clock: Clock
  url: string
  secret: string
}): Transport {
  return {
    name: 'hook',
    channel: 'sms',
    send({ id, kind, to, text }, signal) {
      const body = JSON.stringify({ id, kind, to, text })
      const headers = {
        'content-type': 'application/json',
        ...signWebhook(secret, { id, at: clock.now(), body }),
      }
      return post(request, { url, headers, body, signal }, (answer) => ({
        kind: 'accepted',
        providerId: textOf(parseObject(answer)?.['id']),
      }))
    },
  }
}

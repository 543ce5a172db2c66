import { FORM, parseObject, post, type Request, textOf } from './http_transport.ts'
import type { SendOutcome, Transport } from './transport.ts'

/** SMS by Vonage's SMS API. It answers 200 in any case; `status` in the body is the outcome. */
export function createVonage({
  request,
  apiKey,
  apiSecret,
  from,
  baseUrl = 'https://rest.nexmo.com',
}: {
  request: Request
  apiKey: string
  apiSecret: string
  from: string
  baseUrl?: string
}): Transport {
  return {
    name: 'vonage',
    channel: 'sms',
    send({ id, to, text }, signal) {
      const body = new URLSearchParams({
        api_key: apiKey,
        api_secret: apiSecret,
        // Vonage wants numbers without their plus sign.
        from: from.replace(/^\+/, ''),
        to: to.replace(/^\+/, ''),
        text,
        type: 'unicode',
        'client-ref': id,
      }).toString()
      const headers = { 'content-type': FORM }
      return post(request, { url: `${baseUrl}/sms/json`, headers, body, signal }, outcomeOf)
    },
  }
}

/** Invalid parameters, an invalid message, a barred number, or one that cannot be reached. */
const FINAL = new Set(['3', '6', '7', '22', '33'])

function outcomeOf(answer: string): SendOutcome {
  const parts = parseObject(answer)?.['messages']
  const first: unknown = Array.isArray(parts) ? parts[0] : undefined
  if (typeof first !== 'object' || first === null) {
    return { kind: 'unavailable', reason: 'no outcome in the answer' }
  }
  const { status, 'message-id': providerId } = first as Record<string, unknown>
  if (status === '0') return { kind: 'accepted', providerId: textOf(providerId) }
  const reason = `status ${String(status).slice(0, 8)}`
  return { kind: FINAL.has(String(status)) ? 'rejected' : 'unavailable', reason }
}

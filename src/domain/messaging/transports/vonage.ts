import { createHmac } from 'node:crypto'
import { equalsInConstantTime } from '../../../core/secrets.ts'
import { FORM, parseObject, post, type Request, textOf } from './http_transport.ts'
import type { SendOutcome, Transport } from './transport.ts'

/** SMS by Vonage's SMS API. It answers 200 in any case; `status` in the body is the outcome. */
export function createVonage({
  request,
  apiKey,
  apiSecret,
  from,
  statusUri,
  baseUrl = 'https://rest.nexmo.com',
}: {
  request: Request
  apiKey: string
  apiSecret: string
  from: string
  /** Where Vonage tells what became of a message; its dashboard has it for all where absent. */
  statusUri?: string | undefined
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
        ...(statusUri === undefined ? {} : { callback: statusUri }),
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

/** By the length of their hexadecimal digits. Vonage has MD5 and SHA-1 too, which are too weak to believe. */
const DIGESTS: Readonly<Record<number, string>> = { 64: 'sha256', 128: 'sha512' }

/**
 * Vonage's signature of a callback, the field `sig`: HMAC over all other fields in the order of their
 * names, in which `&` and `=` are replaced.
 *
 * @param secret the signature secret of the account, which is not its API secret
 */
export function isSignedByVonage(secret: string, fields: URLSearchParams): boolean {
  const signature = fields.get('sig')?.toLowerCase() ?? ''
  const digest = DIGESTS[signature.length]
  if (digest === undefined) return false
  const signed = new URLSearchParams(fields)
  signed.delete('sig')
  signed.sort()
  const text = [...signed]
    .map(([name, value]) => `&${name}=${value.replace(/[&=]/g, '_')}`)
    .join('')
  const wanted = createHmac(digest, secret).update(text).digest('hex')
  return equalsInConstantTime(signature, wanted)
}

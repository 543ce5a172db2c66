import type { Hop, OutboundResponse } from './exchange.ts'
import type { Guard } from './guard.ts'
import { describeUrl, OutboundError } from './outbound_error.ts'

/** However many a caller asks for. */
export const MAX_REDIRECTS = 3

const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308])

/** All that may cross to another origin: no credential, no signature, no custom header. */
const HEADERS_FOR_STRANGERS = ['accept', 'accept-language']

/** True for a response that asks to go elsewhere: RFC 9110 §15.4, with a Location. */
export function isRedirect({ status, headers }: OutboundResponse): boolean {
  return REDIRECT_STATUSES.has(status) && headers.has('location')
}

/** RFC 9110 §15.4: 303 turns all but HEAD into GET; after 301 and 302 POST becomes GET. */
function becomesGet(status: number, method: string): boolean {
  if (status === 303) return method !== 'HEAD'
  return (status === 301 || status === 302) && method === 'POST'
}

function headersForStrangers(headers: Headers): Headers {
  const kept = new Headers()
  for (const name of HEADERS_FOR_STRANGERS) {
    const value = headers.get(name)
    if (value !== null) kept.set(name, value)
  }
  return kept
}

function withoutBody(hop: Hop): Hop {
  const headers = new Headers(hop.headers)
  headers.delete('content-type')
  return { ...hop, method: 'GET', headers, body: undefined }
}

/**
 * The request that follows a redirect. Its URL passes the guard like a first one; the scheme stays
 * or improves; to another origin go neither credentials nor a body.
 *
 * @throws OutboundError `blocked_redirect`, or what `Guard.vetUrl` throws
 */
export function nextHop(guard: Guard, from: Hop, response: OutboundResponse): Hop {
  const refused = new OutboundError('blocked_redirect', describeUrl(from.url))
  const location = URL.parse(response.headers.get('location') ?? '', from.url.href)
  if (!location) throw refused
  const url = guard.vetUrl(location.href)
  if (from.url.protocol === 'https:' && url.protocol !== 'https:') throw refused
  const sent = becomesGet(response.status, from.method) ? withoutBody(from) : from
  if (url.origin === from.url.origin) return { ...sent, url }
  if (sent.body !== undefined) throw refused
  return { ...sent, url, headers: headersForStrangers(sent.headers) }
}

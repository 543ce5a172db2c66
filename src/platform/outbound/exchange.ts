import type { Dispatcher } from 'undici'
import type { Deadline } from './abortable.ts'
import { describeUrl, OutboundError } from './outbound_error.ts'
import { readBody } from './response_body.ts'

export type OutboundResponse = {
  status: number
  headers: Headers
  /** The decoded body, whole, within `maxResponseBytes`. */
  body: Buffer
}

/** One request on the wire; a redirect makes another. The URL has been vetted. */
export type Hop = {
  url: URL
  method: string
  headers: Headers
  body: string | Uint8Array | undefined
}

/** Interim responses (RFC 9110 §15.2) we sit through before the final one; 103 is sent once or twice. */
const MAX_INTERIM_RESPONSES = 8

/**
 * What a caller may not set: what frames the message or steers it (RFC 9110 §7, RFC 9112 §6), what
 * this client fixes itself, and cookies, which it does not do.
 */
const RESERVED_HEADERS = [
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'transfer-encoding',
  'content-length',
  'te',
  'trailer',
  'upgrade',
  'expect',
  'cookie',
  'accept-encoding',
  'user-agent',
]

function headersToSend(given: Headers): Record<string, string> {
  const headers = new Headers(given)
  for (const name of RESERVED_HEADERS) headers.delete(name)
  headers.set('user-agent', 'AuthCore')
  headers.set('accept-encoding', 'identity')
  return Object.fromEntries(headers)
}

function headersReceived(raw: Dispatcher.ResponseData['headers'], target: string): Headers {
  try {
    const headers = new Headers()
    for (const [name, value] of Object.entries(raw)) {
      for (const each of [value].flat()) if (each !== undefined) headers.append(name, each)
    }
    return headers
  } catch {
    throw new OutboundError('protocol', target)
  }
}

function limitInterimResponses(deadline: Deadline, target: string): () => void {
  let seen = 0
  return () => {
    seen += 1
    if (seen > MAX_INTERIM_RESPONSES) deadline.abort(new OutboundError('protocol', target))
  }
}

/**
 * Sends one request and reads the whole answer, whatever its status; redirects are not followed.
 *
 * @throws OutboundError, or what undici throws: see `toOutboundError`
 */
export async function exchange(
  agent: Dispatcher,
  hop: Hop,
  deadline: Deadline,
  maxBytes: number,
): Promise<OutboundResponse> {
  const target = describeUrl(hop.url)
  const answer = await agent.request({
    origin: hop.url.origin,
    path: hop.url.pathname + hop.url.search,
    method: hop.method as Dispatcher.HttpMethod,
    headers: headersToSend(hop.headers),
    body: hop.body ?? null,
    signal: deadline.signal,
    onInfo: limitInterimResponses(deadline, target),
  })
  const headers = headersReceived(answer.headers, target)
  const body = await readBody(answer.body, headers, { target, maxBytes })
  if (answer.statusCode > 599) throw new OutboundError('protocol', target)
  return { status: answer.statusCode, headers, body }
}

import type { Answer, OutboundMethod, OutboundRequest, RedirectMode } from './client.ts'
import type { Guard } from './guard.ts'
import { describeUrl, OutboundError } from './outbound_error.ts'
import { MAX_REDIRECTS } from './redirects.ts'

/** RequestInit, with `undefined` for absent as some libraries write it. */
type FetchOptions = { [Name in keyof RequestInit]: RequestInit[Name] | undefined }

export type OutboundFetch = (
  input: string | URL | Request,
  options?: FetchOptions,
) => Promise<Response>

type Call = (input: OutboundRequest, redirects: RedirectMode) => Promise<Answer>

/** Fetch standard, "null body status": a Response with one of these takes no body. */
const NULL_BODY_STATUSES = new Set([204, 205, 304])

/** An absent mode is an error here, where the standard says `follow`. */
function redirectModeOf(mode: RequestInit['redirect']): RedirectMode {
  if (mode === 'follow') return MAX_REDIRECTS
  return mode === 'manual' ? 'manual' : 0
}

function toRequest(input: string | Request, options: FetchOptions, url: URL): Request {
  try {
    // A foreign dispatcher would bring its own connections, past the guard.
    const { dispatcher: _ignored, ...rest } = options
    return new Request(input, rest as RequestInit)
  } catch {
    // Node's own error would quote the offending header value.
    throw new OutboundError('protocol', describeUrl(url))
  }
}

function toResponse({ response, url, redirected }: Answer): Response {
  const { status, headers } = response
  const body = NULL_BODY_STATUSES.has(status) ? null : new Uint8Array(response.body)
  return Object.defineProperties(new Response(body, { status, headers }), {
    url: { value: url.href },
    redirected: { value: redirected },
  })
}

/**
 * `fetch` as libraries take it, with the guard, the deadline and the caps of this folder. It
 * differs from the standard in that redirects are followed only where `options.redirect` says
 * `follow`, at most three; an unfollowed one rejects, or comes back as it is with `manual`. It sends
 * no cookies and rejects with `OutboundError`, or with the signal's reason. A body is sent from memory.
 */
export function createFetch(guard: Guard, call: Call): OutboundFetch {
  return async (input, options = {}) => {
    const source = input instanceof Request ? input : String(input)
    // First, because Request rejects a URL with a password by an error that quotes it.
    const url = guard.vetUrl(typeof source === 'string' ? source : source.url)
    const request = toRequest(source, options, url)
    const answer = await call(
      {
        url: url.href,
        method: request.method as OutboundMethod,
        headers: request.headers,
        ...(request.body ? { body: await request.bytes() } : {}),
        // The first choice does not depend on `request` being kept from the garbage collector.
        signal: options.signal ?? request.signal,
      },
      redirectModeOf(options.redirect),
    )
    return toResponse(answer)
  }
}

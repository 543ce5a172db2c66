import { CALLBACK } from '../support/authcore.ts'
import { CANARY } from './odd_values.ts'
import type { FuzzRequest } from './request.ts'
import type { Answer, Outcome } from './send.ts'

/** What every answer has to be, whatever was asked. */

/** On a machine that does much else, too; an answer that takes its time by itself takes longer still. */
const SLOW_MS = 60_000

/** @returns what is wrong with it; nothing where all is well */
export function faultOf(
  request: FuzzRequest,
  outcome: Outcome,
  issuer: string,
): string | undefined {
  switch (outcome.kind) {
    case 'closed':
      return request.framing === 'broken' ? undefined : 'no answer: the connection was closed'
    case 'late':
      return 'no answer in time'
    case 'malformed':
      return `a malformed answer: ${outcome.why}`
    case 'answer': {
      const { answer, tookMs } = outcome
      if (isBare(answer)) return request.framing === 'broken' ? undefined : bareFault(request)
      if (tookMs > SLOW_MS) return `${Math.round(tookMs)} ms for an answer`
      return (
        statusFault(request, answer) ??
        headerFault(answer) ??
        bodyFault(answer) ??
        locationFault(answer, issuer)
      )
    }
  }
}

/** What the socket says to bytes that are no request; nothing of the application has run. */
function isBare({ status, headers, body }: Answer): boolean {
  const names = headers.map(([name]) => name.toLowerCase()).sort()
  const known = ['cache-control', 'connection', 'content-length'].join()
  return [400, 408, 413, 431].includes(status) && body.length === 0 && names.join() === known
}

/** Names and values may hold what HTTP forbids, or be larger than a head may be. */
function bareFault({ headers, path, query }: FuzzRequest): string | undefined {
  const text = JSON.stringify([headers, path])
  const isOdd = headers.some(([, value]) => /[^\t\x20-\x7e\x80-\xff]/.test(value))
  const isLarge = text.length + JSON.stringify(query).length > 10_000
  return isOdd || isLarge ? undefined : 'taken for no HTTP, and it was'
}

/** Where the answer depends on somebody else, and here nobody else is there. */
const NEEDS_OTHERS =
  /^\/(federation|interaction\/[^/]+\/(connection|directory)|account\/connections)/

function statusFault({ path }: FuzzRequest, { status, headers }: Answer): string | undefined {
  if (status < 500) return undefined
  const retryAfter = headerIn(headers, 'retry-after')
  if (status === 503 && NEEDS_OTHERS.test(path)) {
    return retryAfter ? undefined : '503 without Retry-After'
  }
  return `status ${status}`
}

const ALWAYS: readonly [string, RegExp][] = [
  ['content-security-policy', /default-src 'none'.*frame-ancestors /],
  ['x-content-type-options', /^nosniff$/],
  ['referrer-policy', /^(no-referrer|same-origin)$/],
  ['x-frame-options', /^(DENY|SAMEORIGIN)$/],
  ['cross-origin-opener-policy', /./],
  ['cross-origin-resource-policy', /./],
  ['permissions-policy', /./],
  ['cache-control', /./],
]

function headerFault({ headers, body }: Answer): string | undefined {
  for (const [name, wanted] of ALWAYS) {
    const values = headers.filter(([each]) => each.toLowerCase() === name)
    if (values.length !== 1) return `${values.length} times the header ${name}`
    if (!wanted.test(values[0]![1])) return `${name}: ${values[0]![1]}`
  }
  if (headerIn(headers, 'x-injected') !== undefined) return 'a header that the request wrote'
  if (/(^|[;,] ?)x=y/.test(headerIn(headers, 'set-cookie') ?? '')) return 'a cookie of the request'
  if (body.length > 0 && !headerIn(headers, 'content-type')) return 'a body without a type'
  return undefined
}

const STACK =
  /\bat (async )?[\w.<>]+ \(|node_modules|node:internal|\.[jt]s:\d+|\bSELECT \w+.* FROM |oidc_record|\bECONNREFUSED\b/

function bodyFault({ status, headers, body }: Answer): string | undefined {
  const type = headerIn(headers, 'content-type') ?? ''
  // Files and counters of our own: nothing of the request is in them.
  if (/^(text\/css|text\/javascript|image\/|text\/plain)/.test(type)) return undefined
  const text = body.toString('utf8')
  const inside = STACK.exec(text)?.[0]
  if (inside) return `something of the inside in the body: ${inside}`
  if (text.includes(CANARY) && /problem\+json/.test(type)) return 'a secret in the problem details'
  if (/json/.test(type) && body.length > 0) {
    try {
      JSON.parse(text)
    } catch {
      return 'JSON that is none'
    }
  }
  if (/^text\/html/.test(type) && body.length > 0 && !isRedirect(status)) {
    if (/<script>alert/.test(text)) return 'a script of the request in the page'
    if (!/^\s*<!doctype html>/i.test(text) || !/<\/html>\s*$/i.test(text)) return 'half a page'
  }
  return undefined
}

const isRedirect = (status: number) => status >= 300 && status < 400

/** To us, to the client, or to the source: nobody else is somewhere to send a person. */
function locationFault({ headers }: Answer, issuer: string): string | undefined {
  const location = headerIn(headers, 'location')
  if (location === undefined) return undefined
  const url = URL.parse(location, issuer)
  if (!url) return `leads to ${location.slice(0, 100)}`
  const known = [issuer, CALLBACK, 'https://idp.example'].map((uri) => new URL(uri).origin)
  return known.includes(url.origin) ? undefined : `leads to ${location.slice(0, 100)}`
}

function headerIn(headers: readonly [string, string][], name: string): string | undefined {
  return headers.find(([each]) => each.toLowerCase() === name)?.[1]
}

import type { Dispatcher } from 'undici'
import { abortable, type Deadline, startDeadline } from './abortable.ts'
import { exchange, type Hop, type OutboundResponse } from './exchange.ts'
import type { Guard } from './guard.ts'
import {
  describeUrl,
  isRefusal,
  OutboundError,
  type OutboundReason,
  toOutboundError,
} from './outbound_error.ts'
import { isRedirect, MAX_REDIRECTS, nextHop } from './redirects.ts'

export type OutboundMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS'

export type OutboundRequest = {
  url: string
  /** Default GET. */
  method?: OutboundMethod
  /** Cookie, Host, User-Agent, Accept-Encoding and hop-by-hop headers are dropped. */
  headers?: ConstructorParameters<typeof Headers>[0]
  body?: string | Uint8Array
  /** Milliseconds for the whole call: DNS, connection, redirects, the last byte of the body. */
  timeoutMs?: number
  /** Cap for the body, on the wire and decoded. */
  maxResponseBytes?: number
  /** Redirects to follow, 3 at most. Default 0: a redirect is an error. */
  followRedirects?: number
  /** The caller's own end to the call, which then rejects with the signal's reason. */
  signal?: AbortSignal
}

/** What one call came to, for metrics. `origin` is empty where the URL was refused. */
export type CallInfo = {
  origin: string
  durationMs: number
  outcome: 'response' | 'aborted' | OutboundReason
  /** The status of the response, where there was one. */
  status?: number
}

export type OutboundLog = {
  warn(fields: object, message: string): void
  info(fields: object, message: string): void
}

export type ClientDeps = {
  agent: Dispatcher
  guard: Guard
  log: OutboundLog
  onCall: ((info: CallInfo) => void) | undefined
  totalTimeoutMs: number
  maxResponseBytes: number
}

/** `manual` hands a redirect to the caller as any other response. */
export type RedirectMode = number | 'manual'

/** A response and the URL that gave it, after redirects. */
export type Answer = { response: OutboundResponse; url: URL; redirected: boolean }

const METHODS: ReadonlySet<string> = new Set<OutboundMethod>([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
])

function firstHop(url: URL, input: OutboundRequest): Hop {
  try {
    const method = input.method ?? 'GET'
    if (!METHODS.has(method)) throw new TypeError('unknown method')
    return { url, method, headers: new Headers(input.headers), body: input.body }
  } catch {
    // Node's own error would quote the offending header value.
    throw new OutboundError('protocol', describeUrl(url))
  }
}

type Limits = { redirects: RedirectMode; maxBytes: number }

async function follow(deps: ClientDeps, first: Hop, deadline: Deadline, limits: Limits) {
  let hop = first
  for (let followed = 0; ; followed += 1) {
    const response = await exchange(deps.agent, hop, deadline, limits.maxBytes)
    if (limits.redirects === 'manual' || !isRedirect(response)) {
      return { response, url: hop.url, redirected: followed > 0 }
    }
    if (followed >= Math.min(limits.redirects, MAX_REDIRECTS)) {
      throw new OutboundError('blocked_redirect', describeUrl(hop.url))
    }
    hop = nextHop(deps.guard, hop, response)
  }
}

async function attempt(
  deps: ClientDeps,
  url: URL,
  input: OutboundRequest,
  redirects: RedirectMode,
) {
  const target = describeUrl(url)
  using deadline = startDeadline(
    input.timeoutMs ?? deps.totalTimeoutMs,
    () => new OutboundError('timeout', target),
    input.signal,
  )
  const limits = { redirects, maxBytes: input.maxResponseBytes ?? deps.maxResponseBytes }
  try {
    deadline.signal.throwIfAborted()
    // undici notices an abort only once it has a connection; the race notices it at once.
    return await abortable(follow(deps, firstHop(url, input), deadline, limits), deadline.signal)
  } catch (error) {
    deadline.signal.throwIfAborted()
    throw toOutboundError(error, target)
  }
}

function reportFailure(deps: ClientDeps, error: unknown, origin: string, durationMs: number): void {
  const outcome = error instanceof OutboundError ? error.reason : 'aborted'
  deps.onCall?.({ origin, durationMs, outcome })
  const fields = { origin, outcome, duration_ms: Math.round(durationMs), detail: detailOf(error) }
  if (isRefusal(error)) deps.log.warn(fields, 'outgoing call refused')
  else deps.log.info(fields, 'outgoing call failed')
}

function detailOf(error: unknown): string | undefined {
  // The reason of a caller's own signal is the caller's text: it may hold anything.
  return error instanceof OutboundError ? error.message : undefined
}

/**
 * One guarded call, timed, logged where it fails, and reported to `onCall`.
 *
 * @throws OutboundError, or the reason of `input.signal` where the caller aborted
 */
export async function call(
  deps: ClientDeps,
  input: OutboundRequest,
  redirects: RedirectMode,
): Promise<Answer> {
  const startedAt = performance.now()
  let origin = ''
  try {
    const url = deps.guard.vetUrl(input.url)
    origin = url.origin
    const answer = await attempt(deps, url, input, redirects)
    const durationMs = performance.now() - startedAt
    deps.onCall?.({ origin, durationMs, outcome: 'response', status: answer.response.status })
    return answer
  } catch (error) {
    reportFailure(deps, error, origin, performance.now() - startedAt)
    throw error
  }
}

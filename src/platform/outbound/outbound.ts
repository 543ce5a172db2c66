/**
 * The one HTTP client for every call this server makes to others: jwks_uri, sector_identifier_uri,
 * back-channel logout, webhooks, upstream providers, metadata. Many of those URLs are written by
 * strangers, so each call passes the guard (scheme, port, address), goes to the very address that
 * was vetted, and ends by a deadline and within a size. This folder owns no product rule: what a
 * response means, and when to try again hours later, is for the caller.
 *
 * `guard.ts` and `addresses.ts` say where calls may go; `connector.ts` opens connections there;
 * `exchange.ts`, `redirects.ts` and `client.ts` make one call; `resilience.ts` repeats it or leaves
 * a failing target alone; `outbound_fetch.ts` dresses it as `fetch` for libraries that take one.
 */
import { Agent } from 'undici'
import { abortable } from './abortable.ts'
import { type CallInfo, call, type OutboundLog, type OutboundRequest } from './client.ts'
import {
  createConnector,
  type Dial,
  dialTcp,
  type Resolve,
  resolveWithSystem,
  trust,
} from './connector.ts'
import type { OutboundResponse } from './exchange.ts'
import { createGuard, type Guard, type GuardPolicy } from './guard.ts'
import { createFetch, type OutboundFetch } from './outbound_fetch.ts'
import { createResilience, IDEMPOTENT_METHODS, type ResiliencePolicy } from './resilience.ts'

export type OutboundPolicy = GuardPolicy & {
  /** PEM certificates trusted besides the ones Node trusts. Verification cannot be turned off. */
  ca?: string
  /** Milliseconds for DNS, TCP and TLS together. Default 3000. */
  connectTimeoutMs?: number
  /** Milliseconds for a whole call unless the caller says otherwise. Default 5000. */
  totalTimeoutMs?: number
  /** Cap for a response body, on the wire and decoded, unless the caller says otherwise. Default 1 MiB. */
  maxResponseBytes?: number
  /** Connections to one origin at a time; further calls to it wait. Default 16. */
  connectionsPerOrigin?: number
  resilience?: ResiliencePolicy
}

export type OutboundDeps = {
  log: OutboundLog
  /** Told of every call, for metrics. */
  onCall?: (info: CallInfo) => void
  /** Default: the operating system's resolver. */
  resolve?: Resolve
  /** Default: a TCP connection. Whatever it opens is checked against the vetted addresses. */
  dial?: Dial
}

export type RetriedRequest = OutboundRequest & {
  /** Attempts in all. Default 3. */
  attempts?: number
  /** True where the receiver recognises a repeated POST or PATCH, such as by an event id. */
  repeatable?: boolean
}

export type Outbound = {
  /**
   * One attempt. Any status is a response, save a redirect that was not to be followed.
   *
   * @throws OutboundError, or the reason of `input.signal` where the caller aborted
   */
  request(input: OutboundRequest): Promise<OutboundResponse>
  /**
   * The same with a circuit breaker per origin, and repeated after `dns`, `connect`, `timeout`, 502,
   * 503 and 504 (without Retry-After) where the method is idempotent or `repeatable` is set.
   * `timeoutMs` holds for each attempt.
   *
   * @throws OutboundError of the last attempt or `circuit_open`, or the reason of `input.signal`
   */
  requestWithRetry(input: RetriedRequest): Promise<OutboundResponse>
  /** For libraries that take a `fetch`: one attempt; see `createFetch` for what differs from the standard. */
  fetch: OutboundFetch
  /** Lets running calls end, closes idle connections, and refuses further calls. */
  close(): Promise<void>
}

const MAX_HEADER_BYTES = 16 * 1024

function createAgent(policy: OutboundPolicy, deps: OutboundDeps, guard: Guard): Agent {
  const connect = createConnector({
    guard,
    resolve: deps.resolve ?? resolveWithSystem,
    dial: deps.dial ?? dialTcp,
    secureContext: trust(policy.ca),
    timeoutMs: policy.connectTimeoutMs ?? 3000,
  })
  return new Agent({
    connect,
    allowH2: false,
    connections: policy.connectionsPerOrigin ?? 16,
    maxHeaderSize: MAX_HEADER_BYTES,
    // One clock only: the deadline of the call.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
}

function vettedOrigin(guard: Guard, url: string): string | undefined {
  try {
    return guard.vetUrl(url).origin
  } catch {
    return undefined
  }
}

function attemptsFor(input: RetriedRequest): number {
  const repeatable = input.repeatable || IDEMPOTENT_METHODS.has(input.method ?? 'GET')
  return repeatable ? (input.attempts ?? 3) : 1
}

/**
 * Builds the client. Build one per process and hand it to whoever calls out.
 *
 * @throws TypeError where `allow` or `deny` holds an unreadable entry, and what `X509Certificate`
 *   throws where `ca` is no certificate
 */
export function createOutbound(policy: OutboundPolicy, deps: OutboundDeps): Outbound {
  const guard = createGuard(policy)
  const agent = createAgent(policy, deps, guard)
  const resilience = createResilience(policy.resilience ?? {}, deps)
  const client = {
    agent,
    guard,
    log: deps.log,
    onCall: deps.onCall,
    totalTimeoutMs: policy.totalTimeoutMs ?? 5000,
    maxResponseBytes: policy.maxResponseBytes ?? 1024 * 1024,
  }
  let closing: Promise<void> | undefined
  const request = async (input: OutboundRequest) =>
    (await call(client, input, input.followRedirects ?? 0)).response
  return {
    request,
    requestWithRetry: async (input) => {
      const origin = vettedOrigin(guard, input.url)
      // Refused: the one attempt says so, and neither breaker nor retry has a part in it.
      if (origin === undefined) return request(input)
      const running = resilience.run(origin, attemptsFor(input), () => request(input))
      return input.signal ? abortable(running, input.signal) : running
    },
    fetch: createFetch(guard, (input, redirects) => call(client, input, redirects)),
    close: () => {
      closing ??= agent.close()
      return closing
    },
  }
}

import {
  BrokenCircuitError,
  type CircuitBreakerPolicy,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleWhen,
  retry,
} from 'cockatiel'
import { LRUCache } from 'lru-cache'
import type { CallInfo, OutboundLog } from './client.ts'
import type { OutboundResponse } from './exchange.ts'
import { OutboundError, type OutboundReason } from './outbound_error.ts'

export type ResiliencePolicy = {
  /** Failures in a row after which a target is left alone. Default 5. */
  breakAfter?: number
  /** Milliseconds until one call tries a broken target again. Default 30 000. */
  halfOpenAfterMs?: number
  /** Milliseconds before the first retry; later ones wait longer, with jitter. Default 200. */
  firstRetryDelayMs?: number
  /** Milliseconds no retry delay exceeds. Default 2000. */
  maxRetryDelayMs?: number
  /** Targets remembered at once; the least recently called is forgotten first. Default 1000. */
  maxOrigins?: number
}

export type Resilience = {
  /**
   * Runs `attempt` up to `attempts` times through the circuit breaker of `origin`.
   *
   * @throws OutboundError `circuit_open`, or what the last attempt threw
   */
  run(
    origin: string,
    attempts: number,
    attempt: () => Promise<OutboundResponse>,
  ): Promise<OutboundResponse>
}

/** RFC 9110 §9.2.2: sending such a request twice means no more than sending it once. */
export const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'PUT',
  'DELETE',
  'OPTIONS',
])

const PASSING_REASONS: ReadonlySet<OutboundReason> = new Set(['dns', 'connect', 'timeout'])
const TARGET_FAULTS: ReadonlySet<OutboundReason> = new Set([
  ...PASSING_REASONS,
  'too_large',
  'protocol',
])
const PASSING_STATUSES = new Set([502, 503, 504])

function hasReason(error: unknown, reasons: ReadonlySet<OutboundReason>): boolean {
  return error instanceof OutboundError && reasons.has(error.reason)
}

/** A caller whose own patience ended counts as a slow target; one who changed its mind does not. */
function isTargetFault(error: unknown): boolean {
  return hasReason(error, TARGET_FAULTS) || (error as Error | undefined)?.name === 'TimeoutError'
}

/** A target that says when to come back is not asked sooner: the caller gets the response. */
function isPassingResponse(result: unknown): boolean {
  const { status, headers } = result as OutboundResponse
  return PASSING_STATUSES.has(status) && !headers.has('retry-after')
}

function createBreaker(policy: ResiliencePolicy, origin: string, log: OutboundLog) {
  const faults = handleWhen(isTargetFault).orWhenResult(
    (result) => (result as OutboundResponse).status >= 500,
  )
  const breaker = circuitBreaker(faults, {
    breaker: new ConsecutiveBreaker(policy.breakAfter ?? 5),
    halfOpenAfter: policy.halfOpenAfterMs ?? 30_000,
  })
  breaker.onBreak(() => log.warn({ origin }, 'outgoing calls suspended: the target keeps failing'))
  breaker.onReset(() => log.info({ origin }, 'outgoing calls resumed: the target answers again'))
  return breaker
}

function createRetry(policy: ResiliencePolicy, attempts: number) {
  const passing = handleWhen((error) => hasReason(error, PASSING_REASONS))
  return retry(passing.orWhenResult(isPassingResponse), {
    maxAttempts: Math.max(0, attempts - 1),
    backoff: new ExponentialBackoff({
      initialDelay: policy.firstRetryDelayMs ?? 200,
      maxDelay: policy.maxRetryDelayMs ?? 2000,
    }),
  })
}

export type ResilienceDeps = {
  log: OutboundLog
  /** Told of the calls a breaker withheld. */
  onCall?: (info: CallInfo) => void
}

/** Retries and circuit breakers, one per origin, in bounded memory. Each process has its own. */
export function createResilience(policy: ResiliencePolicy, deps: ResilienceDeps): Resilience {
  const breakers = new LRUCache<string, CircuitBreakerPolicy>({ max: policy.maxOrigins ?? 1000 })
  const breakerOf = (origin: string) => {
    const breaker = breakers.get(origin) ?? createBreaker(policy, origin, deps.log)
    breakers.set(origin, breaker)
    return breaker
  }
  return {
    run(origin, attempts, attempt) {
      const breaker = breakerOf(origin)
      return createRetry(policy, attempts).execute(() =>
        breaker.execute(attempt).catch((error: unknown) => {
          if (!(error instanceof BrokenCircuitError)) throw error
          deps.onCall?.({ origin, durationMs: 0, outcome: 'circuit_open' })
          throw new OutboundError('circuit_open', origin)
        }),
      )
    },
  }
}

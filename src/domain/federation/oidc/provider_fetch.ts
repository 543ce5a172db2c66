import { parsedJson } from '../../../core/unknown.ts'
import type { OutboundResponse } from '../../../platform/outbound/exchange.ts'
import { createResilience } from '../../../platform/outbound/resilience.ts'
import type { ConnectorDeps } from '../connector.ts'

/** `fetch` as openid-client and jose call it, for one provider. */
export type ProviderFetch = (url: string, options?: ProviderRequest) => Promise<Response>

export type ProviderRequest = {
  method?: string
  headers?: ConstructorParameters<typeof Headers>[0]
  body?: unknown
  signal?: AbortSignal | null | undefined
}

/** Somebody is waiting in front of a page: rather say so than let them wait. */
const TIMEOUT_MS = 4000

/** The largest documents known, key sets of big tenants, have some 50 kB. */
const MAX_RESPONSE_BYTES = 512 * 1024

/** One person meets a slow provider three times at most; then it is left alone for a while. */
const RESILIENCE = { breakAfter: 3, halfOpenAfterMs: 15_000 }

/**
 * Reads an error that a token endpoint writes in its own way, into one of RFC 6749 §5.2; undefined
 * where the document is none.
 */
export type TokenErrorReader = (document: Readonly<Record<string, unknown>>) => string | undefined

/** Fetch standard, "null body status": a Response with one of these takes no body. */
const NULL_BODY_STATUSES = new Set([204, 205, 304])

function bodyOf(body: unknown): { body?: string | Uint8Array } {
  if (body === undefined || body === null) return {}
  if (body instanceof Uint8Array) return { body }
  return { body: String(body) }
}

function asStandardError(
  response: OutboundResponse,
  read: TokenErrorReader,
): OutboundResponse | undefined {
  const document = parsedJson(response.body.toString('utf8'))
  if (typeof document !== 'object' || document === null) return undefined
  const error = read(document as Record<string, unknown>)
  if (error === undefined) return undefined
  const headers = new Headers({ 'content-type': 'application/json' })
  return { status: 400, headers, body: Buffer.from(JSON.stringify({ error })) }
}

/**
 * The one HTTP client within the limits of a sign-in: four seconds, half a megabyte, no redirect, one
 * attempt, and a circuit breaker for each origin, of this connection alone.
 *
 * @param readTokenError where the provider's token endpoint does not speak as the RFC does
 *
 * @throws OutboundError, or the signal's reason
 */
export function createProviderFetch(
  { outbound, log }: Pick<ConnectorDeps, 'outbound' | 'log'>,
  readTokenError?: TokenErrorReader,
): ProviderFetch {
  const resilience = createResilience(RESILIENCE, { log })
  return async (url, { method = 'GET', headers, body, signal } = {}) => {
    const origin = URL.parse(url)?.origin ?? ''
    const came = await resilience.run(origin, 1, () =>
      outbound.request({
        url,
        method: method as 'GET' | 'POST',
        ...(headers ? { headers } : {}),
        ...bodyOf(body),
        ...(signal ? { signal } : {}),
        timeoutMs: TIMEOUT_MS,
        maxResponseBytes: MAX_RESPONSE_BYTES,
      }),
    )
    const ownError = readTokenError && method === 'POST' && asStandardError(came, readTokenError)
    const response = ownError || came
    const content = NULL_BODY_STATUSES.has(response.status) ? null : new Uint8Array(response.body)
    return new Response(content, { status: response.status, headers: response.headers })
  }
}

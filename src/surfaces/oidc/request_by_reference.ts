import type { Context, Middleware } from 'koa'
import { LRUCache } from 'lru-cache'
import { sha256 } from '../../core/secrets.ts'
import type { ClientCache } from '../../domain/clients/client_cache.ts'
import { ipKeys } from '../../domain/security/ip_key.ts'
import type { RateLimits } from '../../domain/security/rate_limit.ts'
import type { Logger } from '../../platform/observability/logger.ts'
import type { Outbound } from '../../platform/outbound/outbound.ts'
import { PATHS } from './paths.ts'
import { countOrRefuse } from './throttle.ts'

/**
 * Authorization requests by reference (OpenID Connect Core §6.2, RFC 9101 §5.2). The engine takes
 * objects by value only, so a `request_uri` that the client registered is fetched before the engine
 * sees the request, and stands there as `request`. What cannot be had becomes the name of a pushed
 * request that nobody pushed: the engine then says `invalid_request_uri` as it says everything, to
 * the client only where the address of the client is a registered one.
 *
 * Names of pushed requests (`urn:`) pass by untouched.
 */

type Deps = {
  clients: ClientCache
  outbound: Pick<Outbound, 'request'>
  limits: RateLimits
  log: Logger
}
type Reference = { clientId: string; uri: string }

const MAX_BYTES = 65_536
const TIMEOUT_MS = 3_000
/** A site that is away is not asked again by everybody who presses reload. */
const MISS_TTL_MS = 5_000
const MISSES_KEPT = 1_000
const NEVER_PUSHED = 'urn:ietf:params:oauth:request_uri:'
const JWS = /^[\w-]+\.[\w-]+\.[\w-]*$/

export function createRequestByReference(deps: Deps): Middleware {
  const missed = new LRUCache<string, true>({ max: MISSES_KEPT, ttl: MISS_TTL_MS })
  return async (ctx, next) => {
    const asks = ctx.method === 'GET' && ctx.path === PATHS.authorization
    const reference = asks ? referenceIn(ctx.query) : undefined
    if (!reference) return await next()
    const request = await requestFor(deps, missed, ctx, reference)
    const { request_uri: _replaced, ...others } = ctx.query
    ctx.query = request ? { ...others, request } : { ...others, request_uri: NEVER_PUSHED }
    ctx.state['requestByReference'] = request !== undefined
    await next()
  }
}

/** Together with `request`, or more than once, it is the engine's to refuse. */
function referenceIn(parameters: Context['query']): Reference | undefined {
  const { client_id: clientId, request_uri: uri, request } = parameters
  const one = typeof clientId === 'string' && typeof uri === 'string' && request === undefined
  return one && /^https?:\/\//.test(uri) ? { clientId, uri } : undefined
}

/** The object, or nothing where it is not there, is none, or is not the client's to name. */
async function requestFor(
  { clients, outbound, limits, log }: Deps,
  missed: LRUCache<string, true>,
  ctx: Context,
  { clientId, uri }: Reference,
): Promise<string | undefined> {
  const client = await clients.find(clientId)
  const registered = client?.metadata.request_uris ?? []
  if (
    client?.status !== 'active' ||
    !registered.map(withoutFragment).includes(withoutFragment(uri))
  )
    return undefined
  if (missed.has(uri)) return undefined
  // Per address and not per client, so that nobody can use it up for the people of a client.
  await countOrRefuse(limits, 'request_uri_ip', ipKeys(ctx.state.clientIp).narrow)
  const fetched = await fetchObject(outbound, uri)
  if (typeof fetched === 'string') return fetched
  missed.set(uri, true)
  log.info({ 'client.id': clientId, reason: fetched.reason }, 'a request_uri gave no request')
  return undefined
}

async function fetchObject(
  outbound: Deps['outbound'],
  uri: string,
): Promise<string | { reason: string }> {
  const [url = '', hash] = uri.split('#')
  const headers = { accept: 'application/oauth-authz-req+jwt, application/jwt, */*;q=0.1' }
  const limits = { timeoutMs: TIMEOUT_MS, maxResponseBytes: MAX_BYTES }
  try {
    const { status, body } = await outbound.request({ url, headers, ...limits })
    if (status !== 200) return { reason: `status ${status}` }
    // OpenID Connect Core §6.2: "the base64url-encoded SHA-256 hash of the referenced resource".
    if (hash !== undefined && sha256(body).toString('base64url') !== hash) {
      return { reason: 'not what the fragment is the hash of' }
    }
    const text = body.toString('latin1').trim()
    return JWS.test(text) ? text : { reason: 'no signed JWT' }
  } catch (error) {
    return { reason: (error as Error).message }
  }
}

function withoutFragment(uri: string): string {
  return uri.split('#')[0]!
}

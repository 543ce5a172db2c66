import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose'
import { LRUCache } from 'lru-cache'
import { type Clock, epochSeconds } from '../../../core/clock.ts'
import { ASSERTION_ALGS, type AssertionIssuer } from '../../../domain/clients/client_metadata.ts'

/**
 * Assertions as authorization grants (RFC 7523 §3): signed with a key of an issuer that the client's
 * record names, meant for us and nobody else, for minutes, with an id of its own. Not verified here:
 * that it was not used before.
 */

export type Assertion = { trusted: AssertionIssuer; sub: string; jti: string; exp: number }
export type AssertionVerifier = (
  assertion: string,
  trusted: readonly AssertionIssuer[],
) => Promise<Assertion>

/** The longest life of an assertion we accept, so that remembering it stays bounded. */
const MAX_LIFE_S = 600
const ISSUERS_KEPT = 1_000
const KEYS_FRESH_MS = 10 * 60_000
/** An unknown `kid` makes us ask again, but not more often than this. */
const KEYS_COOLDOWN_MS = 30_000
/** RFC 8725 §3.11: a JWT that says it is something else is none of these. */
const TYPES = new Set([undefined, 'JWT', 'authorization-grant+jwt'])

type Fetch = (url: string | URL, options?: RequestInit) => Promise<Response>

export function createAssertionVerifier(deps: {
  issuer: string
  clock: Clock
  clockToleranceS: number
  fetch: Fetch
}): AssertionVerifier {
  const keysOf = keysByIssuer(deps.fetch)
  return async (assertion, issuers) => {
    const { iss } = decodeJwt(assertion)
    const trusted = issuers.find(({ issuer }) => issuer === iss)
    if (!trusted) throw new Error('its issuer is not trusted by this client')
    const { payload, protectedHeader } = await jwtVerify(assertion, keysOf(trusted), {
      issuer: trusted.issuer,
      algorithms: [...(trusted.algs ?? ASSERTION_ALGS)],
      requiredClaims: ['exp', 'sub', 'jti'],
      clockTolerance: deps.clockToleranceS,
      currentDate: deps.clock.now(),
    })
    const { sub, jti, exp = 0, aud, iat } = payload
    const now = epochSeconds(deps.clock)
    if (!TYPES.has(protectedHeader.typ)) throw new Error('its typ is that of another kind of JWT')
    // Whoever else it was meant for could use it here (RFC 7523bis).
    if (aud !== deps.issuer) throw new Error('its aud is not this issuer alone')
    if (exp - now > MAX_LIFE_S) throw new Error(`it lives for more than ${MAX_LIFE_S} seconds`)
    if (iat !== undefined && iat > now + deps.clockToleranceS) throw new Error('its iat is to come')
    if (!isName(sub) || !isName(jti)) throw new Error('its sub or jti is not text of 1 to 255')
    return { trusted, sub, jti, exp }
  }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 255
}

/** Keys that were registered, or those at a jwks_uri, which are fetched as seldom as may be. */
function keysByIssuer(fetch: Fetch): (trusted: AssertionIssuer) => JWTVerifyGetKey {
  const remote = new LRUCache<string, JWTVerifyGetKey>({ max: ISSUERS_KEPT })
  return ({ jwks, jwks_uri }) => {
    if (jwks) return createLocalJWKSet(jwks as Parameters<typeof createLocalJWKSet>[0])
    const known = remote.get(jwks_uri!)
    if (known) return known
    const keys = createRemoteJWKSet(new URL(jwks_uri!), {
      [customFetch]: fetch as never,
      cacheMaxAge: KEYS_FRESH_MS,
      cooldownDuration: KEYS_COOLDOWN_MS,
    })
    remote.set(jwks_uri!, keys)
    return keys
  }
}

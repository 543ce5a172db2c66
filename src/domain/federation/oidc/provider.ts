import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose'
import * as oidc from 'openid-client'
import { OutboundError } from '../../../platform/outbound/outbound_error.ts'
import type { ConnectorDeps } from '../connector.ts'
import type { OidcProfile } from './oidc_profile.ts'
import { mayBePlain } from './oidc_settings.ts'
import type { ProviderFetch } from './provider_fetch.ts'

/** A provider as discovery describes it, and its keys: fetched when first needed, then kept. */
export type Provider = {
  /** @throws ProviderFault, OutboundError, or what openid-client throws of a document that is none */
  discovered(): Promise<Discovered>
}

export type Discovered = {
  configuration: oidc.Configuration
  /** The published keys. Fetches them again where a token names one that is not among them. */
  keys: JWTVerifyGetKey
}

/** What the provider publishes about itself cannot be used. The message is safe to log. */
export class ProviderFault extends Error {}

/** Endpoints move seldom. Keys are fetched again on their own, see `KEYS`. */
const REFRESH_AFTER_MS = 60 * 60_000

/** While the document cannot be had, the last one serves. */
const USABLE_FOR_MS = 24 * 60 * 60_000

/**
 * A key that is unknown makes us ask again, but not more often than every 30 seconds, so that forged
 * key ids cost the provider nothing; withdrawn ones are noticed after ten minutes.
 */
const KEYS = { cooldownDuration: 30_000, cacheMaxAge: 10 * 60_000, timeoutDuration: 5000 }

type Kept = Discovered & { at: number; jwksUri: string }

/** OpenID Connect Discovery §4.3, letter for letter: openid-client compares URLs, and excuses some. */
function assertIssuer({ issuer }: oidc.ServerMetadata, expected: string): void {
  if (issuer === expected) return
  throw new ProviderFault('the discovery document names another issuer than the connection')
}

function jwksUriOf({ jwks_uri }: oidc.ServerMetadata, plain: boolean): string {
  const url = URL.parse(jwks_uri ?? '')
  if (url && (url.protocol === 'https:' || (plain && url.protocol === 'http:'))) return url.href
  throw new ProviderFault('the discovery document names no usable jwks_uri')
}

async function discover(profile: OidcProfile, deps: ConnectorDeps, fetch: ProviderFetch) {
  const server = new URL(profile.issuer)
  const metadata = {
    // Everything that is timed here goes by the one clock of the process.
    [oidc.clockSkew]: Math.round((deps.clock.now().getTime() - Date.now()) / 1000),
    ...(profile.algorithms.length === 1
      ? { id_token_signed_response_alg: profile.algorithms[0]! }
      : {}),
  }
  return await oidc.discovery(server, profile.clientId, metadata, profile.clientAuthentication, {
    [oidc.customFetch]: fetch as oidc.CustomFetch,
    timeout: 10,
    execute: mayBePlain(server) ? [oidc.allowInsecureRequests] : [],
  })
}

export function createProvider(
  profile: OidcProfile,
  deps: ConnectorDeps,
  fetch: ProviderFetch,
): Provider {
  let kept: Kept | undefined
  let pending: Promise<Kept> | undefined

  async function load(): Promise<Kept> {
    const configuration = await discover(profile, deps, fetch)
    const metadata = configuration.serverMetadata()
    assertIssuer(metadata, profile.publishedIssuer)
    const jwksUri = jwksUriOf(metadata, mayBePlain(new URL(profile.issuer)))
    const keys =
      kept?.jwksUri === jwksUri
        ? kept.keys
        : createRemoteJWKSet(new URL(jwksUri), { ...KEYS, [customFetch]: fetch })
    kept = { configuration, keys, jwksUri, at: deps.clock.now().getTime() }
    return kept
  }

  /** One request for everybody who waits. */
  function loadOnce(): Promise<Kept> {
    pending ??= load().finally(() => {
      pending = undefined
    })
    return pending
  }

  return {
    async discovered() {
      const last = kept
      const ageMs = last ? deps.clock.now().getTime() - last.at : Number.POSITIVE_INFINITY
      if (last && ageMs < REFRESH_AFTER_MS) return last
      return await loadOnce().catch((error: unknown) => {
        if (!last || ageMs >= USABLE_FOR_MS || !wasUnreachable(error)) throw error
        deps.log.warn({ issuer: profile.issuer }, 'discovery failed, the last document serves')
        return last
      })
    },
  }
}

/** openid-client wraps what its fetch throws. */
export function outboundErrorIn(error: unknown): OutboundError | undefined {
  for (let each = error, depth = 0; each instanceof Error && depth < 5; depth += 1) {
    if (each instanceof OutboundError) return each
    each = each.cause
  }
  return undefined
}

function wasUnreachable(error: unknown): boolean {
  return outboundErrorIn(error) !== undefined
}

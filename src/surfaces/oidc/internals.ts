import type { X509Certificate } from 'node:crypto'
import type { Context } from 'koa'
import type Provider from 'oidc-provider'
import type { Client, KoaContextWithOIDC, ResourceServerInstance } from 'oidc-provider'
import * as helpers from 'oidc-provider/lib/helpers/grants.js'
import { verify } from 'oidc-provider/lib/helpers/jwt.js'
import LRU from 'oidc-provider/lib/helpers/lru.js'
import { AlreadyUsedError } from 'oidc-provider/lib/helpers/re_render_errors.js'
import instance from 'oidc-provider/lib/helpers/weak_cache.js'

/**
 * The only place that reaches into the engine besides its documented interface. The version of
 * oidc-provider is pinned exactly; a test checks that everything used here is still there.
 */

type GrantHandler = (ctx: Context) => Promise<void>
type Internals = {
  configuration: Record<string, unknown> & { features: Record<string, unknown> }
  dynamicClients: unknown
  grantTypeHandlers: Map<string, GrantHandler>
}

const internalsOf = (provider: Provider) => instance(provider) as unknown as Internals

/** The configuration in force after the engine has applied its defaults. */
export function effectiveConfiguration(provider: Provider): Internals['configuration'] {
  return internalsOf(provider).configuration
}

/**
 * The engine keeps 100 validated clients; beyond that each request validates one anew and fetches
 * its jwks_uri again. Upstream refused to make the size configurable.
 */
export function resizeClientCache(provider: Provider, maxSize: number): void {
  internalsOf(provider).dynamicClients = new LRU({ maxSize })
}

/** Replaces every grant handler by what `wrap` makes of it. */
export function wrapGrantHandlers(
  provider: Provider,
  wrap: (grantType: string, handler: GrantHandler) => GrantHandler,
): void {
  const { grantTypeHandlers } = internalsOf(provider)
  for (const [grantType, handler] of grantTypeHandlers) {
    grantTypeHandlers.set(grantType, wrap(grantType, handler))
  }
}

/** What the engine throws, and renders as a page, where a user code was confirmed before. */
export function userCodeAlreadyUsed(): Error {
  return new AlreadyUsedError() as Error
}

/**
 * Whether the client signed this JWT, with its keys as the engine keeps and refreshes them.
 *
 * @throws where it did not
 */
export async function verifyWithKeysOfClient(
  client: Client,
  jwt: string,
  clockToleranceS: number,
): Promise<void> {
  const { asymmetricKeyStore } = client as unknown as { asymmetricKeyStore: object }
  await verify(jwt, asymmetricKeyStore, { clockTolerance: clockToleranceS })
}

export type DpopProof = { thumbprint: string; jti: string }
export type GrantHelpers = {
  validateDpop(ctx: KoaContextWithOIDC): Promise<DpopProof | undefined>
  checkDpopRequired(ctx: KoaContextWithOIDC, proof: DpopProof | undefined): void
  checkDpopReplay(ctx: KoaContextWithOIDC, proof: DpopProof, clientId: string): Promise<void>
  checkMtlsCert(ctx: KoaContextWithOIDC): string | X509Certificate | undefined
  resolveRequestedResources(ctx: KoaContextWithOIDC): Promise<ResourceServerInstance[]>
  buildTokenResponse(fields: Record<string, unknown>): Record<string, unknown>
}

/** What the engine's own grants are made of, for ours. */
export function grantHelpers(provider: Provider): GrantHelpers {
  return {
    validateDpop: helpers.validateDpop.bind(null, provider),
    checkDpopRequired: helpers.checkDpopRequired.bind(null, provider),
    checkDpopReplay: helpers.checkDpopReplay.bind(null, provider),
    checkMtlsCert: helpers.checkMtlsCert.bind(null, provider),
    resolveRequestedResources: helpers.resolveRequestedResources.bind(null, provider),
    buildTokenResponse: helpers.buildTokenResponse.bind(null, provider),
  }
}

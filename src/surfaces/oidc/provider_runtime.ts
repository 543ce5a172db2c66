import type { Middleware } from 'koa'
import compose from 'koa-compose'
import type Provider from 'oidc-provider'
import type { SigningKey } from '../../platform/keys/signing_key.ts'
import { listPublishedSigningKeys } from '../../platform/keys/signing_key_store.ts'
import type { ChangeFeed } from '../../platform/persistence/change_feed.ts'
import { createProvider, type ProviderDeps } from './create_provider.ts'
import { amendDiscovery } from './discovery.ts'
import { serveDocuments } from './documents.ts'
import { nameEndpointAliases } from './mutual_tls.ts'
import { createOwnTokens } from './own_tokens.ts'
import { DISCOVERY_PATHS, PATHS } from './paths.ts'
import { handleStructuredTokens } from './structured_tokens.ts'

/**
 * The provider in force. It is immutable: when signing keys change, on whichever node, a new one is
 * built beside it and takes its place between two requests. Building takes about a millisecond.
 */
export type ProviderRuntime = {
  provider(): Provider
  handler(): Middleware
  /** Builds anew from the keys in the database; a no-op where they have not changed. */
  refresh(): Promise<void>
  stop(): void
}

type Deps = Omit<ProviderDeps, 'jwks' | 'ownTokens'> & { changes?: Pick<ChangeFeed, 'subscribe'> }
type Built = { provider: Provider; handler: Middleware; keys: string }

/** Looks by itself this often, for a change that no notification told of. */
const POLL_MS = 30_000

export async function startProviderRuntime(deps: Deps): Promise<ProviderRuntime> {
  const load = () => listPublishedSigningKeys(deps.db, deps.keyring)
  let built = build(deps, await load())
  let refreshing: Promise<void> = Promise.resolve()
  const refresh = (): Promise<void> => {
    refreshing = refreshing.then(async () => {
      try {
        const keys = await load()
        if (fingerprint(keys) !== built.keys) built = build(deps, keys)
      } catch (error) {
        deps.log.warn({ err: error }, 'signing keys could not be reloaded and stay as they are')
      }
    })
    return refreshing
  }
  const unsubscribe = deps.changes?.subscribe(({ topic }) => {
    if (topic === 'signing_key' || topic === 'everything') void refresh()
  })
  const timer = setInterval(() => void refresh(), POLL_MS)
  timer.unref()
  return {
    provider: () => built.provider,
    handler: () => built.handler,
    refresh,
    stop() {
      unsubscribe?.()
      clearInterval(timer)
    },
  }
}

function build(deps: Deps, keys: readonly SigningKey[]): Built {
  const ownTokens = createOwnTokens({
    issuer: deps.config.server.issuer,
    publicKeys: { keys: keys.map((key) => key.publicJwk) },
  })
  const jwks = { keys: keys.map((key) => key.privateJwk) }
  const provider = createProvider({ ...deps, jwks, ownTokens })
  const handler = compose([
    serveDocuments({
      jwks: PATHS.jwks,
      discovery: DISCOVERY_PATHS,
      amendDiscovery: (document) => amendDiscovery(document, deps.config.protocols),
    }),
    nameEndpointAliases(deps.config.mutualTls.origin),
    handleStructuredTokens({
      db: deps.db,
      keyring: deps.keyring,
      recorder: deps.recorder,
      issuer: deps.config.server.issuer,
      ownTokens,
    }),
    compose(provider.middleware as never),
  ]) as Middleware
  return { provider, handler, keys: fingerprint(keys) }
}

function fingerprint(keys: readonly SigningKey[]): string {
  return keys.map(({ kid, state }) => `${kid}:${state}`).join()
}

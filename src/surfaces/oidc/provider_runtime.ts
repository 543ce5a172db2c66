import type { Middleware } from 'koa'
import compose from 'koa-compose'
import type Provider from 'oidc-provider'
import type { OwnedDetailsType } from '../../domain/clients/authorization_details.ts'
import { listAuthorizationDetailsTypes } from '../../domain/clients/resource_server_store.ts'
import type { SigningKey } from '../../platform/keys/signing_key.ts'
import { listPublishedSigningKeys } from '../../platform/keys/signing_key_store.ts'
import type { ChangeFeed } from '../../platform/persistence/change_feed.ts'
import { createProvider, type ProviderDeps } from './create_provider.ts'
import { amendDiscovery } from './discovery.ts'
import { createDocuments, type Documents } from './documents.ts'
import { nameEndpointAliases } from './mutual_tls.ts'
import { createOwnTokens } from './own_tokens.ts'
import { DISCOVERY_PATHS, PATHS } from './paths.ts'
import { handleStructuredTokens } from './structured_tokens.ts'

/**
 * The provider in force. It is immutable: when signing keys change, or the types of authorization
 * details, on whichever node, a new one is built beside it and takes its place between two requests. Building takes about a millisecond.
 */
export type ProviderRuntime = {
  provider(): Provider
  handler(): Middleware
  /** A public document that was asked for before, whole. */
  document: Documents['find']
  /** Builds anew from what is in the database; a no-op where it has not changed. */
  refresh(): Promise<void>
  stop(): void
}

type Deps = Omit<ProviderDeps, 'jwks' | 'ownTokens' | 'detailsTypes'> & {
  changes?: Pick<ChangeFeed, 'subscribe'>
}
type Loaded = { keys: readonly SigningKey[]; detailsTypes: readonly OwnedDetailsType[] }
type Built = {
  provider: Provider
  handler: Middleware
  documents: Documents
  fingerprint: string
}

const REBUILT_FOR: ReadonlySet<string> = new Set(['signing_key', 'resource_server', 'everything'])

/** Looks by itself this often, for a change that no notification told of. */
const POLL_MS = 30_000

export async function startProviderRuntime(deps: Deps): Promise<ProviderRuntime> {
  const load = async (): Promise<Loaded> => ({
    keys: await listPublishedSigningKeys(deps.db, deps.keyring),
    detailsTypes: deps.config.protocols.richAuthorization
      ? await listAuthorizationDetailsTypes(deps.db)
      : [],
  })
  let built = build(deps, await load())
  let refreshing: Promise<void> = Promise.resolve()
  const refresh = (): Promise<void> => {
    refreshing = refreshing.then(async () => {
      try {
        const loaded = await load()
        if (fingerprint(loaded) !== built.fingerprint) built = build(deps, loaded)
      } catch (error) {
        deps.log.warn(
          { err: error },
          'signing keys and types could not be reloaded and stay as they are',
        )
      }
    })
    return refreshing
  }
  const unsubscribe = deps.changes?.subscribe(({ topic }) => {
    if (REBUILT_FOR.has(topic)) void refresh()
  })
  const timer = setInterval(() => void refresh(), POLL_MS)
  timer.unref()
  return {
    provider: () => built.provider,
    handler: () => built.handler,
    document: (path) => built.documents.find(path),
    refresh,
    stop() {
      unsubscribe?.()
      clearInterval(timer)
    },
  }
}

function build(deps: Deps, loaded: Loaded): Built {
  const { keys, detailsTypes } = loaded
  const ownTokens = createOwnTokens({
    issuer: deps.config.server.issuer,
    publicKeys: { keys: keys.map((key) => key.publicJwk) },
  })
  const provider = createProvider({
    ...deps,
    ownTokens,
    detailsTypes,
    jwks: { keys: keys.map((key) => key.privateJwk) },
  })
  const documents = createDocuments({
    issuer: deps.config.server.issuer,
    jwks: PATHS.jwks,
    discovery: DISCOVERY_PATHS,
    amendDiscovery: (document) => amendDiscovery(document, deps.config.protocols),
  })
  const handler = compose([
    documents.serve,
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
  return { provider, handler, documents, fingerprint: fingerprint(loaded) }
}

function fingerprint({ keys, detailsTypes }: Loaded): string {
  return JSON.stringify([keys.map(({ kid, state }) => [kid, state]), detailsTypes])
}

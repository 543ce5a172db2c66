import Provider, { type Adapter } from 'oidc-provider'
import type { Clock } from '../../core/clock.ts'
import type { Profile } from '../../domain/accounts/profile/profile.ts'
import type { OwnedDetailsType } from '../../domain/clients/authorization_details.ts'
import type { ClientCache } from '../../domain/clients/client_cache.ts'
import type { RateLimits } from '../../domain/security/rate_limit.ts'
import type { Config } from '../../platform/config/schema.ts'
import type { EventRecorder } from '../../platform/events/recorder.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Logger } from '../../platform/observability/logger.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { Pages } from '../../web/pages.ts'
import type { Codec, Payload } from './adapters/codec.ts'
import { useDurableReplayDetection, useHashedSecrets } from './client_authentication.ts'
import { engineConfiguration } from './configuration.ts'
import { blameClientForItsKeys } from './encryption.ts'
import { includeSidForFrontchannel } from './frontchannel_logout.ts'
import type { ConnectionTokenDeps } from './grants/connection_token.ts'
import { registerOwnGrants } from './grants/own_grants.ts'
import { installTokenRequests } from './grants/token_requests.ts'
import { resizeClientCache } from './internals.ts'
import { type LogoutQueue, queueBackchannelLogout } from './logout_delivery.ts'
import { answerToAliases } from './mutual_tls.ts'
import type { OwnTokens } from './own_tokens.ts'
import { listenToProvider } from './provider_events.ts'
import { rememberClients } from './remembered_clients.ts'
import type { ResourceServerLookup } from './resource_servers.ts'
import { assertSecurityStance } from './security_stance.ts'

/**
 * Builds one immutable provider from the configuration and a set of keys. When keys change a new one
 * is built and swapped in; requests under way end on the old one.
 */

export type ProviderDeps = {
  config: Config
  db: Db
  keyring: Keyring
  codec: Codec
  clock: Clock
  log: Logger
  recorder: EventRecorder
  clients: ClientCache
  resourceServers: ResourceServerLookup
  limits: RateLimits
  /** What the deployment keeps and asks of people. */
  profile: Profile
  pages: Pages
  locales: readonly string[]
  adapterFactory: (model: string) => Adapter
  /** Signing and verifying: in each algorithm the first key signs. */
  jwks: { keys: readonly object[] }
  /** Tokens that these keys have signed, verified. */
  ownTokens: OwnTokens
  /** What may be in `authorization_details`. */
  detailsTypes: readonly OwnedDetailsType[]
  /** A Keygrip, shared with the web application. */
  cookieKeys: unknown
  fetch: (url: string | URL, options?: RequestInit) => Promise<Response>
  /** What a source gave for a person, where a connection keeps it. */
  takeUpstreamToken: ConnectionTokenDeps['takeUpstreamToken']
  logoutQueue: LogoutQueue
  /** Where clients register themselves; undefined where they do not. */
  registrationEndpoint: string | undefined
  onTokenIssued?: (grantType: string) => void
}

const CLIENTS_KEPT = 10_000

export function createProvider(deps: ProviderDeps): Provider {
  const provider = new Provider(deps.config.server.issuer, engineConfiguration(deps))
  provider.proxy = true
  assertSecurityStance(provider, deps.config.protocols)
  resizeClientCache(provider, CLIENTS_KEPT)
  const clients = deps.adapterFactory('Client')
  rememberClients(provider, async (id) => (await clients.find(id)) as Payload | undefined)
  useHashedSecrets(provider, deps)
  useDurableReplayDetection(provider, deps)
  blameClientForItsKeys(provider)
  queueBackchannelLogout(provider, deps.logoutQueue)
  if (deps.config.protocols.frontchannelLogout) includeSidForFrontchannel(provider)
  answerToAliases(provider, deps.config.mutualTls.origin)
  registerOwnGrants(provider, deps)
  installTokenRequests(provider, {
    ...deps,
    refreshRetryWindowS: deps.config.tokens.refreshRetryWindowS,
    ...(deps.onTokenIssued ? { onIssued: deps.onTokenIssued } : {}),
  })
  listenToProvider(provider, deps)
  return provider
}

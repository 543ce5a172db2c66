import Keygrip from 'keygrip'
import { type Clock, systemClock } from '../core/clock.ts'
import { loadProfile } from '../domain/accounts/profile/load_profile.ts'
import type { Profile } from '../domain/accounts/profile/profile.ts'
import { type ClientCache, createClientCache } from '../domain/clients/client_cache.ts'
import {
  createClientDocuments,
  withDocuments,
} from '../domain/clients/documents/client_documents.ts'
import type { VetUrl } from '../domain/clients/registration/vet_addresses.ts'
import {
  createResourceServerCache,
  type ResourceServerCache,
} from '../domain/clients/resource_server_cache.ts'
import type { TimedPasswordHasher } from '../domain/credentials/password/password_hash.ts'
import type { PasswordPolicy } from '../domain/credentials/password/password_policy.ts'
import type { AttestationPolicy } from '../domain/credentials/webauthn/attestation_policy.ts'
import type { Metadata } from '../domain/credentials/webauthn/metadata_blob.ts'
import { type Connections, createConnections } from '../domain/federation/connections.ts'
import { KINDS, type Kinds } from '../domain/federation/kinds.ts'
import { takeUpstreamToken } from '../domain/federation/token_vault.ts'
import type { RenderMessage } from '../domain/messaging/render_message.ts'
import type { Transports } from '../domain/messaging/transports/transports.ts'
import { createRateLimits, type RateLimits } from '../domain/security/rate_limit.ts'
import type { Config } from '../platform/config/schema.ts'
import { clientDocumentRefused } from '../platform/events/catalogue.ts'
import { createEventRecorder, type EventRecorder } from '../platform/events/recorder.ts'
import type { RenewedFile } from '../platform/files/renewed_file.ts'
import { createJobQueue, type JobQueue } from '../platform/jobs/queue.ts'
import { createKeyring, type Keyring } from '../platform/keys/keyring.ts'
import { type RotationPolicy, rotateDueSigningKeys } from '../platform/keys/rotate_signing_keys.ts'
import type { Logger } from '../platform/observability/logger.ts'
import type { Metrics } from '../platform/observability/metrics.ts'
import { createGuard } from '../platform/outbound/guard.ts'
import { type ChangeFeed, openChangeFeed } from '../platform/persistence/change_feed.ts'
import type { Db } from '../platform/persistence/db.ts'
import { assertSchemaCurrent, migrateUp } from '../platform/persistence/migrate.ts'
import { openRedis, type RedisClient } from '../platform/persistence/redis.ts'
import { NO_PLACES, openPlaceDatabase, type Places } from '../platform/places/place_database.ts'
import { LOCALES } from '../platform/templating/i18n.ts'
import type { Renderer } from '../platform/templating/strict_eta.ts'
import { createAdapterFactory } from '../surfaces/oidc/adapters/adapter_for_model.ts'
import { type Codec, createCodec } from '../surfaces/oidc/adapters/codec.ts'
import type { RecordStores } from '../surfaces/oidc/adapters/unit_of_work.ts'
import { engineMetadata } from '../surfaces/oidc/client_metadata.ts'
import { unlessCertificatesLack } from '../surfaces/oidc/mutual_tls.ts'
import { type ProviderRuntime, startProviderRuntime } from '../surfaces/oidc/provider_runtime.ts'
import { rememberMetadata } from '../surfaces/oidc/remembered_clients.ts'
import { REGISTRATION_PATH } from '../surfaces/registration/paths.ts'
import { createPages, type Pages } from '../web/pages.ts'
import { messageRendererOf, rendererOf, transportsOf } from './messaging.ts'
import { type LazyOutbound, outboundAtFirstUse, outboundPolicy } from './outbound.ts'
import { openPasskeyAttestation } from './passkey_attestation.ts'
import { createHasher, createPolicy } from './passwords.ts'
import type { Storage } from './storage.ts'

/** Builds everything once, by hand, from the bottom up. There is no container: this file is it. */

export type Parts = {
  config: Config
  log: Logger
  metrics: Metrics
  clock: Clock
  storage: Storage
  db: Db
  redis: RedisClient | undefined
  stores: RecordStores
  keyring: Keyring
  codec: Codec
  cookieKeys: Keygrip
  changes: ChangeFeed
  recorder: EventRecorder
  outbound: LazyOutbound
  clients: ClientCache
  resourceServers: ResourceServerCache
  /** Where addresses are, as far as a file tells it. */
  places: Places
  /** Which authenticators may be enrolled; undefined where any may. */
  passkeyAttestation: AttestationPolicy | undefined
  /** What it believes. */
  passkeyMetadata: RenewedFile<Metadata> | undefined
  passwords: TimedPasswordHasher
  /** What the deployment keeps and asks of people. */
  profile: Profile
  /** What a new password must be. */
  passwordPolicy: PasswordPolicy
  limits: RateLimits
  jobs: JobQueue
  renderMessage: RenderMessage
  transports: Transports
  renderer: Renderer
  pages: Pages
  runtime: ProviderRuntime
  connections: Connections
  /** What may be called at all, as far as an address tells before it is resolved. */
  vetUrl: VetUrl
  /** Everything but the storage, which was there before. */
  close(): Promise<void>
}

export function rotationPolicy({ security }: Config): RotationPolicy {
  return {
    lifetimeS: security.signingKeyLifetimeS,
    publishAheadS: security.signingKeyPublishAheadS,
    retainS: security.signingKeyRetainS,
  }
}

export async function compose(input: {
  config: Config
  log: Logger
  metrics: Metrics
  storage: Storage
  clock?: Clock
  /** Those that tests bring besides are made up. */
  kinds?: Kinds
}): Promise<Parts> {
  const { config, log, metrics, storage, clock = systemClock, kinds = KINDS } = input
  const { db } = storage
  const { geoDatabase } = config.risk
  const placeFile = geoDatabase ? await openPlaceDatabase(geoDatabase, { log }) : undefined
  const attestation = await openPasskeyAttestation(config, { log, clock })
  if (storage.kind === 'embedded') await migrateUp(db)
  else await assertSchemaCurrent(db)
  const keyring = createKeyring(config.security)
  const [changes] = await Promise.all([
    openChangeFeed(storage.connection, (message) => log.info(message)),
    rotateDueSigningKeys({ db, keyring, clock }, rotationPolicy(config)),
  ])
  const redis = openRedis(config.storage)
  const codec = createCodec(keyring)
  const recorder = createEventRecorder(db, log)
  const outbound = outboundAtFirstUse(config, log)
  const { vetUrl } = createGuard(outboundPolicy(config))
  const resourceServers = createResourceServerCache({ db, changes })
  const limits = createRateLimits({
    db,
    redis,
    keyring,
    log,
    onLimited: (limit) => metrics.rateLimited(limit),
  })
  const clients = knownClients(createClientCache({ db, changes }), {
    config,
    request: outbound.request,
    vetUrl,
    clock,
    limits,
    recorder,
  })
  const connections = createConnections(
    { db, keyring, kinds, changes, onCall: (name, call) => metrics.connectionCall(name, call) },
    { clock, log, outbound, issuer: config.server.issuer },
  )
  const jobs = createJobQueue({ db, log })
  const renderer = rendererOf(config)
  const pages = createPages(renderer)
  const push = { db, keyring }
  const transports = transportsOf(config, { request: outbound.request, clock, push })
  const stores = { db, redis }
  const cookieKeys = new Keygrip(
    config.security.cookieKeys.map((key) => key.toString('base64url')),
    'sha256',
  )
  const profile = await loadProfile(config)
  const ownScopes = new Set(profile.scopes.map(({ name }) => name))
  const metadataOf = rememberMetadata((client) =>
    engineMetadata(unlessCertificatesLack(client, config), config.protocols, ownScopes),
  )
  const runtime = await startProviderRuntime({
    config,
    db,
    keyring,
    codec,
    clock,
    log,
    recorder,
    clients,
    resourceServers,
    limits,
    profile,
    pages,
    locales: LOCALES,
    cookieKeys,
    changes,
    adapterFactory: createAdapterFactory({
      stores,
      codec,
      findClient: async (id) => metadataOf(await clients.find(id)),
      refreshReuseDetectionS: config.tokens.refreshReuseDetectionS,
    }),
    fetch: outbound.fetch,
    takeUpstreamToken: (input) => takeUpstreamToken({ db, clock, keyring, connections }, input),
    registrationEndpoint:
      config.protocols.dynamicRegistration === 'off'
        ? undefined
        : `${config.server.issuer}${REGISTRATION_PATH}`,
    logoutQueue: { send: async (job) => void (await jobs.send('backchannel_logout', job)) },
    onTokenIssued: (grantType) => metrics.tokenIssued(grantType),
  })
  return {
    config,
    log,
    metrics,
    clock,
    storage,
    db,
    redis,
    stores,
    keyring,
    codec,
    cookieKeys,
    changes,
    recorder,
    outbound,
    clients,
    resourceServers,
    places: placeFile ?? NO_PLACES,
    profile,
    passkeyAttestation: attestation?.policy,
    passkeyMetadata: attestation?.metadata,
    passwords: createHasher(config, { log, processes: config.server.workers }),
    passwordPolicy: createPolicy(config, {
      request: outbound.request,
      log,
      onOutcome: (outcome) => metrics.breachCheck(outcome),
    }),
    limits,
    jobs,
    renderMessage: messageRendererOf(config, renderer),
    transports,
    renderer,
    pages,
    runtime,
    vetUrl,
    connections,
    async close() {
      await connections.close()
      placeFile?.close()
      attestation?.metadata.close()
      runtime.stop()
      await recorder.stop()
      await jobs.stop()
      await transports.close()
      await outbound.close()
      await changes.close()
      redis?.disconnect()
    },
  }
}

/** Those that were registered, and where the deployment takes them, those of metadata documents. */
function knownClients(
  registered: ClientCache,
  parts: Pick<Parts, 'config' | 'vetUrl' | 'clock' | 'limits' | 'recorder'> & {
    request: LazyOutbound['request']
  },
): ClientCache {
  const { config, limits, recorder } = parts
  if (!config.protocols.clientIdMetadataDocuments) return registered
  const documents = createClientDocuments({
    ...parts,
    async mayFetch(host) {
      const { allowed } = await limits.consumeAll([
        { limit: 'client_document_host', key: host },
        { limit: 'client_document_global', key: 'all' },
      ])
      return allowed
    },
    onRefused: (clientId, reason) => recorder.record(clientDocumentRefused({ clientId, reason })),
  })
  return withDocuments(registered, documents)
}

import type { RequestListener } from 'node:http'
import type Koa from 'koa'
import { unreachable } from '../core/errors.ts'
import { canonicalEmail } from '../domain/accounts/identifier.ts'
import { directoriesOf } from '../domain/authentication/sign_in_with_directory.ts'
import { planSignOut } from '../domain/authentication/sign_out_at_source.ts'
import { termsOf } from '../domain/authentication/terms.ts'
import { staleness } from '../domain/credentials/webauthn/metadata_file.ts'
import { relyingPartyOf } from '../domain/credentials/webauthn/webauthn.ts'
import { claimUpstreamSession } from '../domain/federation/upstream_session_store.ts'
import { channelsOf } from '../domain/messaging/channels.ts'
import { createHealth, type Health } from '../platform/observability/health.ts'
import { query, type Transaction } from '../platform/persistence/db.ts'
import type { ErrorKind } from '../platform/templating/views.ts'
import { mountAccount } from '../surfaces/account/mount.ts'
import { mountDevInbox } from '../surfaces/dev_inbox/mount.ts'
import { mountFederation } from '../surfaces/federation/mount.ts'
import type { ApprovalsPage } from '../surfaces/interactions/approvals.ts'
import { mountInteractions } from '../surfaces/interactions/mount.ts'
import { mountMessageStatus } from '../surfaces/message_status/mount.ts'
import { STATUS_PATHS } from '../surfaces/message_status/paths.ts'
import { createSnsKeys } from '../surfaces/message_status/sns_keys.ts'
import {
  deleteCodesOfClient,
  deleteRecordsOfClient,
  deleteRecordsOfParties,
} from '../surfaces/oidc/adapters/postgres_records.ts'
import { inUnitOfWork } from '../surfaces/oidc/adapters/unit_of_work.ts'
import { createBrowserAccounts } from '../surfaces/oidc/browser_accounts.ts'
import { createApprovals } from '../surfaces/oidc/ciba/approvals.ts'
import type { PingJob } from '../surfaces/oidc/ciba/ping_delivery.ts'
import { createSessionEnder, type SessionEnder } from '../surfaces/oidc/end_session.ts'
import { mountLaunch } from '../surfaces/oidc/launch.ts'
import { mountOidc } from '../surfaces/oidc/mount.ts'
import { findSignedIn, isOwnClient, rotateSession, signInUri } from '../surfaces/oidc/own_client.ts'
import {
  ACCOUNT_RETURN_PATH,
  APPROVALS_PATH,
  DISCOVERY_PATHS,
  INTERACTION_PATH,
  MACHINE_PATHS,
  PATHS,
} from '../surfaces/oidc/paths.ts'
import { createRequestByReference } from '../surfaces/oidc/request_by_reference.ts'
import { neededAcr } from '../surfaces/oidc/step_up.ts'
import { createThrottle } from '../surfaces/oidc/throttle.ts'
import { faultOfClient } from '../surfaces/oidc/usable_client.ts'
import { operationsSurface } from '../surfaces/operations/mount.ts'
import { mountRegistration } from '../surfaces/registration/mount.ts'
import { REGISTRATION_PATH } from '../surfaces/registration/paths.ts'
import { createWebApp } from '../web/app.ts'
import type { ProblemKind } from '../web/errors.ts'
import { answerAtOnce } from '../web/ready_answers.ts'
import { type HttpServer, startHttpServer } from '../web/server.ts'
import { serveFiles } from '../web/static_files.ts'
import type { Parts } from './compose.ts'
import { mountHome } from './home.ts'
import { legacySignIn } from './legacy_sign_in.ts'
import { vapidKeyOf } from './messaging.ts'
import { clientCertificates, serveMutualTls } from './mutual_tls.ts'
import { meetForeignHashes } from './passwords.ts'
import { createSignInLimits } from './sign_in_limits.ts'
import { signInRiskOf } from './sign_in_risk.ts'
import { mayTextOf, smsFactorOf } from './texting.ts'

/** The web part of a process: one Koa application and the surfaces on it, in this order. */

export type WebServer = { http: HttpServer; health: Health }

export async function startWebServer(parts: Parts): Promise<WebServer> {
  const health = healthOf(parts)
  const app = createApp(parts, health)
  meetForeignHashes(parts)
  const { host, port, keepAliveS } = parts.config.server
  const callback = app.callback()
  const handle: RequestListener = (request, response) => void callback(request, response)
  const http = await startHttpServer(withDocuments(handle, parts), {
    host,
    port,
    log: parts.log,
    keepAliveTimeoutMs: keepAliveS * 1000,
  })
  const mutualTls = await serveMutualTls(handle, parts).catch(async (error) => {
    await http.stop()
    throw error
  })
  health.enter('serving')
  return { http: mutualTls ? together(http, mutualTls) : http, health }
}

/** Where certificates have an origin of their own, it depends on the host what a path is. */
function withDocuments(handle: RequestListener, parts: Parts): RequestListener {
  const { config, log, metrics, runtime } = parts
  return config.mutualTls.origin === undefined
    ? answerAtOnce(handle, { find: runtime.document, log, metrics })
    : handle
}

/** Two listeners that come and go as one; the address is the first one's. */
function together(http: HttpServer, mutualTls: HttpServer): HttpServer {
  return {
    ...http,
    drain: async (...times) =>
      void (await Promise.all([http.drain(...times), mutualTls.drain(...times)])),
    stop: async () => void (await Promise.all([http.stop(), mutualTls.stop()])),
  }
}

export function createApp(parts: Parts, health: Health): Koa {
  const { clients, config, log, metrics, pages, runtime, stores } = parts
  const { issuer, trustedProxies } = config.server
  const app = createWebApp({
    issuer,
    trustedProxies,
    log,
    metrics,
    production: config.environment === 'production',
    cookieKeys: parts.cookieKeys,
    clientCertificates: clientCertificates(config),
    crossOriginPaths: new Set([PATHS.jwks, ...DISCOVERY_PATHS]),
    machinePaths: new Set([...MACHINE_PATHS, REGISTRATION_PATH, ...STATUS_PATHS]),
    // A request that is loaded ahead of time would have its answer before anybody wanted one.
    unprefetchable: [INTERACTION_PATH, PATHS.authorization],
    renderErrorPage: (ctx, { kind, referenceId, retryAfterS }) =>
      pages.html(ctx, 'errors/error', { kind: errorKind(kind), referenceId, retryAfterS }),
  })
  const { connections } = parts
  metrics.observeConnections(() => connections.health())
  operationsSurface({
    health,
    metrics,
    metricsAllow: config.server.metricsAllow,
    connections,
  }).mount(app)
  app.use(serveFiles('/assets', parts.renderer.assets))
  mountHome(app, parts)
  if (config.environment !== 'production')
    mountDevInbox(app, { ...parts, render: parts.renderMessage })
  mountMessageStatus(app, {
    ...parts,
    issuer,
    hookSecret: config.messaging.smsHookSecret,
    twilioAuthToken: config.messaging.twilioAuthToken,
    vonageSignatureSecret: config.messaging.vonageSignatureSecret,
    sesTopicArn: config.messaging.sesTopicArn,
    sendgridKey: config.messaging.sendgridWebhookKey,
    mailgunSigningKey: config.messaging.mailgunSigningKey,
    snsKeys: createSnsKeys({ request: parts.outbound.request, clock: parts.clock }),
    request: parts.outbound.request,
    canonicalEmail,
  })
  const { authorizationPost: posts, frontchannelLogout } = config.protocols
  const channels = channelsOf(config)
  const sessions = sessionEnder(parts)
  const accounts = createBrowserAccounts({
    db: parts.db,
    issuer,
    provider: () => runtime.provider(),
    endSession: sessions.endByUid,
  })
  mountOidc(app, {
    accounts,
    runtime,
    stores,
    makeRoom: async (accountId) => {
      const limit = config.signIn.sessionsPerAccount
      if (limit > 0) await sessions.makeRoom({ accountId, limit })
    },
    signOutAtSource: async (input) =>
      await planSignOut(
        { ...parts, issuer },
        { ...input, uidHash: parts.codec.uidHash(input.sessionUid) },
      ),
    signedInBySource: async ({ interactionUid, sessionUid, expiresAt }) => {
      if ((await parts.connections.list()).length === 0) return
      const uidHash = parts.codec.uidHash(sessionUid)
      await claimUpstreamSession(parts, parts.db, { interactionUid, uidHash, expiresAt })
    },
    clients,
    pages,
    log,
    throttle: createThrottle(parts),
    posts,
    requestByReference: config.protocols.requestUri ? createRequestByReference(parts) : undefined,
    frontchannelLogout: frontchannelLogout ? { clients, pages, issuer } : undefined,
  })
  mountLaunch(app, { clients, issuer })
  offerRegistration(app, parts)
  offerAccount(app, parts)
  mountFederation(app, { ...parts, issuer, endByHash: sessions.endByHash })
  const risk = signInRiskOf(parts)
  mountInteractions(app, {
    ...parts,
    issuer,
    provider: () => runtime.provider(),
    limits: createSignInLimits(parts.limits),
    legacy: legacySignIn(parts),
    phoneCountry: config.signIn.phoneCountry,
    mayText: mayTextOf(config),
    rateLimits: parts.limits,
    signUp: {
      open: config.signIn.signUp === 'open',
      byInvitation: config.signIn.signUp === 'invite',
      by: config.signIn.signUpBy,
      domains: config.signIn.signUpDomains,
    },
    newcomerUri: signInUri(config, { path: ACCOUNT_RETURN_PATH, state: '', prompt: 'login' }),
    terms: termsOf(config),
    isOwnClient,
    recovery: channels.has('email') || channels.has('sms'),
    signInPage: config.signIn.page,
    proofRounds: config.signIn.proofOfWork === 'on' ? config.signIn.proofOfWorkRounds : 0,
    emailSignIn: config.signIn.email !== 'off' && channels.has('email'),
    smsSignIn: config.signIn.smsSignIn !== 'off' && channels.has('sms'),
    sendsSms: channels.has('sms'),
    smsFactor: smsFactorOf(config),
    endAccess: sessions.endAccess,
    mfa: config.signIn.mfa,
    risk,
    directories: directoriesOf({ ...parts, risk, phoneCountry: config.signIn.phoneCountry }),
    trustedDeviceDays: config.signIn.trustedDeviceDays,
    brandName: config.brand.name,
    neededAcr: (params, client) => neededAcr(params, client, runtime.provider()),
    relyingParty: relyingPartyOf(issuer),
    accounts,
    approvals: config.protocols.ciba ? approvalsPage(parts) : undefined,
    inUnitOfWork: (work) => inUnitOfWork(stores, work),
    onSignIn: (outcome) => metrics.signIn(outcome),
  })
  return app
}

function sessionEnder({ runtime, stores, codec }: Parts): SessionEnder {
  return createSessionEnder({ stores, codec, provider: () => runtime.provider() })
}

function offerAccount(app: Koa, parts: Parts): void {
  const { codec, config, db, runtime, stores } = parts
  const sessions = sessionEnder(parts)
  const channels = channelsOf(config)
  mountAccount(app, {
    ...parts,
    sessions,
    uidHash: codec.uidHash,
    rateLimits: parts.limits,
    ownUsernames: config.signIn.usernames === 'self',
    sendsMail: channels.has('email'),
    sendsSms: channels.has('sms'),
    smsFactor: smsFactorOf(config),
    phoneCountry: config.signIn.phoneCountry,
    mayText: mayTextOf(config),
    inboxDays: config.messaging.inboxDays,
    push: channels.has('push') ? pushOf(parts) : undefined,
    deletionGraceDays:
      config.signIn.accountDeletion === 'self' ? config.signIn.deletionGraceDays : undefined,
    issuer: config.server.issuer,
    brandName: config.brand.name,
    relyingParty: relyingPartyOf(config.server.issuer),
    ways: {
      passkeys: relyingPartyOf(config.server.issuer) !== undefined,
      emailSignIn: config.signIn.email !== 'off' && channels.has('email'),
      smsSignIn: config.signIn.smsSignIn !== 'off' && channels.has('sms'),
    },
    limits: createSignInLimits(parts.limits),
    endGrants: deleteRecordsOfParties,
    signedIn: (ctx) => findSignedIn({ db, provider: runtime.provider() }, ctx),
    rotateSession: (ctx) => rotateSession(runtime.provider(), ctx),
    signInUri: (options) => signInUri(config, { ...options, path: ACCOUNT_RETURN_PATH }),
    inUnitOfWork: (work) => inUnitOfWork(stores, work),
  })
}

function pushOf({ config, keyring }: Parts) {
  const key = vapidKeyOf(keyring)
  return { publicKey: () => key().publicKey, services: config.messaging.webPushServices }
}

function approvalsPage(parts: Parts): ApprovalsPage {
  const { config, db, jobs, runtime } = parts
  const provider = () => runtime.provider()
  const pings = {
    send: (job: PingJob, tx: Transaction) => jobs.send('ciba_ping', job, { tx }),
  }
  return {
    ...createApprovals({ ...parts, provider, pings }),
    path: APPROVALS_PATH,
    signedIn: (ctx) => findSignedIn({ db, provider: provider() }, ctx),
    signInUri: (options) => signInUri(config, { ...options, path: APPROVALS_PATH }),
  }
}

function offerRegistration(app: Koa, parts: Parts): void {
  const { dynamicRegistration: mode, registrationPresets, legacyClients } = parts.config.protocols
  if (mode === 'off') return
  mountRegistration(app, {
    ...parts,
    issuer: parts.config.server.issuer,
    mode,
    presets: registrationPresets,
    legacyClients,
    endAccess: deleteRecordsOfClient,
    endCodes: deleteCodesOfClient,
    faultOf: (client) => faultOfClient(parts.runtime.provider(), client, parts.config.protocols),
  })
}

function healthOf({ db, redis, log, config, clock, passkeyMetadata }: Parts): Health {
  return createHealth({
    checks: {
      database: async () => void (await query(db, 'SELECT 1')),
      ...(redis ? { redis: async () => void (await redis.ping()) } : {}),
      ...(passkeyMetadata
        ? {
            passkey_metadata: async () => {
              const fault = staleness(passkeyMetadata.current(), clock.now())
              if (fault) throw new Error(fault)
            },
          }
        : {}),
    },
    // Without Redis everything is done in PostgreSQL; metadata that is out of date is used.
    dispensable: ['redis', 'passkey_metadata'],
    timeoutMs: Math.min(config.storage.databaseTimeoutS * 1000, 3_000),
    onChange: (name, state, error) =>
      log[state === 'up' ? 'info' : 'error'](
        { dependency: name, err: error },
        `${name} is ${state}`,
      ),
  })
}

function errorKind(kind: ProblemKind): ErrorKind {
  switch (kind) {
    case 'invalid_input':
    case 'conflict':
      return 'bad_request'
    case 'unauthenticated':
      return 'unauthorized'
    case 'rate_limited':
      return 'too_many_requests'
    case 'forbidden':
    case 'not_found':
    case 'method_not_allowed':
    case 'too_large':
    case 'unsupported':
    case 'unavailable':
    case 'internal':
      return kind
    default:
      return unreachable(kind)
  }
}

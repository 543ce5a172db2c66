import { canonicalEmail } from '../domain/accounts/identifier.ts'
import { handleInactiveAccounts } from '../domain/accounts/inactive_accounts.ts'
import { deleteOldInvitations } from '../domain/accounts/invitation_store.ts'
import { deleteDueAccounts } from '../domain/accounts/schedule_deletion.ts'
import { createAuditSink } from '../domain/audit/audit_trail.ts'
import { deleteExpiredAttempts } from '../domain/authentication/attempt_store.ts'
import { type DeliverCodeDeps, deliverCode } from '../domain/authentication/deliver_code.ts'
import { deleteExpiredRegistrationTokens } from '../domain/clients/registration/registration_token_store.ts'
import {
  deleteUnusedRegistrations,
  registeredClientUse,
} from '../domain/clients/registration/unused_registrations.ts'
import { deleteExpiredOneTimeCodes } from '../domain/credentials/one_time_code/one_time_code_store.ts'
import { deleteExpiredChallenges } from '../domain/credentials/webauthn/challenge.ts'
import { longestUnsyncedS } from '../domain/directory_sync/sync_run_store.ts'
import { titleOfName } from '../domain/federation/connections.ts'
import { deleteExpiredPendingIdentities } from '../domain/federation/pending_identity.ts'
import { deleteExpiredRedirectRequests } from '../domain/federation/redirect_request.ts'
import { deleteExpiredMessages } from '../domain/federation/seen_message_store.ts'
import { deleteExpiredUpstreamSessions } from '../domain/federation/upstream_session_store.ts'
import { channelsOf } from '../domain/messaging/channels.ts'
import { deleteOldMessages, oldestWaitingS } from '../domain/messaging/message_store.ts'
import { startOfInbox } from '../domain/messaging/notices/notice.ts'
import { deleteOldNotices } from '../domain/messaging/notices/notice_store.ts'
import { createSecurityNotices } from '../domain/messaging/security_notices.ts'
import { type SendDeps, sendMessage } from '../domain/messaging/send_message.ts'
import { createAddressProofs } from '../domain/messaging/undeliverable.ts'
import { deleteExpiredReportTokens } from '../domain/messaging/undeliverable_store.ts'
import { createDailyBudget, type DailyBudget } from '../domain/security/daily_budget.ts'
import { deleteEndedProofs } from '../domain/security/proof_of_work.ts'
import { deleteExpiredRateLimits } from '../domain/security/rate_limit_store.ts'
import { createStuffingWatch } from '../domain/security/stuffing_watch.ts'
import { deviceWordsOf } from '../domain/sessions/device_name.ts'
import { deleteExpiredSessions } from '../domain/sessions/session_store.ts'
import { deleteExpiredSignInPlaces } from '../domain/sessions/sign_in_place_store.ts'
import { deleteExpiredTrustedDevices } from '../domain/sessions/trusted_device_store.ts'
import { countWaitingEvents } from '../platform/events/outbox.ts'
import { type EventSink, startRelay } from '../platform/events/relay.ts'
import { startHousekeeping } from '../platform/jobs/housekeeping.ts'
import { rotateDueSigningKeys } from '../platform/keys/rotate_signing_keys.ts'
import { placeWords } from '../platform/places/place.ts'
import { deleteExpiredRecords } from '../surfaces/oidc/adapters/housekeeping.ts'
import { deleteRecordsOfClient } from '../surfaces/oidc/adapters/postgres_records.ts'
import { deliverPing } from '../surfaces/oidc/ciba/ping_delivery.ts'
import { deliverLogout } from '../surfaces/oidc/logout_delivery.ts'
import { APPROVALS_PATH } from '../surfaces/oidc/paths.ts'
import { type Parts, rotationPolicy } from './compose.ts'
import { startDirectories } from './directories.ts'
import { endAccessOf } from './end_access.ts'
import { mayTextOf } from './texting.ts'

/** The part of a process that nobody waits for: events, jobs, housekeeping, key rotation. */

export type Worker = { stop(): Promise<void> }

const BATCH = 1_000

/** Operators look for a while who came by which. */
const INVITATION_RETENTION_MS = 30 * 86_400_000
const invitedBefore = (now: Date) => new Date(now.getTime() - INVITATION_RETENTION_MS)

export async function startWorker(parts: Parts): Promise<Worker> {
  const { db, keyring, clock, log, recorder, jobs, runtime, config, metrics } = parts
  metrics.observeOutbox(() => countWaitingEvents(db))
  metrics.observeDirectories(() => longestUnsyncedS(db, { now: clock.now() }))
  metrics.observeMessages(() => oldestWaitingS(db, { now: clock.now() }))
  const channels = channelsOf(config)
  const sinks = [
    createAuditSink(keyring),
    registeredClientUse,
    countEvents(parts),
    ...(config.security.stuffingAlert > 0
      ? [createStuffingWatch({ threshold: config.security.stuffingAlert, log })]
      : []),
    // What nobody would deliver or keep is not written.
    ...(channels.size > 0 || config.messaging.inboxDays > 0 ? [securityNoticesOf(parts)] : []),
    ...(channels.has('email') ? [createAddressProofs({ keyring })] : []),
  ]
  const relay = startRelay(db, sinks, log)
  const housekeeping = startHousekeeping({
    log,
    tasks: [
      { name: 'oidc_record', run: () => deleteExpiredRecords(db) },
      {
        name: 'authentication_attempt',
        run: () => deleteExpiredAttempts(db, { now: clock.now(), limit: BATCH }),
      },
      {
        name: 'trusted_device',
        run: () => deleteExpiredTrustedDevices(db, { now: clock.now(), limit: BATCH }),
      },
      {
        name: 'session',
        run: () => deleteExpiredSessions(db, { now: clock.now(), limit: BATCH }),
      },
      {
        name: 'sign_in_place',
        run: () => deleteExpiredSignInPlaces(db, { now: clock.now(), limit: BATCH }),
      },
      {
        name: 'webauthn_challenge',
        run: () => deleteExpiredChallenges(db, { now: clock.now(), limit: BATCH }),
      },
      {
        name: 'one_time_code',
        run: () => deleteExpiredOneTimeCodes(db, { now: clock.now(), limit: BATCH }),
      },
      {
        name: 'federation_request',
        run: () => deleteExpiredRedirectRequests(db, { now: clock.now(), limit: BATCH }),
      },
      {
        name: 'upstream_session',
        run: () => deleteExpiredUpstreamSessions(db, { now: clock.now(), limit: BATCH }),
      },
      {
        name: 'pending_identity',
        run: () => deleteExpiredPendingIdentities(db, { now: clock.now(), limit: BATCH }),
      },
      {
        name: 'seen_message',
        run: () => deleteExpiredMessages(db, { now: clock.now(), limit: BATCH }),
      },
      { name: 'rate_limit', run: () => deleteExpiredRateLimits(db, BATCH) },
      {
        name: 'registration_token',
        run: () => deleteExpiredRegistrationTokens(db, { now: clock.now(), limit: BATCH }),
      },
      {
        name: 'invitation',
        run: () => deleteOldInvitations(db, { before: invitedBefore(clock.now()), limit: BATCH }),
      },
      {
        name: 'account_deletion',
        run: () => deleteDueAccounts({ db, clock }, { limit: 100, endAccess: endAccessOf(parts) }),
      },
      { name: 'inactive_accounts', run: () => handleInactive(parts) },
      { name: 'unused_registration', run: () => deleteUnused(parts) },
      {
        name: 'message',
        run: () => deleteOldMessages(db, { before: retained(parts), limit: BATCH }),
      },
      {
        name: 'notice',
        run: () =>
          deleteOldNotices(db, {
            before: startOfInbox(clock.now(), config.messaging.inboxDays),
            limit: BATCH,
          }),
      },
      {
        name: 'spent_proof',
        run: () => deleteEndedProofs(db, { now: clock.now(), limit: BATCH }),
      },
      {
        name: 'delivery_report_token',
        run: () => deleteExpiredReportTokens(db, { now: clock.now(), limit: BATCH }),
      },
      {
        name: 'signing_key',
        run: async () => {
          await rotateDueSigningKeys({ db, keyring, clock }, rotationPolicy(config))
          return 0
        },
      },
    ],
  })
  const directories = startDirectories(parts)
  jobs.work('deliver_code', ({ data: { codeId } }) => deliverCode(codeDeps(parts), codeId))
  jobs.work('backchannel_logout', (job) =>
    deliverLogout({ provider: () => runtime.provider(), recorder, clock }, job.data, job),
  )
  jobs.work('ciba_ping', (job) =>
    deliverPing({ ...parts, provider: () => runtime.provider() }, job.data, job),
  )
  const sending = sendingDeps(parts)
  jobs.work('deliver_message', (job) => sendMessage(sending, job.data, job))
  return {
    async stop() {
      await Promise.all([relay.stop(), housekeeping.stop(), directories.stop()])
    },
  }
}

function securityNoticesOf(parts: Parts): EventSink {
  const approvalsUri = `${parts.config.server.issuer}${APPROVALS_PATH}`
  return createSecurityNotices({
    ...parts,
    channels: channelsOf(parts.config),
    approvalsUri,
    accountUri: `${parts.config.server.issuer}/account`,
    sessionsUri: `${parts.config.server.issuer}/account/sessions`,
    tellsOfNewDevices: parts.config.risk.newDevice !== 'off',
    deviceName: deviceWordsOf,
    titleOf: (name) => titleOfName(parts.connections, name),
    placeOf: (ip, locale) => placeWords(parts.places.locate(ip), locale),
    keepsNotices: parts.config.messaging.inboxDays > 0,
  })
}

function sendingDeps({ renderMessage: render, metrics, config, ...parts }: Parts): SendDeps {
  return {
    ...parts,
    canonicalEmail,
    render,
    smsBudget: smsBudgetOf(parts, config.messaging.smsDailyLimit),
    keepFields: config.environment !== 'production',
    onOutcome: ({ kind, transport, outcome }) => metrics.message(kind, transport, outcome),
  }
}

function smsBudgetOf(
  parts: Pick<Parts, 'db' | 'clock'>,
  perDay: number | undefined,
): DailyBudget | undefined {
  return perDay === undefined ? undefined : createDailyBudget(parts, { name: 'sms_daily', perDay })
}

function retained({ clock, config }: Parts): Date {
  return new Date(clock.now().getTime() - config.messaging.retentionS * 1000)
}

function codeDeps(parts: Parts): DeliverCodeDeps {
  const { config, limits } = parts
  return {
    ...parts,
    issuer: config.server.issuer,
    channels: channelsOf(config),
    emailSignIn: config.signIn.email,
    smsSignIn: config.signIn.smsSignIn !== 'off',
    phoneCountry: config.signIn.phoneCountry,
    mayText: mayTextOf(config),
    mayIssue: async (recipient) => (await limits.consume('code_recipient', recipient)).allowed,
  }
}

function deleteUnused({ db, clock, config }: Parts): Promise<number> {
  const before = new Date(clock.now().getTime() - config.protocols.registrationUnusedS * 1000)
  return deleteUnusedRegistrations(db, { before, endAccess: deleteRecordsOfClient })
}

function handleInactive(parts: Parts): Promise<number> {
  const { config } = parts
  const { inactiveWarnDays, inactiveDisableDays, inactiveDeleteDays } = config.signIn
  return handleInactiveAccounts(parts, {
    policy: {
      warnDays: inactiveWarnDays,
      disableDays: inactiveDisableDays,
      deleteDays: inactiveDeleteDays,
    },
    mail: channelsOf(config).has('email'),
    limit: 100,
    endAccess: endAccessOf(parts),
  })
}

function countEvents({ metrics }: Parts): EventSink {
  return {
    name: 'metrics',
    async deliver(_tx, events) {
      for (const { type } of events) metrics.eventRecorded(type)
    },
  }
}

import { canonicalEmail } from '../domain/accounts/identifier.ts'
import { createAuditSink } from '../domain/audit/audit_trail.ts'
import { type DeliverCodeDeps, deliverCode } from '../domain/authentication/deliver_code.ts'
import { registeredClientUse } from '../domain/clients/registration/unused_registrations.ts'
import { longestUnsyncedS } from '../domain/directory_sync/sync_run_store.ts'
import { titleOfName } from '../domain/federation/connections.ts'
import { channelsOf } from '../domain/messaging/channels.ts'
import { oldestWaitingS } from '../domain/messaging/message_store.ts'
import { createSecurityNotices } from '../domain/messaging/security_notices.ts'
import { type SendDeps, sendMessage } from '../domain/messaging/send_message.ts'
import { createAddressProofs } from '../domain/messaging/undeliverable.ts'
import { createDailyBudget, type DailyBudget } from '../domain/security/daily_budget.ts'
import { createStuffingWatch } from '../domain/security/stuffing_watch.ts'
import { deviceWordsOf } from '../domain/sessions/device_name.ts'
import { countWaitingEvents } from '../platform/events/outbox.ts'
import { type EventSink, startRelay } from '../platform/events/relay.ts'
import { startHousekeeping } from '../platform/jobs/housekeeping.ts'
import { placeWords } from '../platform/places/place.ts'
import { deliverPing } from '../surfaces/oidc/ciba/ping_delivery.ts'
import { deliverLogout } from '../surfaces/oidc/logout_delivery.ts'
import { APPROVALS_PATH } from '../surfaces/oidc/paths.ts'
import type { Parts } from './compose.ts'
import { startDirectories } from './directories.ts'
import { housekeepingTasks } from './housekeeping_tasks.ts'
import { mayTextOf } from './texting.ts'

/** The part of a process that nobody waits for: events, jobs, housekeeping, key rotation. */

export type Worker = { stop(): Promise<void> }

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
  const housekeeping = startHousekeeping({ log, tasks: housekeepingTasks(parts) })
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

function countEvents({ metrics }: Parts): EventSink {
  return {
    name: 'metrics',
    async deliver(_tx, events) {
      for (const { type } of events) metrics.eventRecorded(type)
    },
  }
}

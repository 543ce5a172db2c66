import { handleInactiveAccounts } from '../domain/accounts/inactive_accounts.ts'
import { deleteOldInvitations } from '../domain/accounts/invitation_store.ts'
import { deleteDueAccounts } from '../domain/accounts/schedule_deletion.ts'
import { deleteExpiredAttempts } from '../domain/authentication/attempt_store.ts'
import { deleteExpiredRegistrationTokens } from '../domain/clients/registration/registration_token_store.ts'
import { deleteUnusedRegistrations } from '../domain/clients/registration/unused_registrations.ts'
import { deleteExpiredOneTimeCodes } from '../domain/credentials/one_time_code/one_time_code_store.ts'
import { deleteExpiredChallenges } from '../domain/credentials/webauthn/challenge.ts'
import { deleteExpiredPendingIdentities } from '../domain/federation/pending_identity.ts'
import { deleteExpiredRedirectRequests } from '../domain/federation/redirect_request.ts'
import { deleteExpiredMessages } from '../domain/federation/seen_message_store.ts'
import { deleteExpiredUpstreamSessions } from '../domain/federation/upstream_session_store.ts'
import { channelsOf } from '../domain/messaging/channels.ts'
import { deleteOldMessages } from '../domain/messaging/message_store.ts'
import { startOfInbox } from '../domain/messaging/notices/notice.ts'
import { deleteOldNotices } from '../domain/messaging/notices/notice_store.ts'
import { deleteExpiredReportTokens } from '../domain/messaging/undeliverable_store.ts'
import { deleteEndedProofs } from '../domain/security/proof_of_work.ts'
import { deleteExpiredRateLimits } from '../domain/security/rate_limit_store.ts'
import { deleteExpiredSessions } from '../domain/sessions/session_store.ts'
import { deleteExpiredSignInPlaces } from '../domain/sessions/sign_in_place_store.ts'
import { deleteExpiredTrustedDevices } from '../domain/sessions/trusted_device_store.ts'
import type { HousekeepingTask } from '../platform/jobs/housekeeping.ts'
import { rotateDueSigningKeys } from '../platform/keys/rotate_signing_keys.ts'
import { deleteExpiredRecords } from '../surfaces/oidc/adapters/housekeeping.ts'
import { deleteRecordsOfClient } from '../surfaces/oidc/adapters/postgres_records.ts'
import { type Parts, rotationPolicy } from './compose.ts'
import { endAccessOf } from './end_access.ts'

/** What every worker tidies up, and when a thing's time is over. */

const BATCH = 1_000

/** Operators look for a while who came by which. */
const INVITATION_RETENTION_MS = 30 * 86_400_000
const invitedBefore = (now: Date) => new Date(now.getTime() - INVITATION_RETENTION_MS)

export function housekeepingTasks(parts: Parts): HousekeepingTask[] {
  const { db, keyring, clock, config } = parts
  return [
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
      steady: true,
      run: async () => {
        await rotateDueSigningKeys({ db, keyring, clock }, rotationPolicy(config))
        return 0
      },
    },
  ]
}

function retained({ clock, config }: Parts): Date {
  return new Date(clock.now().getTime() - config.messaging.retentionS * 1000)
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

import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Transaction } from '../../platform/persistence/db.ts'
import type { Account } from '../accounts/account.ts'
import { findLastSignIn, getAccountById } from '../accounts/account_store.ts'
import type { Invitation } from '../accounts/invitation.ts'
import { findInvitationUsedBy } from '../accounts/invitation_store.ts'
import { type EntryOfSubject, listNewestEntriesOfSubject } from '../audit/audit_entry_store.ts'
import { findClient } from '../clients/client_store.ts'
import type { Consent } from '../clients/consent.ts'
import { listConsentsOfAccount } from '../clients/consent_store.ts'
import { findFactorOfferPostponedAt } from '../credentials/factor_store.ts'
import { findPassword } from '../credentials/password/password_store.ts'
import { findRecoveryCodeSet } from '../credentials/recovery_codes/recovery_code_store.ts'
import type { TotpCredential } from '../credentials/totp/totp.ts'
import { listConfirmedTotps } from '../credentials/totp/totp_store.ts'
import { passkeySortOf, type WebAuthnCredential } from '../credentials/webauthn/webauthn.ts'
import { listWebAuthnCredentials } from '../credentials/webauthn/webauthn_store.ts'
import { listConnections } from '../federation/connection_store.ts'
import { type Identity, listIdentitiesOfAccount } from '../federation/identity_store.ts'
import { listMessagesOfAccount, type MessageOfAccount } from '../messaging/message_store.ts'
import type { Notice } from '../messaging/notices/notice.ts'
import { listNotices } from '../messaging/notices/notice_store.ts'
import { listPushDevices, type PushDevice } from '../messaging/push/push_subscription_store.ts'
import { listSessions, type Session } from '../sessions/session_store.ts'
import { listSignInPlaces } from '../sessions/sign_in_place_store.ts'
import type { TrustedDevice } from '../sessions/trusted_device.ts'
import { listTrustedDevices } from '../sessions/trusted_device_store.ts'

/**
 * What is held about a person, put together for the person. This folder reads from every room that
 * keeps something of people and keeps nothing itself. Each part names what goes into it, one by one:
 * what a row gains later, a secret among it, is in no file until somebody writes it down here.
 */
export type PersonalData = Awaited<ReturnType<typeof collectPersonalData>>

/** An account that applications use all day has more events than anybody reads, or a process holds. */
export const EVENTS_MAX = 10_000
const MESSAGES_MAX = 10_000
const NOTICES_MAX = 10_000

/**
 * One statement after the other, so that a big file takes one connection. The names are those of the
 * file; times become ISO 8601 there.
 *
 * @throws DomainError `not_found`
 */
export async function collectPersonalData(
  tx: Transaction,
  { accountId, keyring, now }: { accountId: string; keyring: Keyring; now: Date },
) {
  const account = await getAccountById(tx, accountId)
  const lastSignIn = await findLastSignIn(tx, accountId)
  const password = await findPassword(tx, accountId)
  const invitation = await findInvitationUsedBy(tx, accountId)
  const codes = await findRecoveryCodeSet(tx, accountId)
  const asked = { subject: accountId, limit: EVENTS_MAX + 1 }
  const events = await listNewestEntriesOfSubject({ db: tx, keyring }, asked)
  const messages = await listMessagesOfAccount(tx, { accountId, limit: MESSAGES_MAX })
  const kept = { accountId, since: new Date(0), limit: NOTICES_MAX }
  const notices = await listNotices(tx, keyring, kept)
  return {
    exported_at: now,
    account: {
      ...accountPart(account),
      second_factor_postponed_at: (await findFactorOfferPostponedAt(tx, accountId)) ?? null,
      last_signed_in_at: lastSignIn ?? null,
    },
    invitation: invitation ? invitationPart(invitation) : null,
    password: password ? { changed_at: password.changedAt } : null,
    passkeys: (await listWebAuthnCredentials(tx, accountId)).map(passkeyPart),
    authenticators: (await listConfirmedTotps(tx, accountId)).map(authenticatorPart),
    identities: await identityParts(tx, await listIdentitiesOfAccount(tx, accountId)),
    recovery_codes: codes ? { left: codes.unused, created_at: codes.createdAt } : null,
    trusted_browsers: (await listTrustedDevices(tx, { accountId, now })).map(browserPart),
    sessions: (await listSessions(tx, { accountId, now })).map(sessionPart),
    sign_in_places: (await listSignInPlaces(tx, { accountId, now })).map(placePart),
    consents: await consentParts(tx, await listConsentsOfAccount(tx, accountId)),
    events: events.slice(0, EVENTS_MAX).map(eventPart),
    older_events_left_out: events.length > EVENTS_MAX,
    messages: messages.map(messagePart),
    notices: notices.map(noticePart),
    notification_browsers: (await listPushDevices(tx, { accountId, now })).map(pushPart),
  }
}

function accountPart(account: Account) {
  return {
    id: account.id,
    status: account.status,
    username: account.username ?? null,
    email: account.email ?? null,
    email_verified: account.emailVerified,
    phone: account.phone ?? null,
    phone_verified: account.phoneVerified,
    phone_is_a_factor_since: account.phoneFactorSince ?? null,
    claims: account.claims,
    attributes: account.attributes,
    profile_postponed_at: account.profilePostponedAt ?? null,
    created_at: account.createdAt,
    updated_at: account.updatedAt,
  }
}

function invitationPart({ email, createdBy, createdAt, usedAt }: Invitation) {
  return {
    email: email ?? null,
    created_by: createdBy,
    created_at: createdAt,
    used_at: usedAt ?? null,
  }
}

function passkeyPart(key: WebAuthnCredential) {
  const { name, aaguid, hardwareAttested, createdAt, lastUsedAt } = key
  return {
    name,
    sort: passkeySortOf(key),
    aaguid,
    hardware_attested: hardwareAttested,
    created_at: createdAt,
    last_used_at: lastUsedAt ?? null,
  }
}

function authenticatorPart({ name, createdAt, lastUsedAt }: TotpCredential) {
  return { name, created_at: createdAt, last_used_at: lastUsedAt ?? null }
}

/** `title` where the deployment has given it one; the name stands in the events. */
async function identityParts(tx: Transaction, identities: readonly Identity[]) {
  const connections = identities.length > 0 ? await listConnections(tx) : []
  return identities.map(({ connectionId, ...identity }) => {
    const connection = connections.find(({ id }) => id === connectionId)
    return {
      connection: connection?.name ?? null,
      title: connection?.definition.title ?? null,
      subject: identity.subject,
      shown_as: identity.shownAs ?? null,
      account_was_made_for_it: identity.ownsAccount,
      created_at: identity.createdAt,
      last_used_at: identity.lastUsedAt ?? null,
    }
  })
}

function browserPart({ userAgent, createdAt, expiresAt }: TrustedDevice) {
  return { user_agent: userAgent ?? null, created_at: createdAt, expires_at: expiresAt }
}

function sessionPart({ ip, userAgent, acr, amr, createdAt, lastSeenAt }: Session) {
  return {
    ip: ip ?? null,
    user_agent: userAgent ?? null,
    acr: acr ?? null,
    amr,
    created_at: createdAt,
    last_seen_at: lastSeenAt,
  }
}

function placePart({
  country,
  signedInAt,
  expiresAt,
}: Awaited<ReturnType<typeof listSignInPlaces>>[number]) {
  return { country: country ?? null, last_signed_in_at: signedInAt, expires_at: expiresAt }
}

async function consentParts(tx: Transaction, consents: readonly Consent[]) {
  const parts = []
  for (const consent of consents) {
    const client = await findClient(tx, consent.clientId)
    parts.push({
      client_id: consent.clientId,
      client_name: client?.name ?? null,
      openid_scopes: consent.openidScopes,
      openid_claims: consent.openidClaims,
      resource_scopes: consent.resourceScopes,
      granted_at: consent.grantedAt,
      updated_at: consent.updatedAt,
    })
  }
  return parts
}

function eventPart({ type, occurredAt, data }: EntryOfSubject) {
  return { type, occurred_at: occurredAt, data }
}

function messagePart({ kind, channel, state, createdAt, sentAt }: MessageOfAccount) {
  return { kind, channel, state, created_at: createdAt, sent_at: sentAt ?? null }
}

/** With what it says, which is what the person read: devices, times, ways to sign in. */
function noticePart({ kind, fields, createdAt, readAt }: Notice) {
  return { kind, ...fieldsPart(fields), created_at: createdAt, read_at: readAt ?? null }
}

function pushPart({ userAgent, createdAt }: PushDevice) {
  return { user_agent: userAgent ?? null, created_at: createdAt }
}

function fieldsPart(fields: Notice['fields']) {
  const { device, place, at, factor, name, client, source, left } = fields
  return { device, place, at, factor, name, client, source, left }
}

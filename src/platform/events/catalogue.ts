import { defineEvent } from './event.ts'

/**
 * Every event there is. Types read `auth.<noun>.<past>`, except the four names that consumers know
 * already: `auth.user_created`, `auth.login.success`, `auth.login.failed`, `auth.user_locked`.
 */

/** Where a request came from, as far as the trail needs it. */
export type Origin = {
  ip?: string | undefined
  userAgent?: string | undefined
  requestId?: string | undefined
}

type AccountFact = { accountId: string; by?: string }
type ClientFact = { clientId: string; by?: string; [detail: string]: unknown }
type KeyFact = { kid: string; algorithm: string; state: string; by?: string }

const account = (data: AccountFact) => data.accountId
const client = (data: ClientFact) => data.clientId
const kid = (data: KeyFact) => data.kid

export const accountCreated = defineEvent<AccountFact>('auth.user_created', account)
export const accountDisabled = defineEvent<AccountFact>('auth.account.disabled', account)
export const accountEnabled = defineEvent<AccountFact>('auth.account.enabled', account)
export const accountDeleted = defineEvent<AccountFact>('auth.account.deleted', account)
/** Its owner wants it gone; `at` is when. */
export const accountDeletionScheduled = defineEvent<AccountFact & { at: string } & Origin>(
  'auth.account.deletion_scheduled',
  account,
)
export const accountDeletionCancelled = defineEvent<AccountFact & Origin>(
  'auth.account.deletion_cancelled',
  account,
)
/** Everything that is held about its owner was handed out. */
export const accountExported = defineEvent<AccountFact & Origin>('auth.account.exported', account)
/** Nobody has used it for long; `at` is when it will be disabled or deleted. */
export const accountInactivityWarned = defineEvent<AccountFact & { at: string }>(
  'auth.account.inactivity_warned',
  account,
)
/** Names what changed, never to what. */
export const profileChanged = defineEvent<AccountFact & { fields: string[] } & Origin>(
  'auth.profile.changed',
  account,
)
/** The name itself is not kept. */
export const usernameChanged = defineEvent<AccountFact & Origin>('auth.username.changed', account)
export const usernameRefused = defineEvent<AccountFact & { reason: string } & Origin>(
  'auth.username.refused',
  account,
)
export const passwordChanged = defineEvent<AccountFact>('auth.password.changed', account)

export const signInSucceeded = defineEvent<
  {
    accountId: string
    clientId: string
    acr: string
    amr: string[]
    /** The account was signed in to before, and never by this browser. */
    newDevice: boolean
    /** What was unusual about it. */
    signals?: string[]
  } & Origin
>('auth.login.success', ({ accountId }) => accountId)
/** `accountId` is missing where nobody has the identifier; the identifier itself is never kept. */
export const signInFailed = defineEvent<
  {
    accountId?: string | undefined
    clientId: string
    reason: string
    /** The methods that were right before this one was wrong. */
    proven?: string[]
  } & Origin
>('auth.login.failed', ({ accountId }) => accountId)
export const signInThrottled = defineEvent<
  { accountId?: string | undefined; clientId: string; limit: string } & Origin
>('auth.login.throttled', ({ accountId }) => accountId)
/** More refused sign-ins than anybody mistypes: of how many known accounts, from how many addresses. */
export const stuffingDetected = defineEvent<{
  refusals: number
  accounts: number
  addresses: number
  windowS: number
}>('auth.login.stuffing_detected', () => undefined)
/**
 * A sign-in is unusual, and this was the answer: `notified`, `already_met`, `factor_asked`,
 * `code_asked`, `let_in`. Where it came from is told by country (ISO 3166-1) at the closest.
 */
export const signInRiskDetected = defineEvent<
  {
    accountId: string
    clientId: string
    signals: string[]
    result: string
    country?: string
  } & Origin
>('auth.login.risk_detected', ({ accountId }) => accountId)
/** The password of the account no longer opens it from unknown devices: too many failures in a row. */
export const accountLocked = defineEvent<{ accountId: string } & Origin>(
  'auth.user_locked',
  ({ accountId }) => accountId,
)

/** An operator says that the failures before, of passwords and factors, were the owner's own. */
export const accountUnlocked = defineEvent<AccountFact>('auth.account.unlocked', account)

/** Every session and token of the account ended because its owner, or an operator, said so. */
export const accountAccessEnded = defineEvent<AccountFact & Origin>(
  'auth.account.access_ended',
  account,
)

/** The terms of the deployment, in this version; once for each. */
export const termsAccepted = defineEvent<{ accountId: string; version: string } & Origin>(
  'auth.terms.accepted',
  ({ accountId }) => accountId,
)

/** One proof within a sign-in was right; others may still be wanting. */
export const factorAccepted = defineEvent<
  { accountId: string; clientId: string; method: string } & Origin
>('auth.login.factor_accepted', ({ accountId }) => accountId)

/** `factor`: totp, passkey, recovery_code, sms. */
type FactorFact = { accountId: string; factor: string; factorId?: string; by?: string } & Origin
export const factorAdded = defineEvent<FactorFact>('auth.factor.added', account)
export const factorRemoved = defineEvent<FactorFact>('auth.factor.removed', account)
/** "Not now" to a second factor that was offered within a sign-in. */
export const factorOfferPostponed = defineEvent<AccountFact & Origin>(
  'auth.factor.offer_postponed',
  account,
)
/** A passkey that the policy on authenticators does not take. `aaguid`: the model, where it said one. */
export const factorRefused = defineEvent<
  { accountId: string; factor: string; reason: string; aaguid?: string } & Origin
>('auth.factor.refused', account)
/** An operator made a link with which its owner can take all factors away. */
export const factorResetIssued = defineEvent<AccountFact & { expiresAt: string }>(
  'auth.factor.reset_issued',
  account,
)
export const factorResetRefused = defineEvent<{ reason: string } & Origin>(
  'auth.factor.reset_refused',
  () => undefined,
)
export const recoveryCodeUsed = defineEvent<{ accountId: string; left: number }>(
  'auth.recovery_code.used',
  ({ accountId }) => accountId,
)
type DeviceFact = { accountId: string; deviceId?: string; by?: string } & Origin
export const deviceTrusted = defineEvent<DeviceFact>('auth.device.trusted', account)
export const deviceDistrusted = defineEvent<DeviceFact>('auth.device.distrusted', account)

/** Somebody asks for a code to sign in by. Whose it is is not kept: it may be nobody's. */
export const emailCodeRequested = defineEvent<{ clientId: string } & Origin>(
  'auth.login.code_requested',
  () => undefined,
)
/** Somebody signs up or recovers a password. Whose address it is is not kept: it may be nobody's. */
type AskedFact = { clientId: string } & Origin
export const signUpRequested = defineEvent<AskedFact>('auth.sign_up.requested', () => undefined)
export const signUpRefused = defineEvent<AskedFact & { reason: string }>(
  'auth.sign_up.refused',
  () => undefined,
)
/** An operator's word that somebody may make an account. Whose address it is for is not kept. */
type InvitationFact = { invitationId: string; by: string }
const invitation = ({ invitationId }: { invitationId: string }) => invitationId
export const invitationIssued = defineEvent<InvitationFact>('auth.invitation.issued', invitation)
export const invitationRevoked = defineEvent<InvitationFact>('auth.invitation.revoked', invitation)
export const invitationAccepted = defineEvent<{ accountId: string; invitationId: string } & Origin>(
  'auth.invitation.accepted',
  ({ accountId }) => accountId,
)
/** `reason`: unknown, used, revoked, expired; `over` where that came to be during the sign-up. */
export const invitationRefused = defineEvent<
  { invitationId?: string | undefined; reason: string } & Origin
>('auth.invitation.refused', ({ invitationId }) => invitationId)
export const passwordRecoveryRequested = defineEvent<AskedFact>(
  'auth.password_recovery.requested',
  () => undefined,
)
export const passwordRecoveryRefused = defineEvent<
  { accountId?: string | undefined; reason: string } & Origin
>('auth.password_recovery.refused', ({ accountId }) => accountId)

/** What an address was or is, is not kept. `by` the owner, or the reader of the old address: `revert`. */
export const emailChanged = defineEvent<AccountFact & Origin>('auth.email.changed', account)
export const emailChangeRequested = defineEvent<AccountFact & Origin>(
  'auth.email.change_requested',
  account,
)
export const emailChangeRefused = defineEvent<AccountFact & { reason: string } & Origin>(
  'auth.email.change_refused',
  account,
)

/** A form came without its proof of work, or with one that is wrong or used. */
export const proofRefused = defineEvent<
  { clientId: string; page: string; reason: string } & Origin
>('auth.proof_of_work.refused', () => undefined)

/** The same of a telephone number. */
export const phoneChanged = defineEvent<AccountFact & Origin>('auth.phone.changed', account)
export const phoneChangeRequested = defineEvent<AccountFact & Origin>(
  'auth.phone.change_requested',
  account,
)
export const phoneChangeRefused = defineEvent<AccountFact & { reason: string } & Origin>(
  'auth.phone.change_refused',
  account,
)
/** To the number of somebody who has proven another factor. */
export const secondFactorCodeSent = defineEvent<AccountFact & Origin>(
  'auth.login.second_factor_code_sent',
  account,
)

type SessionFact = {
  accountId: string
  /** The engine's name for it, where its own browser signed out. */
  sessionUid?: string
  /** Ours, where its owner ended it from elsewhere. */
  sessionId?: string
  clientIds?: string[]
  by?: string
} & Origin
export const sessionEnded = defineEvent<SessionFact>(
  'auth.session.ended',
  ({ accountId }) => accountId,
)

type ConsentFact = {
  accountId: string
  clientId: string
  scopes: string[]
  resources?: Record<string, string[]>
  /** The types of authorization details (RFC 9396), not what is in them. */
  detailsTypes?: string[]
} & Origin
export const consentGranted = defineEvent<ConsentFact>(
  'auth.consent.granted',
  ({ accountId }) => accountId,
)
export const consentDenied = defineEvent<
  { accountId?: string | undefined; clientId: string } & Origin
>('auth.consent.denied', ({ accountId }) => accountId)
export const consentRevoked = defineEvent<{ accountId: string; clientId: string; by?: string }>(
  'auth.consent.revoked',
  ({ accountId }) => accountId,
)

type TokenFact = {
  clientId: string
  accountId?: string | undefined
  /** Who acts for the account (RFC 8693 §4.1): a client_id, or an account. */
  actor?: string | undefined
  grantType: string
  scope?: string | undefined
  resource?: string | undefined
  issued: string[]
} & Origin
export const tokenIssued = defineEvent<TokenFact>(
  'auth.token.issued',
  ({ accountId, clientId }) => accountId ?? clientId,
)
export const tokenRefused = defineEvent<
  {
    clientId?: string | undefined
    accountId?: string | undefined
    endpoint: string
    error: string
    reason: string
  } & Origin
>('auth.token.refused', ({ accountId, clientId }) => accountId ?? clientId)
export const tokenRevoked = defineEvent<
  { clientId: string; accountId?: string | undefined; kind: string } & Origin
>('auth.token.revoked', ({ accountId, clientId }) => accountId ?? clientId)
/** A used code or refresh token came back: the whole grant was revoked (RFC 9700 §4.14.2). */
export const tokenReuseDetected = defineEvent<
  { clientId: string; accountId?: string | undefined; kind: string } & Origin
>('auth.token.reuse_detected', ({ accountId, clientId }) => accountId ?? clientId)
export const authorizationRefused = defineEvent<
  {
    clientId?: string | undefined
    accountId?: string | undefined
    error: string
    reason: string
  } & Origin
>('auth.authorization.refused', ({ accountId, clientId }) => accountId ?? clientId)
export const clientAuthenticationFailed = defineEvent<
  { clientId?: string | undefined; endpoint: string; reason: string } & Origin
>('auth.client.authentication_failed', ({ clientId }) => clientId)
export const requestRefused = defineEvent<{ reason: string; path: string } & Origin>(
  'auth.request.refused',
  () => undefined,
)
export const logoutDelivered = defineEvent<{
  clientId: string
  accountId: string
  attempts: number
}>('auth.backchannel_logout.delivered', ({ accountId }) => accountId)
export const logoutFailed = defineEvent<{
  clientId: string
  accountId: string
  attempts: number
  reason: string
}>('auth.backchannel_logout.failed', ({ accountId }) => accountId)

/** CIBA: an application asks a person for approval, and how that went on. */
type ApprovalFact = { clientId: string; accountId: string } & Origin
export const approvalRequested = defineEvent<ApprovalFact>(
  'auth.approval.requested',
  ({ accountId }) => accountId,
)
export const approvalAnswered = defineEvent<ApprovalFact & { outcome: 'approved' | 'denied' }>(
  'auth.approval.answered',
  ({ accountId }) => accountId,
)
export const pingDelivered = defineEvent<{
  clientId: string
  accountId: string
  attempts: number
}>('auth.approval.ping_delivered', ({ accountId }) => accountId)
export const pingFailed = defineEvent<{
  clientId: string
  accountId: string
  attempts: number
  reason: string
}>('auth.approval.ping_failed', ({ accountId }) => accountId)

/** Messages to people: what they are about, never whom they went to. */
type MessageFact = { kind: string; channel: string; accountId?: string | undefined }
/**
 * A recipient had too many of them already; this one was not written. With `messageId` and `reason` it
 * was, and the deployment has sent as many SMS as it sends on one day.
 */
export const messageCapped = defineEvent<MessageFact & { messageId?: string; reason?: string }>(
  'auth.message.capped',
  ({ accountId }) => accountId,
)
export const messageSent = defineEvent<MessageFact & { messageId: string; transport: string }>(
  'auth.message.sent',
  ({ accountId }) => accountId,
)
/** Nobody took it, or it came too late to be worth sending. */
export const messageFailed = defineEvent<MessageFact & { messageId: string; reason: string }>(
  'auth.message.failed',
  ({ accountId }) => accountId,
)
/** What a provider told later about a message that it had taken. */
type MessageReport = MessageFact & { messageId: string; transport: string }
export const messageDelivered = defineEvent<MessageReport>(
  'auth.message.delivered',
  ({ accountId }) => accountId,
)
export const messageBounced = defineEvent<MessageReport>(
  'auth.message.bounced',
  ({ accountId }) => accountId,
)
/** A provider told that the address of a message is not to be written to again. */
export const messageAddressSuppressed = defineEvent<MessageReport & { reason: string }>(
  'auth.message.address_suppressed',
  ({ accountId }) => accountId,
)
/** One message was kept back from such an address. */
export const messageSuppressed = defineEvent<MessageFact & { messageId: string }>(
  'auth.message.suppressed',
  ({ accountId }) => accountId,
)
/** It may be written to again: its owner has proven it, or an operator said so. */
export const messageAddressAllowed = defineEvent<{ by: string; accountId?: string | undefined }>(
  'auth.message.address_allowed',
  ({ accountId }) => accountId,
)
/** Somebody told what became of a message, and was not the provider. */
export const messageReportRefused = defineEvent<{ transport: string } & Origin>(
  'auth.message.report_refused',
  () => undefined,
)

/** Notices are pushed to a browser from now on, or no more: `by` its owner, or the push service. */
export const pushSubscribed = defineEvent<AccountFact & Origin>('auth.push.subscribed', account)
export const pushUnsubscribed = defineEvent<AccountFact & Origin>('auth.push.unsubscribed', account)
export const pushSubscriptionRefused = defineEvent<AccountFact & { reason: string } & Origin>(
  'auth.push.refused',
  account,
)

export const clientCreated = defineEvent<ClientFact>('auth.client.created', client)
export const clientUpdated = defineEvent<ClientFact>('auth.client.updated', client)
export const clientDisabled = defineEvent<ClientFact>('auth.client.disabled', client)
export const clientEnabled = defineEvent<ClientFact>('auth.client.enabled', client)
export const clientDeleted = defineEvent<ClientFact>('auth.client.deleted', client)
export const clientSecretRotated = defineEvent<ClientFact>('auth.client.secret_rotated', client)
/** Registered by itself (RFC 7591); `tokenId` names the initial access token that it used. */
export const clientRegistered = defineEvent<
  { clientId: string; preset: string; tokenId?: string | undefined } & Origin
>('auth.client.registered', client)
export const clientRegistrationRefused = defineEvent<
  { clientId?: string | undefined; error: string; reason: string } & Origin
>('auth.client.registration_refused', ({ clientId }) => clientId)
/** A registration access token was shown at another client than its own, and is worth nothing now. */
export const registrationAccessRevoked = defineEvent<
  { clientId: string; shownAt: string } & Origin
>('auth.client.registration_access_revoked', client)
/** What stands at a client_id that is an address cannot be taken for a client. */
export const clientDocumentRefused = defineEvent<{ clientId: string; reason: string }>(
  'auth.client.document_refused',
  client,
)
type RegistrationTokenFact = { tokenId: string; by?: string; [detail: string]: unknown }
const registrationToken = ({ tokenId }: RegistrationTokenFact) => tokenId
export const registrationTokenCreated = defineEvent<RegistrationTokenFact>(
  'auth.registration_token.created',
  registrationToken,
)
export const registrationTokenRevoked = defineEvent<RegistrationTokenFact>(
  'auth.registration_token.revoked',
  registrationToken,
)
export const resourceServerCreated = defineEvent<{ identifier: string; by?: string }>(
  'auth.resource_server.created',
  ({ identifier }) => identifier,
)
export const resourceServerUpdated = defineEvent<{ identifier: string; by?: string }>(
  'auth.resource_server.updated',
  ({ identifier }) => identifier,
)
export const resourceServerDeleted = defineEvent<{ identifier: string; by?: string }>(
  'auth.resource_server.deleted',
  ({ identifier }) => identifier,
)

type ConnectionFact = { connection: string; by?: string }
const connection = ({ connection }: { connection: string }) => connection
export const connectionCreated = defineEvent<ConnectionFact>('auth.connection.created', connection)
export const connectionUpdated = defineEvent<ConnectionFact>('auth.connection.updated', connection)
export const connectionDisabled = defineEvent<ConnectionFact>(
  'auth.connection.disabled',
  connection,
)
export const connectionEnabled = defineEvent<ConnectionFact>('auth.connection.enabled', connection)
export const connectionDeleted = defineEvent<ConnectionFact>('auth.connection.deleted', connection)
/** A source could not be asked, while somebody waited. `reason`: in its own words, without secrets. */
export const connectionUnavailable = defineEvent<
  { connection: string; reason: string; clientId?: string } & Origin
>('auth.connection.failed', connection)

type SyncCounts = {
  seen: number
  created: number
  changed: number
  disabled: number
  enabled: number
  /** How many, by the reason. */
  leftAlone: Record<string, number>
}
/** A directory was gone through to its end, and what it tells is so here. */
export const connectionSynced = defineEvent<{ connection: string; runId: string } & SyncCounts>(
  'auth.connection.synced',
  connection,
)
/**
 * It was not, and nobody has lost anything by it. `reason` is one word, `detail` the source's own,
 * without secrets, or how many are missing of how many.
 */
export const connectionSyncFailed = defineEvent<
  { connection: string; runId: string; reason: string; detail?: string | undefined } & SyncCounts
>('auth.connection.sync_failed', connection)

/** Somebody who came back from a source was not let in. `detail` names the check that failed. */
export const federatedSignInRefused = defineEvent<
  {
    connection: string
    accountId?: string | undefined
    clientId: string
    reason: string
    detail?: string | undefined
  } & Origin
>('auth.identity.refused', ({ accountId }) => accountId)
/** A source said that sessions there have ended; `sessions`: how many of ours ended with them. */
export const federatedLogoutReceived = defineEvent<
  { connection: string; sessions: number } & Origin
>('auth.connection.logout_received', connection)
/** Somebody said so who could not be believed, or our own logout came to nothing there. */
export const federatedLogoutRefused = defineEvent<{ connection: string; reason: string } & Origin>(
  'auth.connection.logout_refused',
  connection,
)
/** A client was given the token that a source gave for the person. */
export const connectionTokenGiven = defineEvent<
  { accountId: string; clientId: string; connection: string } & Origin
>('auth.connection.token_issued', ({ accountId }) => accountId)
type IdentityFact = { accountId: string; connection: string; identityId: string } & Origin
/** `by`: the address that both sides had proven (`verified_email`), the person (`sign_in`), or the first sign-in (`created`). */
export const identityLinked = defineEvent<IdentityFact & { by: string }>(
  'auth.identity.linked',
  account,
)
export const identityUnlinked = defineEvent<IdentityFact>('auth.identity.unlinked', account)

export const keyCreated = defineEvent<KeyFact>('auth.key.created', kid)
export const keyRotated = defineEvent<KeyFact>('auth.key.rotated', kid)
export const keyRetired = defineEvent<KeyFact>('auth.key.retired', kid)

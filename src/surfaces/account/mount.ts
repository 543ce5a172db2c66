import Router from '@koa/router'
import type Koa from 'koa'
import type { Context, Middleware } from 'koa'
import type { Clock } from '../../core/clock.ts'
import type { Profile } from '../../domain/accounts/profile/profile.ts'
import type { SignInLimits } from '../../domain/authentication/sign_in_with_password.ts'
import type { WaysIn } from '../../domain/authentication/unlink_identity.ts'
import type { Client } from '../../domain/clients/client.ts'
import type { ResourceServer } from '../../domain/clients/resource_server.ts'
import type { SmsFactorPolicy } from '../../domain/credentials/factor_store.ts'
import type { PasswordHasher } from '../../domain/credentials/password/password_hash.ts'
import type { PasswordPolicy } from '../../domain/credentials/password/password_policy.ts'
import type { AttestationPolicy } from '../../domain/credentials/webauthn/attestation_policy.ts'
import type { RelyingParty } from '../../domain/credentials/webauthn/webauthn.ts'
import type { Connections } from '../../domain/federation/connections.ts'
import type { RateLimits } from '../../domain/security/rate_limit.ts'
import type { EventRecorder } from '../../platform/events/recorder.ts'
import type { JobQueue } from '../../platform/jobs/queue.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Db, Transaction } from '../../platform/persistence/db.ts'
import type { Places } from '../../platform/places/place_database.ts'
import type { Renderer } from '../../platform/templating/strict_eta.ts'
import { assertSameOrigin } from '../../web/csrf.ts'
import type { Pages } from '../../web/pages.ts'
import { recordForbidden } from '../../web/refusals.ts'
import { showActivity } from './activity.ts'
import { revokeApplication, showApplications } from './applications.ts'
import { beginAtSource, showConnections, takeIdentityAway } from './connections.ts'
import { handOutData, showData } from './data.ts'
import { deleteOwnAccount, keepAccount, showDeletion } from './deletion.ts'
import { askForEmail, confirmEmail, showEmail } from './email.ts'
import { markInboxRead, showInbox } from './inbox.ts'
import { joinIdentity, returnFromSource, showJoining } from './join_identity.ts'
import { showNotifications, turnNotificationsOff, turnNotificationsOn } from './notifications.ts'
import { showOverview } from './overview.ts'
import { addPasskey, removePasskey, renamePasskey, showPasskey } from './passkeys.ts'
import { changePassword } from './password.ts'
import { comeBack, type Person, requirePerson } from './person.ts'
import { askForPhone, changeSmsFactor, confirmPhone, showPhone, takePhoneAway } from './phone.ts'
import { changeOwnProfile, showProfile } from './profile.ts'
import { distrustDevice, makeRecoveryCodes, showSecurity, signOutEverywhere } from './security.ts'
import { endSession, showSessions } from './sessions.ts'
import { addTotp, removeAuthenticator, showTotp } from './totp.ts'
import { changeOwnUsername, showUsername } from './username.ts'

/**
 * The pages on which people look after their own account: one file for each, and the table below. A
 * page is about whoever is signed in at this browser and nobody else, so no address names an account.
 * Looking takes a session; changing something takes a sign-in of the last minutes, with a second
 * factor where there is one (`requireFresh`).
 */
export type AccountDeps = {
  db: Db
  keyring: Keyring
  clock: Clock
  issuer: string
  pages: Pages
  passwords: PasswordHasher
  passwordPolicy: PasswordPolicy
  limits: SignInLimits
  rateLimits: RateLimits
  jobs: JobQueue
  /** What the deployment keeps and asks of people. */
  profile: Profile
  /** Days in which a deletion can be taken back; undefined where people do not delete accounts. */
  deletionGraceDays: number | undefined
  /** Days for which notices are kept; 0 where there is no inbox. */
  inboxDays: number
  /** What browsers take to have notices pushed to them; absent where none are. */
  push: { publicKey(): string; services: readonly string[] } | undefined
  renderer: Pick<Renderer, 'translator'>
  /** Whether people choose their usernames. */
  ownUsernames: boolean
  /** Whether there is a way to send mail. */
  sendsMail: boolean
  /** Whether there is a way to send SMS. */
  sendsSms: boolean
  smsFactor: SmsFactorPolicy
  /** Whose telephone numbers may be typed as they are dialled there (ISO 3166-1 alpha-2). */
  phoneCountry: string | undefined
  /** Whether this deployment writes to the country of the number. */
  mayText(phone: string): boolean
  recorder: EventRecorder
  /** The name under which an authenticator lists its codes. */
  brandName: string
  connections: Connections
  /** What people can sign in with, beside a password. */
  ways: WaysIn
  /** Absent where browsers make no passkeys for this deployment. */
  relyingParty: RelyingParty | undefined
  /** Which authenticators may be enrolled; absent where any may. */
  passkeyAttestation: AttestationPolicy | undefined
  clients: { find(clientId: string): Promise<Client | undefined> }
  resourceServers: { find(identifier: string): Promise<ResourceServer | undefined> }
  /** Where addresses are. */
  places: Places
  sessions: {
    /** Ends one session with its grants and tokens. */
    endByHash(tx: Transaction, uidHash: Buffer): Promise<void>
    /** Ends all sessions and tokens of an account, but for one session and what it gave. */
    endAccess(tx: Transaction, accountId: string, exceptUid?: string): Promise<void>
    listClients(db: Db, accountId: string): Promise<{ uidHash: Buffer; clientIds: string[] }[]>
  }
  /** How a session is named where it is stored. */
  uidHash(sessionUid: string): Buffer
  /** Ends the grants and tokens that an account gave a client. */
  endGrants(tx: Transaction, parties: { accountId: string; clientId: string }): Promise<void>
  signedIn(ctx: Context): Promise<SignedInPerson | undefined>
  /** Gives this browser's session another name. */
  rotateSession(ctx: Context): Promise<void>
  signInUri(options: {
    state: string
    prompt?: 'select_account'
    maxAgeS?: number
    acr?: string | undefined
  }): string
  /** Runs a request in one unit of work of the engine's stores. */
  inUnitOfWork<T>(work: () => Promise<T>): Promise<T>
}

export type SignedInPerson = {
  accountId: string
  sessionUid: string
  acr: string | undefined
  authTime: number | undefined
}

export type Handler = (deps: AccountDeps, ctx: Context, person: Person) => Promise<void>

export function mountAccount(app: Koa, deps: AccountDeps): void {
  const router = new Router({ sensitive: true, strict: true })
  const page = (handler: Handler): Middleware => guarded(deps, handler)
  const form = (handler: Handler): Middleware =>
    guarded(deps, async (_, ctx, person) => {
      assertSameOrigin(ctx, deps.issuer)
      await handler(deps, ctx, person)
    })

  const at = (path: string) => `/account${path}`
  router.get('account', at(''), page(showOverview))
  router.get('account_signed_in', at('/signed_in'), async (ctx) =>
    comeBack(ctx as unknown as Context),
  )
  router.get('account_delete', at('/delete'), page(showDeletion))
  router.post('account_delete_submit', at('/delete'), form(deleteOwnAccount))
  router.post('account_keep', at('/delete/cancel'), form(keepAccount))
  router.get('account_data', at('/data'), page(showData))
  router.post('account_data_download', at('/data'), form(handOutData))
  router.get('account_profile', at('/profile'), page(showProfile))
  router.post('account_profile_change', at('/profile'), form(changeOwnProfile))
  router.get('account_email', at('/profile/email'), page(showEmail))
  router.post('account_email_ask', at('/profile/email'), form(askForEmail))
  router.post('account_email_confirm', at('/profile/email/code'), form(confirmEmail))
  router.get('account_phone', at('/profile/phone'), page(showPhone))
  router.post('account_phone_ask', at('/profile/phone'), form(askForPhone))
  router.post('account_phone_confirm', at('/profile/phone/code'), form(confirmPhone))
  router.post('account_phone_remove', at('/profile/phone/remove'), form(takePhoneAway))
  if (deps.ownUsernames) {
    router.get('account_username', at('/profile/username'), page(showUsername))
    router.post('account_username_change', at('/profile/username'), form(changeOwnUsername))
  }
  router.get('account_security', at('/security'), page(showSecurity))
  router.post('account_password', at('/security/password'), form(changePassword))
  router.get('account_totp', at('/security/totp'), page(showTotp))
  router.post('account_totp_add', at('/security/totp'), form(addTotp))
  router.post('account_totp_remove', at('/security/totp/remove'), form(removeAuthenticator))
  router.get('account_passkey', at('/security/passkey'), page(showPasskey))
  router.post('account_passkey_add', at('/security/passkey'), form(addPasskey))
  router.post('account_passkey_rename', at('/security/passkey/rename'), form(renamePasskey))
  router.post('account_passkey_remove', at('/security/passkey/remove'), form(removePasskey))
  router.post('account_recovery_codes', at('/security/recovery_codes'), form(makeRecoveryCodes))
  router.post('account_sms_factor', at('/security/sms'), form(changeSmsFactor))
  router.post('account_device_distrust', at('/security/devices'), form(distrustDevice))
  router.get('account_connections', at('/connections'), page(showConnections))
  router.post('account_connection_begin', at('/connections'), form(beginAtSource))
  router.get('account_connection_return', at('/connections/return'), page(returnFromSource))
  router.get('account_connection_confirm', at('/connections/confirm'), page(showJoining))
  router.post('account_identity_join', at('/connections/confirm'), form(joinIdentity))
  router.post('account_identity_remove', at('/connections/remove'), form(takeIdentityAway))
  router.get('account_sessions', at('/sessions'), page(showSessions))
  router.post('account_session_end', at('/sessions'), form(endSession))
  router.get('account_activity', at('/activity'), page(showActivity))
  if (deps.inboxDays > 0) {
    router.get('account_inbox', at('/inbox'), page(showInbox))
    router.post('account_inbox_read', at('/inbox'), form(markInboxRead))
  }
  if (deps.push) {
    router.get('account_notifications', at('/notifications'), page(showNotifications))
    router.post('account_notifications_on', at('/notifications'), form(turnNotificationsOn))
    router.post('account_notifications_off', at('/notifications/off'), form(turnNotificationsOff))
  }
  router.post('account_sign_out', at('/security/sign_out'), form(signOutEverywhere))
  router.get('account_applications', at('/applications'), page(showApplications))
  router.post('account_application_revoke', at('/applications'), form(revokeApplication))
  app.use(router.routes() as unknown as Middleware)
}

function guarded(deps: AccountDeps, handler: Handler): Middleware {
  return async (ctx) => {
    ctx.state.route = String(ctx['routerName'] ?? 'account')
    try {
      await deps.inUnitOfWork(async () => {
        const person = await requirePerson(deps, ctx as Context)
        if (person) await handler(deps, ctx as Context, person)
      })
    } catch (error) {
      recordForbidden(deps.recorder, ctx as Context, error)
      throw error
    }
  }
}

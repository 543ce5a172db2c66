import Router from '@koa/router'
import type Koa from 'koa'
import type { Context, Middleware } from 'koa'
import type Provider from 'oidc-provider'
import type { Client } from 'oidc-provider'
import type { Clock } from '../../core/clock.ts'
import type { EndAccess } from '../../domain/accounts/account.ts'
import type { Profile } from '../../domain/accounts/profile/profile.ts'
import type { LegacyMigration } from '../../domain/authentication/migrate_legacy_account.ts'
import type { SignInRisk } from '../../domain/authentication/risk/risk.ts'
import type { MfaPolicy } from '../../domain/authentication/second_factor.ts'
import type { Directories } from '../../domain/authentication/sign_in_with_directory.ts'
import type { SignInLimits } from '../../domain/authentication/sign_in_with_password.ts'
import type { SignUpPolicy } from '../../domain/authentication/sign_up.ts'
import type { Terms } from '../../domain/authentication/terms.ts'
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
import type { Db } from '../../platform/persistence/db.ts'
import { assertSameOrigin } from '../../web/csrf.ts'
import type { Pages } from '../../web/pages.ts'
import { recordForbidden } from '../../web/refusals.ts'
import { allowOpener } from '../../web/security_headers.ts'
import { showTerms, submitTerms } from './accept_terms.ts'
import { type ApprovalsPage, answerApproval, showApprovals } from './approvals.ts'
import { cancel } from './cancel.ts'
import { postponeProfileStep, showProfileStep, submitProfileStep } from './complete_profile.ts'
import { showConfirmation, submitConfirmation } from './confirm_sign_in.ts'
import { returnFromConnection, startAtConnection } from './connection.ts'
import { allowConsent, showConsent } from './consent.ts'
import { submitDirectoryPassword } from './directory_password.ts'
import { dispatch } from './dispatch.ts'
import {
  showEmailCode,
  showEmailSignIn,
  submitEmailCode,
  submitEmailSignIn,
} from './email_sign_in.ts'
import { confirmEnrolment, postponeEnrolment, showEnrolment } from './enrol_factor.ts'
import { showForgotPassword, submitForgotPassword, submitResetPassword } from './forgot_password.ts'
import { showPassword, submitIdentifier, submitPassword } from './identifier_first.ts'
import { InteractionLost } from './interaction.ts'
import { openInvitationLink, submitInvitation } from './invitation.ts'
import { createOwnAccount, keepApart, linkAccount, showLink } from './link_account.ts'
import { showLogin, submitLogin } from './login.ts'
import { showLost } from './lost.ts'
import {
  openFactorLink,
  openResetLink,
  openRevertLink,
  submitFactorLink,
  submitResetLink,
  submitRevertLink,
} from './mail_links.ts'
import { submitPasskey } from './passkey.ts'
import { sendSmsCode, showSecondFactor, submitSecondFactor } from './second_factor.ts'
import { showAccounts, submitAccount } from './select_account.ts'
import { showSignUp, submitSignUp } from './sign_up.ts'
import { showSignUpAddress, submitSignUpAddress } from './sign_up_address.ts'
import { resendCode, showVerification, submitVerification } from './verify_identifier.ts'

/**
 * The pages between an authorization request and its answer. The engine sends the browser to
 * `/interaction/:uid`; `dispatch` sends it to one step; a step returns to `dispatch`, never to
 * another step; when nothing is left the engine resumes.
 */
export type InteractionDeps = {
  db: Db
  keyring: Keyring
  clock: Clock
  issuer: string
  provider(): Provider
  pages: Pages
  passwords: PasswordHasher
  passwordPolicy: PasswordPolicy
  jobs: JobQueue
  rateLimits: RateLimits
  /** Whether people make accounts themselves. */
  signUp: SignUpPolicy
  /** Where somebody who was invited to no application in particular goes to sign in. */
  newcomerUri: string
  /** What people accept before they go on; undefined where there is nothing. */
  terms: Terms | undefined
  /** What the deployment keeps and asks of people. */
  profile: Profile
  /** Whether it is the account pages that somebody signs in to. */
  isOwnClient(clientId: string): boolean
  /** How hard each try of a proof of work is; 0 where none is asked for. */
  proofRounds: number
  /** Whether a forgotten password can be set anew: it takes a way to send mail. */
  recovery: boolean
  /** Whether who it is and the password are asked for on one page or on two, at the sign-up as well. */
  signInPage: 'one_page' | 'identifier_first'
  /** Whether a code from a mail, or an SMS, signs in instead of a password. */
  emailSignIn: boolean
  smsSignIn: boolean
  smsFactor: SmsFactorPolicy
  /** Whether there is a way to send SMS. */
  sendsSms: boolean
  /** Ends the sessions and tokens of an account. */
  endAccess: EndAccess
  limits: SignInLimits
  /** The system that people come over from; absent where everybody is here. */
  legacy: LegacyMigration | undefined
  /** Whose telephone numbers may be typed as they are dialled there (ISO 3166-1 alpha-2). */
  phoneCountry: string | undefined
  /** Where people may sign in instead. */
  connections: Connections
  /** Those of them that know passwords. */
  directories: Directories
  /** Whether this deployment writes to the country of the number. */
  mayText(phone: string): boolean
  mfa: MfaPolicy
  /** Finds sign-ins unusual; absent where nobody looks. */
  risk: SignInRisk | undefined
  /** Absent where browsers make no passkeys for this deployment. */
  relyingParty: RelyingParty | undefined
  /** Which authenticators may be enrolled; absent where any may. */
  passkeyAttestation: AttestationPolicy | undefined
  /** 0 where no browser is trusted. */
  trustedDeviceDays: number
  /** The name under which an authenticator lists its codes. */
  brandName: string
  /** The weakest `acr` with which a request and its client are content. */
  neededAcr(params: Record<string, unknown>, client: Client): string | undefined
  /** The other accounts that are signed in to this browser. */
  accounts: {
    list(ctx: Context): Promise<string[]>
    park(ctx: Context, input: { uid: string; for: string }): Promise<void>
    take(ctx: Context, accountId: string): Promise<SessionOfInteraction | undefined>
  }
  resourceServers: { find(identifier: string): Promise<ResourceServer | undefined> }
  /** Runs a request in one unit of work of the engine's stores. */
  inUnitOfWork<T>(work: () => Promise<T>): Promise<T>
  recorder: EventRecorder
  /** Where people answer what applications ask from elsewhere (CIBA); absent where nobody may ask. */
  approvals?: ApprovalsPage | undefined
  onSignIn?: (outcome: 'success' | 'failed' | 'throttled') => void
}

/** What the engine remembers of the session that a request began with. */
export type SessionOfInteraction = { accountId: string; uid: string; acr?: string; amr?: string[] }

type Handler = (deps: InteractionDeps, ctx: Context) => Promise<void>

export function mountInteractions(app: Koa, deps: InteractionDeps): void {
  const router = new Router({ sensitive: true, strict: true })
  const page = (handler: Handler): Middleware => guarded(deps, handler)
  const form = (handler: Handler): Middleware =>
    guarded(deps, async (_, ctx) => {
      assertSameOrigin(ctx, deps.issuer)
      await handler(deps, ctx)
    })

  const submitFirst = deps.signInPage === 'one_page' ? submitLogin : submitIdentifier
  const at = (step: string) => `/interaction/:uid/${step}`
  router.get('interaction', '/interaction/:uid', page(dispatch))
  router.get('interaction_login', at('login'), page(showLogin))
  router.post('interaction_login_submit', at('login'), form(submitFirst))
  router.get('interaction_password', at('password'), page(showPassword))
  router.post('interaction_password_submit', at('password'), form(submitPassword))
  router.post('interaction_passkey_submit', at('passkey'), form(submitPasskey))
  router.get('interaction_second_factor', at('second_factor'), page(showSecondFactor))
  router.post('interaction_second_factor_submit', at('second_factor'), form(submitSecondFactor))
  router.post('interaction_second_factor_sms', at('second_factor/sms'), form(sendSmsCode))
  router.get('interaction_enrol_factor', at('enrol_factor'), page(showEnrolment))
  router.post('interaction_enrol_factor_submit', at('enrol_factor'), form(confirmEnrolment))
  router.post(
    'interaction_enrol_factor_postpone',
    at('enrol_factor/postpone'),
    form(postponeEnrolment),
  )
  const signUpStep = deps.signInPage === 'one_page' ? 'sign_up' : 'sign_up/details'
  if (deps.signInPage === 'identifier_first') {
    router.get('interaction_sign_up_address', at('sign_up'), page(showSignUpAddress))
    router.post('interaction_sign_up_address_submit', at('sign_up'), form(submitSignUpAddress))
  }
  router.get('interaction_sign_up', at(signUpStep), page(showSignUp))
  router.post('interaction_sign_up_submit', at(signUpStep), form(submitSignUp))
  for (const step of ['verify_email', 'verify_phone']) {
    router.get(`interaction_${step}`, at(step), page(showVerification))
    router.post(`interaction_${step}_submit`, at(step), form(submitVerification))
    router.post(`interaction_${step}_resend`, at(`${step}/resend`), form(resendCode))
  }
  router.get('interaction_connection', at('connections/:name'), page(startAtConnection))
  router.get('interaction_connection_return', at('connection_return'), page(returnFromConnection))
  router.post(
    'interaction_directory_password',
    at('directory_password'),
    form(submitDirectoryPassword),
  )
  router.get('interaction_link_account', at('link_account'), page(showLink))
  router.post('interaction_link_account_submit', at('link_account'), form(linkAccount))
  router.post('interaction_link_account_skip', at('link_account/skip'), form(keepApart))
  router.post('interaction_link_account_create', at('link_account/create'), form(createOwnAccount))
  router.get('interaction_email_sign_in', at('email_sign_in'), page(showEmailSignIn))
  router.post('interaction_email_sign_in_submit', at('email_sign_in'), form(submitEmailSignIn))
  router.get('interaction_email_code', at('email_code'), page(showEmailCode))
  router.post('interaction_email_code_submit', at('email_code'), form(submitEmailCode))
  router.get('interaction_confirm_sign_in', at('confirm_sign_in'), page(showConfirmation))
  router.post('interaction_confirm_sign_in_submit', at('confirm_sign_in'), form(submitConfirmation))
  router.get('interaction_forgot_password', at('forgot_password'), page(showForgotPassword))
  router.post(
    'interaction_forgot_password_submit',
    at('forgot_password'),
    form(submitForgotPassword),
  )
  router.post('interaction_reset_password_submit', at('reset_password'), form(submitResetPassword))
  router.get('reset_password', '/reset_password', page(openResetLink))
  router.post('reset_password_submit', '/reset_password', form(submitResetLink))
  router.get('revert_email', '/revert_email', page(openRevertLink))
  router.post('revert_email_submit', '/revert_email', form(submitRevertLink))
  router.get('reset_factors', '/reset_factors', page(openFactorLink))
  router.post('reset_factors_submit', '/reset_factors', form(submitFactorLink))
  router.get('invitation', '/invitation', page(openInvitationLink))
  router.post('invitation_submit', '/invitation', form(submitInvitation))
  router.get('interaction_accept_terms', at('accept_terms'), page(showTerms))
  router.post('interaction_accept_terms_submit', at('accept_terms'), form(submitTerms))
  router.get('interaction_complete_profile', at('complete_profile'), page(showProfileStep))
  router.post(
    'interaction_complete_profile_submit',
    at('complete_profile'),
    form(submitProfileStep),
  )
  router.post(
    'interaction_complete_profile_postpone',
    at('complete_profile/postpone'),
    form(postponeProfileStep),
  )
  router.get('interaction_consent', at('consent'), page(showConsent))
  router.post('interaction_consent_submit', at('consent'), form(allowConsent))
  router.get('interaction_select_account', at('select_account'), page(showAccounts))
  router.post('interaction_select_account_submit', at('select_account'), form(submitAccount))
  router.post('interaction_cancel', at('cancel'), form(cancel))
  if (deps.approvals) {
    router.get('approvals', deps.approvals.path, page(showApprovals))
    router.post('approvals_submit', deps.approvals.path, form(answerApproval))
  }
  app.use(router.routes() as unknown as Middleware)
}

function guarded(deps: InteractionDeps, handler: Handler): Middleware {
  return async (ctx) => {
    ctx.state.route = String(ctx['routerName'] ?? 'interaction')
    allowOpener(ctx.res)
    try {
      await deps.inUnitOfWork(() => handler(deps, ctx as Context))
    } catch (error) {
      if (error instanceof InteractionLost) return await showLost(deps, ctx as Context, error)
      recordForbidden(deps.recorder, ctx as Context, error)
      throw error
    }
  }
}

import type { Context } from 'koa'
import type Provider from 'oidc-provider'
import { type Client as EngineClient, errors, type Grant } from 'oidc-provider'
import { epochSeconds } from '../../core/clock.ts'
import type { Account } from '../../domain/accounts/account.ts'
import { findAccountById } from '../../domain/accounts/account_store.ts'
import type { Field } from '../../domain/accounts/profile/profile_fields.ts'
import { asksForProfile, missingFields } from '../../domain/authentication/ask_profile.ts'
import type { Attempt } from '../../domain/authentication/attempt_store.ts'
import { completeSignIn } from '../../domain/authentication/complete_sign_in.ts'
import { findWaitingPerson, type WaitingPerson } from '../../domain/authentication/confirm_link.ts'
import { type NextStep, nextStep } from '../../domain/authentication/next_step.ts'
import type { Proven } from '../../domain/authentication/record_proof.ts'
import type { FactorState } from '../../domain/authentication/second_factor.ts'
import {
  findPendingSignUp,
  type PendingSignUp,
  signUpAddress,
} from '../../domain/authentication/sign_up.ts'
import { lacksAcceptance } from '../../domain/authentication/terms.ts'
import type { AuthorizationDetail } from '../../domain/clients/authorization_details.ts'
import { isNothing, missingConsent, type Requested } from '../../domain/clients/consent.ts'
import { findConsent } from '../../domain/clients/consent_store.ts'
import { originOf } from '../../web/origin.ts'
import { allowNativeTarget } from '../../web/security_headers.ts'
import { hasInvitation } from './invitation_cookie.ts'
import { rememberDevice } from './known_device.ts'
import type { InteractionDeps, SessionOfInteraction } from './mount.ts'
import { factorState, provenBefore } from './proven.ts'
import { detailsOf, requestedOf } from './requested.ts'
import { findSignInSoFar, type SignInSoFar } from './sign_in_so_far_store.ts'

/**
 * One person's way through one authorization request. It begins where the engine sends the browser
 * to `/interaction/:uid` and ends where `finish` hands it back. Every step loads it anew: what is
 * true is in the database, not in the form.
 */
export type Interaction = {
  uid: string
  details: EngineInteraction
  client: EngineClient
  attempt: Attempt | undefined
  /** Whoever is signed in as far as this request is concerned. */
  accountId: string | undefined
  requested: Requested
  /** What has not been consented to; undefined while nobody is signed in. */
  missing: Requested | undefined
  /** RFC 9396: asked about in each request, whatever was allowed before. */
  authorizationDetails: readonly AuthorizationDetail[]
  /** What a second factor would be added to: see `provenBefore`. */
  proven: Proven | undefined
  /** Who came from a source and is nobody here yet. */
  waiting: WaitingPerson | undefined
  /** Whose sign-up waits for its code, where nobody has proven anything yet. */
  signUp: PendingSignUp | undefined
  /** Who is signed in, and what is to be asked of them; undefined where nobody is asked anything. */
  person: AskedPerson | undefined
  /** What the next step was decided by; undefined where nothing is proven. */
  factors: FactorState | undefined
  next: NextStep
}

export type AskedPerson = { account: Account; missing: Field[] }

export type EngineInteraction = Awaited<ReturnType<Provider['interactionDetails']>> & {
  save(ttlS: number): Promise<unknown>
}

/** The request is gone, was never this browser's, or is no longer what the page said. */
export class InteractionLost extends Error {
  readonly uid: string
  /** Somebody else is being signed in now than when the page was made. */
  readonly changed: boolean
  constructor(uid: string, { changed = false } = {}) {
    super('the interaction is not there for this browser')
    this.uid = uid
    this.changed = changed
  }
}

/** @throws InteractionLost where the browser's cookie and the address do not name a live interaction */
export async function loadInteraction(deps: InteractionDeps, ctx: Context): Promise<Interaction> {
  const uid = String(ctx['params'].uid)
  const details = await readDetails(deps, ctx, uid)
  ctx.state['uiLocales'] = details.params['ui_locales']
  allowNativeTarget(ctx.res, details.params['redirect_uri'])
  const client = await deps.provider().Client.find(String(details.params['client_id']))
  if (!client) throw new InteractionLost(uid)
  const now = deps.clock.now()
  const soFar = await findSignInSoFar(deps, { uid, clientId: client.clientId, now })
  const attempt = soFar?.attempt
  const accountId = attempt?.accountId ?? details.session?.accountId
  const requested = await requestedOf(details.params, client, deps)
  const missing = accountId
    ? await missingOf(deps, { accountId, soFar, client, requested, details })
    : undefined
  const authorizationDetails = detailsOf(details.params)
  const asksAnew = missing !== undefined && !isNothing(missing)
  const proven = await provenBefore(deps, details, attempt)
  const factors =
    proven && (await factorState(deps, ctx, { proven, known: soFar?.factors, details, client }))
  const waiting = await findWaitingPerson(deps, uid)
  const signUp = attempt ? undefined : await pendingSignUp(deps, ctx, details)
  const person = await askedPerson(deps, client, accountId)
  const next = nextStep({
    prompt: { name: details.prompt.name as 'login', reasons: details.prompt.reasons },
    attempt,
    factors,
    personWaiting: waiting !== undefined,
    signUpPending: signUp && signUpAddress(signUp).kind,
    sessionAccountId: details.session?.accountId,
    termsMissing: await lacksAcceptance(deps.db, deps.terms, accountId),
    profileMissing: person !== undefined && person.missing.length > 0,
    consentMissing: asksAnew || authorizationDetails.length > 0,
    firstParty: isFirstParty(client),
  })
  return {
    uid,
    details,
    client,
    attempt,
    accountId,
    requested,
    missing,
    authorizationDetails,
    proven,
    factors,
    waiting,
    signUp,
    person,
    next,
  }
}

/** Somebody who is signed in and asked for consent has no use for it: one statement less. */
async function pendingSignUp(
  deps: InteractionDeps,
  ctx: Context,
  { uid, prompt }: EngineInteraction,
): Promise<PendingSignUp | undefined> {
  if (!(deps.signUp.open || hasInvitation(ctx)) || prompt.name === 'consent') return undefined
  return await findPendingSignUp(deps, uid)
}

/** Where nobody is asked for anything it costs nothing. */
async function askedPerson(
  { db, clock, profile, isOwnClient }: InteractionDeps,
  { clientId }: EngineClient,
  accountId: string | undefined,
): Promise<AskedPerson | undefined> {
  if (!accountId || !asksForProfile(profile) || isOwnClient(clientId)) return undefined
  const account = await findAccountById(db, accountId)
  return account && { account, missing: missingFields(profile, account, clock.now()) }
}

/** The `login_hint` of the request, where it can be shown. */
export function loginHint({ details }: Interaction): string {
  const hint = details.params['login_hint']
  return typeof hint === 'string' && hint.length <= 320 ? hint : ''
}

async function readDetails(
  deps: InteractionDeps,
  ctx: Context,
  uid: string,
): Promise<EngineInteraction> {
  try {
    const details = await deps.provider().interactionDetails(ctx.req, ctx.res)
    if (details.uid !== uid) throw new InteractionLost(uid)
    return details as EngineInteraction
  } catch (error) {
    if (error instanceof errors.SessionNotFound) throw new InteractionLost(uid)
    throw error
  }
}

async function missingOf(
  deps: InteractionDeps,
  input: {
    accountId: string
    soFar: SignInSoFar | undefined
    client: EngineClient
    requested: Requested
    details: EngineInteraction
  },
): Promise<Requested> {
  const { accountId, soFar, client, requested, details } = input
  // RFC 8252 §8.6 and `prompt=consent`: asked again, whatever was allowed before.
  const askAgain = details.prompt.name === 'consent' && asksForConsent(details)
  if (askAgain) return missingConsent(undefined, requested)
  const consent = soFar ? soFar.consent : await findConsent(deps.db, accountId, client.clientId)
  return missingConsent(consent, requested)
}

function asksForConsent({ prompt, params }: EngineInteraction): boolean {
  const prompts = String(params['prompt'] ?? '').split(' ')
  return prompt.reasons.includes('native_client_prompt') || prompts.includes('consent')
}

function isFirstParty(client: EngineClient): boolean {
  return client['first_party'] === true
}

export type Outcome = {
  error?: { error: string; error_description: string }
  /** Granted anew in this interaction. */
  consented?: Requested
}

/**
 * Hands the request back to the engine and returns where the browser goes next, on our own origin.
 * Someone who signed in as another person than the browser's session has that one wait meanwhile.
 */
export async function finish(
  deps: InteractionDeps,
  ctx: Context,
  interaction: Interaction,
  outcome: Outcome = {},
): Promise<string> {
  const { details, attempt } = interaction
  if (!outcome.error && attempt) await complete(deps, ctx, interaction, attempt)
  const before = details.session
  if (!outcome.error && attempt && before?.accountId && before.accountId !== attempt.accountId) {
    if (before.uid) await deps.accounts.park(ctx, { uid: before.uid, for: attempt.accountId })
    dropSession(details)
  }
  details.result = outcome.error ?? (await resultOf(deps, interaction, outcome.consented))
  await save(deps, details)
  return details.returnTo
}

/** The session that the request began with has ended: it goes on as one of nobody. */
export async function forgetSession(
  deps: InteractionDeps,
  { details }: Interaction,
): Promise<void> {
  if (!details.session) return
  dropSession(details)
  await save(deps, details)
}

/** The request goes on with another session of this browser. */
export async function useSession(
  deps: InteractionDeps,
  details: EngineInteraction,
  session: SessionOfInteraction,
): Promise<void> {
  dropSession(details)
  ;(details as { session?: unknown }).session = session
  await save(deps, details)
}

function dropSession(details: EngineInteraction): void {
  delete (details as { session?: unknown }).session
  delete (details as { grantId?: unknown }).grantId
}

async function save({ clock }: InteractionDeps, details: EngineInteraction): Promise<void> {
  await details.save(details.exp - epochSeconds(clock))
}

async function complete(
  deps: InteractionDeps,
  ctx: Context,
  { uid: interactionUid, client }: Interaction,
  attempt: Attempt,
): Promise<void> {
  const { clientId } = client
  const knownDevice = rememberDevice(deps, ctx, attempt.accountId)
  const fresh = { interactionUid, clientId, attempt, knownDevice, origin: originOf(ctx) }
  if (!(await completeSignIn(deps, fresh))) return
  deps.onSignIn?.('success')
}

async function resultOf(
  deps: InteractionDeps,
  { details, attempt, client, accountId }: Interaction,
  consented: Requested | undefined,
) {
  const grantId =
    consented && accountId ? await grantFor(deps, details, client, accountId, consented) : undefined
  return {
    ...details.lastSubmission,
    ...(details.prompt.name === 'select_account' ? { select_account: {} } : {}),
    ...(attempt
      ? {
          login: {
            accountId: attempt.accountId,
            acr: attempt.acr,
            amr: attempt.amr,
            remember: attempt.remember,
            ts: Math.floor(attempt.authenticatedAt.getTime() / 1000),
          },
        }
      : {}),
    // Asked for consent where nobody has to be asked: unanswered, the engine would ask for ever.
    ...(grantId || details.prompt.name === 'consent'
      ? { consent: grantId ? { grantId } : {} }
      : {}),
  }
}

async function grantFor(
  deps: InteractionDeps,
  details: EngineInteraction,
  client: EngineClient,
  accountId: string,
  consented: Requested,
): Promise<string> {
  const { Grant: GrantModel } = deps.provider()
  const known: Grant | undefined = details.grantId
    ? await GrantModel.find(details.grantId)
    : undefined
  const own = known?.accountId === accountId ? known : undefined
  const grant = own ?? new GrantModel({ accountId, clientId: client.clientId })
  const { openidScopes, openidClaims, resourceScopes } = consented
  if (openidScopes.length > 0) grant.addOIDCScope(openidScopes.join(' '))
  if (openidClaims.length > 0) grant.addOIDCClaims([...openidClaims])
  for (const [resource, scopes] of Object.entries(resourceScopes)) {
    if (scopes.length > 0) grant.addResourceScope(resource, scopes.join(' '))
  }
  return await grant.save()
}

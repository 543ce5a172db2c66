import { z } from 'zod'
import { shortened } from '../../core/text.ts'
import {
  invitationRefused,
  type Origin,
  signUpRefused,
  signUpRequested,
} from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { JobQueue } from '../../platform/jobs/queue.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import { conflictingIdentifier, createAccount } from '../accounts/create_account.ts'
import { canonicalEmail, canonicalPhone, presentable } from '../accounts/identifier.ts'
import { type Invitation, noteInvitationUse, useInvitation } from '../accounts/invitation.ts'
import {
  boundHash,
  consumeCode,
  matchCode,
  payloadOf,
  requestCode,
} from '../credentials/one_time_code/one_time_code.ts'
import {
  findPendingCode,
  type StoredCode,
} from '../credentials/one_time_code/one_time_code_store.ts'
import type { PasswordHasher } from '../credentials/password/password_hash.ts'
import type { PasswordPolicy, PasswordRefusal } from '../credentials/password/password_policy.ts'
import { type ProofDeps, recordProof } from './record_proof.ts'
import { acceptTerms, type Terms } from './terms.ts'

/**
 * Signing up with an e-mail address or a telephone number. The account is made when the code that went
 * there was typed and not before: until then there is a sealed row, and nobody can take an address that
 * is somebody else's, or leave a password behind at one.
 */

/** What people sign up with. */
export type SignUpBy = 'email' | 'phone' | 'email_or_phone'

/**
 * Whose accounts may be made by the people themselves. `domains`: of these mail domains; empty is any.
 * `byInvitation`: people are told that they need one, which counts whatever the policy is.
 */
export type SignUpPolicy = {
  open: boolean
  byInvitation?: boolean
  by: SignUpBy
  domains: readonly string[]
}

export type SignUpDeps = ProofDeps & {
  db: Db
  jobs: Pick<JobQueue, 'send'>
  passwords: Pick<PasswordHasher, 'hash'>
  passwordPolicy: PasswordPolicy
  signUp: SignUpPolicy
  /** Whose numbers may be typed as they are dialled there. */
  phoneCountry: string | undefined
  /** Whether this deployment writes to the country of the number. */
  mayText(phone: string): boolean
  /** Nobody gets an account who does not accept them; undefined where there are none. */
  terms: Terms | undefined
}

/** Where the code goes, as it is shown, and in its canonical form. */
export type SignUpAddress = { kind: 'email' | 'phone'; shown: string; canonical: string }

const pendingSignUp = z.object({
  /** One of the two. */
  email: z.string().optional(),
  phone: z.string().optional(),
  canonical: z.string(),
  name: z.string().optional(),
  /** What the deployment asks besides; it fits the schema. */
  attributes: z.record(z.string(), z.unknown()).optional(),
  phc: z.string(),
  locale: z.string(),
  /** The version of the terms that was accepted with it. */
  terms: z.string().optional(),
  interactionUid: z.string(),
  client: z.string(),
  /** The invitation that is used up with it. */
  invitationId: z.string().optional(),
})
export type PendingSignUp = z.output<typeof pendingSignUp>

export type SignUpInput = {
  /** An address or a number; all as they were typed. */
  login: string
  name: string
  password: string
  /** As the form has checked them. */
  attributes?: Record<string, unknown> | undefined
  /** The version of the terms that is accepted; undefined where none is. */
  terms?: string | undefined
  locale: string
  interactionUid: string
  clientId: string
  clientName: string
  /** One that still stands: its word counts more than the policy, and its address is the only one. */
  invitation?: Invitation | undefined
  /** Words of the house that a password must not contain. */
  context: readonly string[]
  origin: Origin
}

export type SignUpBegun =
  | { kind: 'code_sent' }
  | { kind: 'refused'; reason: AddressFault | 'closed' | 'terms_not_accepted' }
  | { kind: 'weak_password'; refusal: PasswordRefusal }

/** The policy does not let these in; an operator reads of it in an event. */
type Barred = 'other_domain' | 'other_country'
export type AddressFault = `unusable_${SignUpBy}` | Barred

const NAME_MAX = 100

/** The same answer and the same work whether the address has an account or not. */
export async function beginSignUp(deps: SignUpDeps, input: SignUpInput): Promise<SignUpBegun> {
  const { signUp, passwordPolicy } = deps
  if (!signUp.open && !input.invitation) {
    await noteRefusal(deps, input, 'closed')
    return { kind: 'refused', reason: 'closed' }
  }
  const judged = judgeAddress(deps, input)
  if ('fault' in judged) {
    if (isBarred(judged.fault)) await noteRefusal(deps, input, judged.fault)
    return { kind: 'refused', reason: judged.fault }
  }
  const { address } = judged
  if (deps.terms && input.terms !== deps.terms.version) {
    return { kind: 'refused', reason: 'terms_not_accepted' }
  }
  const context = [address.shown, input.name, ...input.context]
  const verdict = await passwordPolicy.check(input.password, context)
  if (verdict.kind === 'refused') return { kind: 'weak_password', refusal: verdict }
  await store(deps, input, address)
  return { kind: 'code_sent' }
}

/**
 * Whether somebody can sign up with what was typed, by its text alone: nobody is looked up, so that
 * whether it has an account shows in nothing. The address of an invitation counts instead of it.
 */
export function judgeAddress(
  deps: Pick<SignUpDeps, 'signUp' | 'phoneCountry' | 'mayText'>,
  { login, invitation }: Pick<SignUpInput, 'login' | 'invitation'>,
): { address: SignUpAddress } | { fault: AddressFault } {
  const { by, domains } = deps.signUp
  const address = invitation?.email ? emailOf(invitation.email) : addressOf(deps, login)
  if (!address) return { fault: `unusable_${by}` }
  if (address.kind === 'phone' && !deps.mayText(address.canonical)) {
    return { fault: 'other_country' }
  }
  if (!invitation && !isOfDomain(address, domains)) return { fault: 'other_domain' }
  return { address }
}

export function isBarred(fault: AddressFault): fault is Barred {
  return fault === 'other_domain' || fault === 'other_country'
}

function addressOf(
  { signUp: { by }, phoneCountry }: Pick<SignUpDeps, 'signUp' | 'phoneCountry'>,
  typed: string,
): SignUpAddress | undefined {
  if (by === 'email' || (by === 'email_or_phone' && typed.includes('@'))) return emailOf(typed)
  const canonical = canonicalPhone(typed, phoneCountry)
  return canonical === undefined ? undefined : { kind: 'phone', shown: canonical, canonical }
}

function emailOf(typed: string): SignUpAddress | undefined {
  const [canonical, shown] = [canonicalEmail(typed), presentable(typed)]
  return canonical && shown ? { kind: 'email', shown, canonical } : undefined
}

/** A number is of none. */
function isOfDomain({ kind, canonical }: SignUpAddress, domains: readonly string[]): boolean {
  if (domains.length === 0) return true
  return kind === 'email' && domains.includes(canonical.slice(canonical.lastIndexOf('@') + 1))
}

export async function noteRefusal(
  { db }: Pick<SignUpDeps, 'db'>,
  { clientId, origin }: Pick<SignUpInput, 'clientId' | 'origin'>,
  reason: Barred | 'closed',
): Promise<void> {
  await appendEvent(db, signUpRefused({ clientId, reason, ...origin }))
}

async function store(
  deps: SignUpDeps,
  input: SignUpInput,
  { kind, shown, canonical }: SignUpAddress,
): Promise<void> {
  const { interactionUid, clientId, locale, origin } = input
  const name = shortened(input.name, NAME_MAX)
  const payload: PendingSignUp = {
    [kind]: shown,
    canonical,
    ...(name === '' ? {} : { name }),
    attributes: input.attributes,
    phc: await deps.passwords.hash(input.password),
    locale,
    ...(deps.terms ? { terms: deps.terms.version } : {}),
    interactionUid,
    client: input.clientName,
    ...(input.invitation ? { invitationId: input.invitation.id } : {}),
  }
  await inTransaction(deps.db, async (tx) => {
    await sendCode(deps, tx, payload)
    await appendEvent(tx, signUpRequested({ clientId, ...origin }))
  })
}

async function sendCode(
  deps: SignUpDeps,
  tx: Parameters<typeof requestCode>[1],
  payload: PendingSignUp,
): Promise<void> {
  const { interactionUid: boundTo } = payload
  const { id } = await requestCode(deps, tx, { purpose: 'sign_up', boundTo, payload })
  await deps.jobs.send('deliver_code', { codeId: id }, { tx })
}

/** Whose sign-up waits for its code in this interaction. */
export async function findPendingSignUp(
  { db, clock, keyring }: Pick<SignUpDeps, 'db' | 'clock' | 'keyring'>,
  interactionUid: string,
): Promise<PendingSignUp | undefined> {
  const stored = await findPendingCode(db, {
    purpose: 'sign_up',
    boundHash: boundHash(keyring, interactionUid),
    now: clock.now(),
  })
  return stored && signUpOf(keyring, stored)
}

export function signUpOf(keyring: Keyring, stored: StoredCode): PendingSignUp {
  return payloadOf(keyring, stored, pendingSignUp)
}

/** Where the code of a sign-up goes. */
export function signUpAddress({ email, phone, canonical }: PendingSignUp): SignUpAddress {
  return phone === undefined
    ? { kind: 'email', shown: email ?? canonical, canonical }
    : { kind: 'phone', shown: phone, canonical }
}

/** A new code to the same address; the one before is worth nothing any more. */
export async function resendSignUpCode(deps: SignUpDeps, pending: PendingSignUp): Promise<void> {
  await inTransaction(deps.db, (tx) => sendCode(deps, tx, pending))
}

export type SignUpCompleted =
  | { kind: 'signed_up'; accountId: string }
  | { kind: 'refused' }
  /** Its invitation was used, revoked or over meanwhile. */
  | { kind: 'invitation_over' }

/**
 * Makes the account and signs it in: its password was chosen a moment ago. An address that somebody
 * else has proven meanwhile is refused like a wrong code.
 */
export async function completeSignUp(
  deps: SignUpDeps,
  input: { interactionUid: string; clientId: string; code: string; origin: Origin },
): Promise<SignUpCompleted> {
  const { interactionUid, clientId, code, origin } = input
  const asked = { purpose: 'sign_up', boundTo: interactionUid, code } as const
  const stored = await matchCode(deps, deps.db, asked)
  if (!stored) {
    await appendEvent(deps.db, signUpRefused({ clientId, reason: 'wrong_code', ...origin }))
    return { kind: 'refused' }
  }
  try {
    return await makeAccount(deps, { ...input, stored })
  } catch (error) {
    if (conflictingIdentifier(error) === undefined) throw error
    await appendEvent(deps.db, signUpRefused({ clientId, reason: 'address_taken', ...origin }))
    return { kind: 'refused' }
  }
}

async function makeAccount(
  deps: SignUpDeps,
  input: { interactionUid: string; clientId: string; stored: StoredCode; origin: Origin },
): Promise<SignUpCompleted> {
  const { db, keyring } = deps
  const { interactionUid, clientId, stored, origin } = input
  const pending = signUpOf(keyring, stored)
  const { email, phone, name, attributes, phc, locale, terms, invitationId } = pending
  return await inTransaction(db, async (tx) => {
    if (!(await consumeCode(tx, stored))) return { kind: 'refused' }
    if (invitationId && !(await useInvitation(deps, tx, invitationId))) {
      await appendEvent(tx, invitationRefused({ invitationId, reason: 'over', ...origin }))
      return { kind: 'invitation_over' }
    }
    const claims = { locale, ...(name === undefined ? {} : { name }) }
    const account = {
      email,
      emailVerified: email !== undefined,
      phone,
      phoneVerified: phone !== undefined,
      claims,
      attributes,
      passwordHash: phc,
      by: 'sign_up',
    }
    const { id: accountId } = await createAccount(deps, account, tx)
    if (invitationId) await noteInvitationUse(tx, { invitationId, accountId, origin })
    if (terms !== undefined) await acceptTerms(deps, { accountId, version: terms, origin }, tx)
    const base = { accountId, methods: [], remember: false, authenticatedAt: deps.clock.now() }
    await recordProof(deps, tx, { interactionUid, clientId, base, method: 'password', origin })
    return { kind: 'signed_up', accountId }
  })
}

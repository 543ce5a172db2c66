import { DomainError } from '../../core/errors.ts'
import {
  accountLocked,
  type Origin,
  signInFailed,
  signInThrottled,
} from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { EventRecorder } from '../../platform/events/recorder.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { Account } from '../accounts/account.ts'
import { classifyIdentifier, type Identifier } from '../accounts/identifier.ts'
import type { PasswordHasher } from '../credentials/password/password_hash.ts'
import {
  findAccountWithPassword,
  type PasswordCredential,
  updatePasswordHash,
} from '../credentials/password/password_store.ts'
import type { Connection } from '../federation/connection.ts'
import type { AccountFault } from '../federation/connector.ts'
import {
  type LegacyMigration,
  type MigrationResult,
  migrateLegacyAccount,
} from './migrate_legacy_account.ts'
import { type ProofDeps, recordProof } from './record_proof.ts'
import {
  type Directories,
  type DirectoryResult,
  keepsPasswordsOf,
  signInAtDirectories,
} from './sign_in_with_directory.ts'

/** What is counted against those who guess; see `security/rate_limit`. */
export type SignInReservation = { accountKey: string; ip?: string; deviceTrusted: boolean }

export type SignInLimits = {
  /** Counts the try before it is known how it ends, so that parallel tries share one budget. */
  reserve(input: SignInReservation): Promise<
    | { allowed: true }
    /** `exhausted`: too many failures in a row; no unknown browser gets another try by waiting. */
    | { allowed: false; retryAfterS: number; exhausted?: true }
  >
  /** The password was right: takes back what `reserve` counted, and may forget the tries before. */
  refund(input: SignInReservation): Promise<void>
  /** The account has another password: what was counted of the one before says nothing of it. */
  forget(accountKey: string): Promise<void>
  /**
   * The password was not checked, because the server was busy or broken: takes back what this one
   * `reserve` counted and no more, or else a flood would buy its own guesses back. Without it such a
   * try stays counted.
   */
  release?(input: SignInReservation): Promise<void>
}

export type SignInDeps = ProofDeps & {
  db: Db
  passwords: PasswordHasher
  limits: SignInLimits
  /** Where refusals go that a flood could bring by the thousand; without it they are written at once. */
  recorder?: Pick<EventRecorder, 'record'>
  /** Whose telephone numbers may be typed as they are dialled there (ISO 3166-1 alpha-2). */
  phoneCountry?: string | undefined
  /** Directories that know passwords; absent where there are none. */
  directories?: Directories | undefined
  /** The system that people come over from; absent where everybody is here. */
  legacy?: LegacyMigration | undefined
}

export type SignInInput = {
  /** As it was typed. */
  identifier: string
  password: string
  interactionUid: string
  clientId: string
  remember: boolean
  /** The connection that the application names. */
  connection?: string | undefined
  /** The accounts that this browser has signed in to before. */
  deviceTrustedFor?: readonly string[]
  origin: Origin
}

export type SignInResult =
  /** The password is right; what else is asked for is for `next_step` to say. */
  | { kind: 'signed_in'; accountId: string }
  /** It is right in a directory, and whose account that is is still to be said. */
  | { kind: 'pending' }
  | { kind: 'refused'; reason: 'invalid_credentials' }
  /** It may be right, and its directory keeps its owner out, or does not answer. */
  | Extract<DirectoryResult, { kind: 'barred' | 'unavailable' }>
  | {
      kind: 'not_admitted'
      reason: 'not_permitted' | 'account_disabled'
      connection: Connection
    }
  | { kind: 'throttled'; retryAfterS: number }

const REFUSED = { kind: 'refused', reason: 'invalid_credentials' } as const

type Candidate = { account: Account; password: PasswordCredential | undefined }
type FailureReason =
  | Extract<MigrationResult, { kind: 'refused' }>['reason']
  | 'account_disabled'
  | 'no_password'
  | 'wrong_password'
  | 'changed_meanwhile'
  | 'wrong_directory_password'
  | 'not_permitted'
  | `directory_${AccountFault}`

/**
 * One try to sign in with identifier and password. Nobody, a disabled account, one without password
 * and a wrong password cost the same work and give the same answer; the trail alone knows which it was.
 *
 * @throws DomainError `unavailable` where the password could not be checked
 */
export async function signInWithPassword(
  deps: SignInDeps,
  input: SignInInput,
): Promise<SignInResult> {
  const identifier = classifyIdentifier(input.identifier, deps.phoneCountry)
  const candidate = identifier && (await findAccountWithPassword(deps.db, identifier))
  const accountId = candidate?.account.id
  const reservation: SignInReservation = {
    accountKey: accountId ?? unknownKey(deps.keyring, identifier, input.identifier),
    deviceTrusted: accountId !== undefined && !!input.deviceTrustedFor?.includes(accountId),
    ...(input.origin.ip === undefined ? {} : { ip: input.origin.ip }),
  }
  const permit = await deps.limits.reserve(reservation)
  if (!permit.allowed) return await throttled(deps, input, accountId, permit)
  const result = await verifyAndSignIn(deps, input, { identifier, candidate }).catch(
    async (error) => {
      await deps.limits.release?.(reservation)
      throw error
    },
  )
  if (result.kind === 'signed_in' || result.kind === 'pending') {
    await deps.limits.refund(reservation)
  }
  if (result.kind === 'unavailable') await deps.limits.release?.(reservation)
  return result
}

/** Whoever tries names that nobody has is counted per name too, without the name being kept. */
function unknownKey(keyring: Keyring, identifier: Identifier | undefined, typed: string): string {
  const name = identifier?.canonical ?? asDirectoriesCompare(typed)
  return `unknown:${keyring.hash('sign_in_identifier', name).toString('base64url')}`
}

/** What is no name of ours, `CORP\alice`, may be one there, in any case and with any spaces (RFC 4518 §2). */
function asDirectoriesCompare(typed: string): string {
  return typed.normalize('NFKC').trim().replace(/\s+/g, ' ').toLowerCase()
}

async function verifyAndSignIn(
  deps: SignInDeps,
  input: SignInInput,
  found: { identifier: Identifier | undefined; candidate: Candidate | undefined },
): Promise<SignInResult> {
  if (deps.directories && (await keepsPasswordsOf(deps.directories, input))) {
    return await askElsewhere(deps, input, found)
  }
  const { candidate } = found
  const usable = candidate?.account.status === 'active' ? candidate.password : undefined
  const { ok, rehash } = await deps.passwords.verify(usable?.phc, input.password)
  if (!ok || !usable) return await askElsewhere(deps, input, found)
  const { account } = candidate!
  const result = await recordSignIn(deps, input, { account, password: usable })
  if (!result) return await refuse(deps, input, account.id, 'changed_meanwhile')
  if (rehash) await hashAnew(deps, account.id, usable.phc, input.password)
  return result
}

/** Nobody here, or not with this password: a directory may know better. */
async function askElsewhere(
  deps: SignInDeps,
  input: SignInInput,
  {
    identifier,
    candidate,
  }: { identifier: Identifier | undefined; candidate: Candidate | undefined },
): Promise<SignInResult> {
  const account = candidate?.account
  const found = deps.directories
    ? await signInAtDirectories(deps.directories, input, account)
    : ({ kind: 'unknown' } as const)
  switch (found.kind) {
    case 'unknown':
      return candidate
        ? await refuse(deps, input, candidate.account.id, reasonOf(candidate))
        : await signInFromLegacy(deps, input, identifier)
    case 'wrong':
      return await refuse(deps, input, account?.id, 'wrong_directory_password')
    case 'refused':
      await appendFailure(deps, input, account?.id, found.reason)
      return { kind: 'not_admitted', reason: found.reason, connection: found.connection }
    case 'barred':
      await appendFailure(deps, input, account?.id, `directory_${found.fault}`)
      return found
    default:
      return found
  }
}

/**
 * For a name that nobody has here. The work for nobody is done by now: a server that is too busy for
 * it asks no other system either, and so lends itself to no guessing there that the limits do not count.
 */
async function signInFromLegacy(
  deps: SignInDeps,
  input: SignInInput,
  identifier: Identifier | undefined,
): Promise<SignInResult> {
  const { identifier: text, password } = input
  const migration = await migrateLegacyAccount(deps, { text, identifier, password })
  return migration.kind === 'refused'
    ? await refuse(deps, input, undefined, migration.reason)
    : await verifyAndSignIn(deps, input, { identifier, candidate: migration })
}

function reasonOf(candidate: Candidate): FailureReason {
  if (candidate.account.status !== 'active') return 'account_disabled'
  return candidate.password ? 'wrong_password' : 'no_password'
}

/** Undefined where account or password were changed while the password was checked. */
async function recordSignIn(
  deps: SignInDeps,
  { interactionUid, clientId, remember, deviceTrustedFor: deviceKnownFor, origin }: SignInInput,
  { account, password }: { account: Account; password: PasswordCredential },
): Promise<SignInResult | undefined> {
  const accountId = account.id
  const base = { accountId, methods: [], remember, authenticatedAt: deps.clock.now() }
  const proof = { interactionUid, clientId, base, method: 'password', origin } as const
  const recorded = await recordProof(deps, deps.db, { ...proof, checked: password, deviceKnownFor })
  return recorded ? { kind: 'signed_in', accountId } : undefined
}

/** A chance, not a duty: where the server is busy, the old hash serves until the next time. */
async function hashAnew(
  { db, passwords }: SignInDeps,
  accountId: string,
  from: string,
  password: string,
): Promise<void> {
  try {
    await updatePasswordHash(db, accountId, { from, to: await passwords.hash(password) })
  } catch (error) {
    if (!(error instanceof DomainError && error.code === 'unavailable')) throw error
  }
}

async function refuse(
  { db, risk }: SignInDeps,
  { clientId, origin }: SignInInput,
  accountId: string | undefined,
  reason: FailureReason,
): Promise<SignInResult> {
  await risk?.noteRefused?.(db, { accountId, origin })
  await appendEvent(db, signInFailed({ accountId, clientId, reason, ...origin }))
  return REFUSED
}

async function appendFailure(
  { db }: Pick<SignInDeps, 'db'>,
  { clientId, origin }: SignInInput,
  accountId: string | undefined,
  reason: FailureReason,
): Promise<void> {
  await appendEvent(db, signInFailed({ accountId, clientId, reason, ...origin }))
}

async function throttled(
  { db, recorder }: SignInDeps,
  { clientId, origin }: SignInInput,
  accountId: string | undefined,
  { retryAfterS, exhausted }: { retryAfterS: number; exhausted?: true },
): Promise<SignInResult> {
  const event =
    exhausted && accountId
      ? accountLocked({ accountId, ...origin })
      : signInThrottled({ accountId, clientId, limit: 'sign_in', ...origin })
  if (recorder) recorder.record(event)
  else await appendEvent(db, event)
  return { kind: 'throttled', retryAfterS }
}

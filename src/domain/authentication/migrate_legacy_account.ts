import type { Clock } from '../../core/clock.ts'
import { DomainError } from '../../core/errors.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { Account } from '../accounts/account.ts'
import {
  type AccountToCreate,
  conflictingIdentifier,
  createAccount,
} from '../accounts/create_account.ts'
import {
  canonicalEmail,
  canonicalPhone,
  canonicalUsername,
  type Identifier,
  presentable,
} from '../accounts/identifier.ts'
import type { PasswordHasher } from '../credentials/password/password_hash.ts'
import {
  findAccountWithPassword,
  type PasswordCredential,
} from '../credentials/password/password_store.ts'
import { passwordText } from '../credentials/password/password_text.ts'

/**
 * People who come over from another system one by one, each at the first sign-in here: that system
 * says whether the password is right, and whose it is. From then on the account is ours alone.
 */
export type LegacyAccount = Pick<
  AccountToCreate,
  'username' | 'email' | 'emailVerified' | 'phone' | 'phoneVerified' | 'claims'
>

export type LegacyAnswer =
  | { kind: 'right'; account: LegacyAccount }
  /** A wrong password, or nobody. */
  | { kind: 'wrong' }
  /** `detail` is for the log: it never holds what was asked or answered. */
  | { kind: 'unavailable' | 'invalid'; detail: string }

export type LegacySystem = {
  /**
   * Whether there is somebody with this name and password. It never throws.
   *
   * @param input the identifier without spaces around it, the password as it was typed
   */
  verify(input: { identifier: string; password: string }): Promise<LegacyAnswer>
}

export type LegacyMigration = {
  system: LegacySystem
  log: { warn(fields: object, message: string): void }
}

export type MigrationDeps = {
  db: Db
  clock: Clock
  passwords: Pick<PasswordHasher, 'hash'>
  legacy?: LegacyMigration | undefined
}

export type MigrationInput = {
  /** As it was typed, */
  text: string
  /** and what it means; undefined where it cannot name anybody. */
  identifier: Identifier | undefined
  password: string
}

export type MigrationResult =
  /** Made now, or by another sign-in at the same time: its password is still to be verified. */
  | { kind: 'there'; account: Account; password: PasswordCredential | undefined }
  | { kind: 'refused'; reason: 'unknown_identifier' | 'legacy_unavailable' | 'legacy_invalid' }

const UNKNOWN = { kind: 'refused', reason: 'unknown_identifier' } as const

/**
 * Asks the other system, if there is one, about a name that nobody has here, and makes the account
 * that it tells of. The password is kept as our hash, whether or not a new one might be like it.
 *
 * @throws DomainError `unavailable` where too many passwords are being hashed, or the database is away
 */
export async function migrateLegacyAccount(
  deps: MigrationDeps,
  { text, identifier, password }: MigrationInput,
): Promise<MigrationResult> {
  // An empty password may be no question at all: directories take it for an anonymous bind, and say yes.
  const usable = password !== '' && passwordText(password).kind === 'ok'
  if (!deps.legacy || !identifier || !usable) return UNKNOWN
  const answer = await deps.legacy.system.verify({ identifier: presentable(text)!, password })
  switch (answer.kind) {
    case 'right':
      return await takeOver(deps, deps.legacy, { account: answer.account, identifier, password })
    case 'wrong':
      return UNKNOWN
    default:
      return fault(deps.legacy, answer)
  }
}

async function takeOver(
  deps: MigrationDeps,
  legacy: LegacyMigration,
  input: { account: LegacyAccount; identifier: Identifier; password: string },
): Promise<MigrationResult> {
  const { account, identifier, password } = input
  // Whoever knows one password there must not choose the name that they get here.
  if (!answersTo(account, identifier)) {
    return fault(legacy, { kind: 'invalid', detail: 'another account than the one asked for' })
  }
  const phc = await deps.passwords.hash(password)
  try {
    const created = await createAccount(deps, { ...account, passwordHash: phc, by: 'legacy' })
    return { kind: 'there', account: created, password: { phc, changedAt: created.createdAt } }
  } catch (error) {
    const taken = conflictingIdentifier(error)
    if (!taken && !isUnacceptable(error)) throw error
    const there = taken && (await findAccountWithPassword(deps.db, identifier))
    if (there) return { kind: 'there', ...there }
    return fault(legacy, { kind: 'invalid', detail: (error as DomainError).message })
  }
}

const CANONICAL = { email: canonicalEmail, phone: canonicalPhone, username: canonicalUsername }

function answersTo(account: LegacyAccount, { kind, canonical }: Identifier): boolean {
  const name = account[kind]
  return name !== undefined && CANONICAL[kind](name) === canonical
}

/** An identifier or a claim that no account of ours may have. */
function isUnacceptable(error: unknown): boolean {
  return error instanceof DomainError && ['invalid_input', 'too_large'].includes(error.code)
}

function fault(
  { log }: LegacyMigration,
  { kind, detail }: { kind: 'unavailable' | 'invalid'; detail: string },
): MigrationResult {
  const reason = `legacy_${kind}` as const
  log.warn({ reason, detail }, 'the legacy system gave no usable answer; the sign-in is refused')
  return { kind: 'refused', reason }
}

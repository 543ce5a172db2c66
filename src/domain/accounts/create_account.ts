import type { Clock } from '../../core/clock.ts'
import { DomainError } from '../../core/errors.ts'
import { newId } from '../../core/ids.ts'
import { accountCreated } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import { uniqueViolation } from '../../platform/persistence/sql_errors.ts'
import type { Account } from './account.ts'
import { insertAccount } from './account_store.ts'
import { parseStandardClaims } from './claims.ts'
import {
  canonicalEmail,
  canonicalPhone,
  canonicalUsername,
  type IdentifierKind,
  presentable,
} from './identifier.ts'

export type AccountToCreate = {
  username?: string | undefined
  email?: string | undefined
  emailVerified?: boolean | undefined
  phone?: string | undefined
  phoneVerified?: boolean | undefined
  claims?: Record<string, unknown> | undefined
  /** They fit the schema of the deployment: `parseAttributes`, or the form, has checked them. */
  attributes?: Record<string, unknown> | undefined
  /** A PHC string of the password hasher. */
  passwordHash?: string | undefined
  by?: string | undefined
}

/**
 * Creates an active account with at least one identifier.
 *
 * @param tx the caller's transaction; a conflict leaves it unusable, as PostgreSQL does
 * @throws DomainError `invalid_input` for an identifier or claim that is not acceptable, `conflict`
 *   where somebody has the identifier already: `conflictingIdentifier` tells which
 */
export async function createAccount(
  deps: { db: Db; clock: Clock },
  input: AccountToCreate,
  tx?: Transaction,
): Promise<Account> {
  const usernameCanonical = canonical(input.username, canonicalUsername, 'username')
  const emailCanonical = canonical(input.email, canonicalEmail, 'email')
  const phone = canonical(input.phone, canonicalPhone, 'phone')
  if ([usernameCanonical, emailCanonical, phone].every((name) => name === undefined)) {
    throw new DomainError(
      'invalid_input',
      'An account needs a username, an e-mail address or a telephone number.',
    )
  }
  const account = newAccount(deps.clock.now(), { ...input, phone })
  const create = async (tx: Transaction): Promise<Account> => {
    const { passwordHash, by } = input
    await insertAccount(tx, { account, usernameCanonical, emailCanonical, passwordHash })
    await appendEvent(tx, accountCreated({ accountId: account.id, ...(by ? { by } : {}) }))
    return account
  }
  try {
    return tx ? await create(tx) : await inTransaction(deps.db, create)
  } catch (error) {
    throw describeConflict(error)
  }
}

function newAccount(now: Date, input: AccountToCreate): Account {
  const username = input.username === undefined ? undefined : presentable(input.username)
  const email = input.email === undefined ? undefined : presentable(input.email)
  return {
    id: newId(now.getTime()),
    status: 'active',
    ...(username === undefined ? {} : { username }),
    ...(email === undefined ? {} : { email }),
    emailVerified: email !== undefined && input.emailVerified === true,
    ...(input.phone === undefined ? {} : { phone: input.phone }),
    phoneVerified: input.phone !== undefined && input.phoneVerified === true,
    claims: parseStandardClaims(input.claims ?? {}),
    attributes: input.attributes ?? {},
    createdAt: now,
    updatedAt: now,
  }
}

const NOT_ACCEPTABLE = {
  username: {
    message: 'This username cannot be used.',
    hint: '3 to 64 letters, digits, dots, hyphens and underscores, of one script.',
  },
  email: {
    message: 'This is not an e-mail address we can use.',
    hint: 'A plain address such as ada@example.com: no quotes, comments or display name.',
  },
  phone: {
    message: 'This is not a telephone number we can use.',
    hint: 'With the code of its country, such as +4930123456, and without an extension.',
  },
} as const

function canonical(
  text: string | undefined,
  form: (text: string) => string | undefined,
  kind: IdentifierKind,
): string | undefined {
  if (text === undefined) return undefined
  const result = form(text)
  if (result !== undefined) return result
  throw new DomainError('invalid_input', NOT_ACCEPTABLE[kind].message, {
    hint: NOT_ACCEPTABLE[kind].hint,
  })
}

const IDENTIFIER_OF_INDEX: Readonly<Record<string, IdentifierKind>> = {
  account_username: 'username',
  account_email: 'email',
  account_phone: 'phone',
}

/** Which identifier is taken, where this is the `conflict` that `createAccount` throws. */
export function conflictingIdentifier(error: unknown): IdentifierKind | undefined {
  return IDENTIFIER_OF_INDEX[uniqueViolation(error) ?? '']
}

const NAMES = { email: 'e-mail address', phone: 'telephone number', username: 'username' } as const

function describeConflict(error: unknown): unknown {
  const kind = conflictingIdentifier(error)
  if (!kind) return error
  return new DomainError('conflict', `This ${NAMES[kind]} is already in use.`, {
    debug: kind,
    cause: error instanceof DomainError ? error.cause : error,
  })
}

import { DomainError } from '../../core/errors.ts'
import { isId } from '../../core/ids.ts'
import { type Db, query, queryOne, type Transaction } from '../../platform/persistence/db.ts'
import type { Account, AccountStatus } from './account.ts'
import type { Identifier } from './identifier.ts'

/** The columns of an account as `accountFromRow` reads them; for joins, qualified with `account.`. */
export const ACCOUNT_COLUMNS = `
  account.id, account.status, account.username, account.email, account.email_verified,
  account.phone, account.phone_verified, account.phone_factor_since, account.claims,
  account.attributes, account.profile_postponed_at, account.created_at, account.updated_at`

export type AccountRow = {
  id: string
  status: AccountStatus
  username: string | null
  email: string | null
  email_verified: boolean
  phone: string | null
  phone_verified: boolean
  phone_factor_since: Date | null
  claims: Record<string, unknown>
  attributes: Record<string, unknown>
  profile_postponed_at: Date | null
  created_at: Date
  updated_at: Date
}

export function accountFromRow(row: AccountRow): Account {
  return {
    id: row.id,
    status: row.status,
    ...(row.username === null ? {} : { username: row.username }),
    ...(row.email === null ? {} : { email: row.email }),
    emailVerified: row.email_verified,
    ...(row.phone === null ? {} : { phone: row.phone }),
    phoneVerified: row.phone_verified,
    ...(row.phone_factor_since === null ? {} : { phoneFactorSince: row.phone_factor_since }),
    claims: row.claims,
    attributes: row.attributes,
    ...(row.profile_postponed_at === null ? {} : { profilePostponedAt: row.profile_postponed_at }),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

export async function findAccountById(db: Db, id: string): Promise<Account | undefined> {
  // Anything but the one textual form is nobody, and not a cast that PostgreSQL refuses.
  if (!isId(id)) return undefined
  const row = await queryOne<AccountRow>(
    db,
    `SELECT ${ACCOUNT_COLUMNS} FROM account WHERE id = $1`,
    [id],
  )
  return row && accountFromRow(row)
}

export async function getAccountById(db: Db, id: string): Promise<Account> {
  const account = await findAccountById(db, id)
  if (!account) throw accountNotFound()
  return account
}

/** When the account signed in last; undefined where it never did, or there is none. */
export async function findLastSignIn(db: Db, id: string): Promise<Date | undefined> {
  const row = await queryOne<{ last_signed_in_at: Date | null }>(
    db,
    'SELECT last_signed_in_at FROM account WHERE id = $1',
    [id],
  )
  return row?.last_signed_in_at ?? undefined
}

export function accountNotFound(): DomainError {
  return new DomainError('not_found', 'There is no such account.')
}

const BY_IDENTIFIER = {
  email: `SELECT ${ACCOUNT_COLUMNS} FROM account WHERE email_canonical = $1`,
  phone: `SELECT ${ACCOUNT_COLUMNS} FROM account WHERE phone = $1`,
  username: `SELECT ${ACCOUNT_COLUMNS} FROM account WHERE username_canonical = $1`,
} as const

export async function findAccountByIdentifier(
  db: Db,
  { kind, canonical }: Identifier,
): Promise<Account | undefined> {
  const row = await queryOne<AccountRow>(db, BY_IDENTIFIER[kind], [canonical])
  return row && accountFromRow(row)
}

const BEFORE_ALL = '00000000-0000-0000-0000-000000000000'

/** In the order of their making. `after` is the id of the last account of the page before. */
export async function listAccounts(
  db: Db,
  { after = BEFORE_ALL, limit }: { after?: string | undefined; limit: number },
): Promise<Account[]> {
  if (!isId(after)) return []
  const rows = await query<AccountRow>(
    db,
    `SELECT ${ACCOUNT_COLUMNS} FROM account WHERE id > $1 ORDER BY id LIMIT $2`,
    [after, limit],
  )
  return rows.map(accountFromRow)
}

export type NewAccount = {
  account: Account
  usernameCanonical: string | undefined
  emailCanonical: string | undefined
  /** A PHC string: the first password, so that no account is ever seen between the two inserts. */
  passwordHash: string | undefined
}

/** @throws DomainError `conflict`, with the broken index as `debug` */
export async function insertAccount(tx: Db, fresh: NewAccount): Promise<void> {
  const { account } = fresh
  await query(
    tx,
    `WITH fresh AS (
       INSERT INTO account (id, status, username, username_canonical, email, email_canonical,
                            email_verified, phone, phone_verified, claims, created_at, updated_at,
                            attributes)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
       RETURNING id, created_at
     )
     INSERT INTO password_credential (account_id, phc, changed_at)
     SELECT id, $14::text, created_at FROM fresh WHERE $14::text IS NOT NULL`,
    [
      account.id,
      account.status,
      account.username ?? null,
      fresh.usernameCanonical ?? null,
      account.email ?? null,
      fresh.emailCanonical ?? null,
      account.emailVerified,
      account.phone ?? null,
      account.phoneVerified,
      JSON.stringify(account.claims),
      account.createdAt,
      account.updatedAt,
      JSON.stringify(account.attributes),
      fresh.passwordHash ?? null,
    ],
  )
}

/** Undefined where there is no such account or it has this status already. */
export async function updateAccountStatus(
  tx: Db,
  id: string,
  status: AccountStatus,
  now: Date,
): Promise<Account | undefined> {
  if (!isId(id)) return undefined
  const row = await queryOne<AccountRow>(
    tx,
    `UPDATE account SET status = $2, updated_at = $3 WHERE id = $1 AND status <> $2
     RETURNING ${ACCOUNT_COLUMNS}`,
    [id, status, now],
  )
  return row && accountFromRow(row)
}

/** Replaces claims and attributes as a whole. */
export async function updateAccountProfile(
  tx: Transaction,
  id: string,
  { claims, attributes }: { claims: Record<string, unknown>; attributes: Record<string, unknown> },
  now: Date,
): Promise<void> {
  await query(
    tx,
    'UPDATE account SET claims = $2, attributes = $3, updated_at = $4 WHERE id = $1',
    [id, JSON.stringify(claims), JSON.stringify(attributes), now],
  )
}

/** It says nothing about the person, so `updated_at` stays. */
export async function postponeProfile(tx: Transaction, id: string, now: Date): Promise<void> {
  await query(tx, 'UPDATE account SET profile_postponed_at = $2 WHERE id = $1', [id, now])
}

/** @throws DomainError `conflict` where somebody else has it: `conflictingIdentifier` tells */
export async function updateAccountUsername(
  tx: Transaction,
  id: string,
  { username, canonical, now }: { username: string; canonical: string; now: Date },
): Promise<void> {
  await query(
    tx,
    'UPDATE account SET username = $2, username_canonical = $3, updated_at = $4 WHERE id = $1',
    [id, username, canonical, now],
  )
}

/**
 * Gives the account another address, which somebody has proven to read.
 *
 * @throws DomainError `conflict` where somebody else has it: `conflictingIdentifier` tells
 */
export async function updateAccountEmail(
  tx: Db,
  id: string,
  { email, canonical, now }: { email: string; canonical: string; now: Date },
): Promise<void> {
  await query(
    tx,
    `UPDATE account SET email = $2, email_canonical = $3, email_verified = true, updated_at = $4
      WHERE id = $1`,
    [id, email, canonical, now],
  )
}

/**
 * Gives the account another number, which somebody has proven to read, or none. Whether it is a
 * further factor is said anew.
 *
 * @throws DomainError `conflict` where somebody else has it: `conflictingIdentifier` tells
 */
export async function updateAccountPhone(
  tx: Db,
  id: string,
  { phone, now }: { phone: string | undefined; now: Date },
): Promise<void> {
  await query(
    tx,
    `UPDATE account
        SET phone = $2::text, phone_verified = $2::text IS NOT NULL, phone_factor_since = NULL,
            updated_at = $3
      WHERE id = $1`,
    [id, phone ?? null, now],
  )
}

/** Whether the number is a further factor. @returns false where it was so already, or is not proven */
export async function updatePhoneFactor(
  tx: Db,
  id: string,
  { since, now }: { since: Date | undefined; now: Date },
): Promise<boolean> {
  const rows = await query(
    tx,
    `UPDATE account SET phone_factor_since = $2, updated_at = $3
      WHERE id = $1 AND (phone_factor_since IS NULL) = ($2::timestamptz IS NOT NULL)
        AND (phone_verified OR $2::timestamptz IS NULL)
     RETURNING id`,
    [id, since ?? null, now],
  )
  return rows.length > 0
}

/** Holds the row until the transaction ends; false where there is none. */
export async function lockAccount(tx: Transaction, id: string): Promise<boolean> {
  if (!isId(id)) return false
  const rows = await query(tx, 'SELECT id FROM account WHERE id = $1 FOR UPDATE', [id])
  return rows.length > 0
}

/**
 * True where the account may sign in. Until the transaction ends nobody can take that from it: whoever
 * disables it waits, and then sees what the transaction made.
 */
export async function lockActiveAccount(tx: Transaction, id: string): Promise<boolean> {
  return await lockActive(tx, id, 'FOR SHARE')
}

/**
 * The same for a transaction that goes on to change the row. Two that only shared it would each wait
 * for the other to let go.
 */
export async function lockActiveAccountToChange(tx: Transaction, id: string): Promise<boolean> {
  return await lockActive(tx, id, 'FOR UPDATE')
}

async function lockActive(tx: Transaction, id: string, lock: 'FOR SHARE' | 'FOR UPDATE') {
  const text = `SELECT id FROM account WHERE id = $1 AND status = 'active' ${lock}`
  return (await query(tx, text, [id])).length > 0
}

/** Absence counts from now on: somebody wants the account to be used again. */
export async function restartAbsence(tx: Transaction, id: string, now: Date): Promise<void> {
  await query(
    tx,
    `UPDATE account
        SET idle_from = $2, inactive_disabled_at = NULL, disabled_by_connection = NULL
      WHERE id = $1`,
    [id, now],
  )
}

/** Its source may give it its access back; whoever else disables it takes that away. */
export async function noteDisabledByConnection(
  tx: Transaction,
  id: string,
  connectionId: string | undefined,
): Promise<void> {
  await query(
    tx,
    `UPDATE account SET disabled_by_connection = $2
      WHERE id = $1 AND disabled_by_connection IS DISTINCT FROM $2`,
    [id, connectionId ?? null],
  )
}

/** Whether it is disabled, and was by this connection and nobody since. */
export async function isDisabledByConnection(
  tx: Transaction,
  id: string,
  connectionId: string,
): Promise<boolean> {
  const rows = await query(
    tx,
    `SELECT id FROM account
      WHERE id = $1 AND status = 'disabled' AND disabled_by_connection = $2`,
    [id, connectionId],
  )
  return rows.length > 0
}

export type AccountProfile = {
  id: string
  claims: Record<string, unknown>
  attributes: Record<string, unknown>
}

/** Claims and attributes of these, held until the transaction ends. */
export async function listProfilesForUpdate(
  tx: Transaction,
  ids: readonly string[],
): Promise<AccountProfile[]> {
  return await query<AccountProfile>(
    tx,
    `SELECT id, claims, attributes FROM account WHERE id = ANY($1::uuid[])
      ORDER BY id FOR UPDATE`,
    [ids],
  )
}

/** Replaces claims and attributes of each as a whole. */
export async function updateAccountProfiles(
  tx: Transaction,
  profiles: readonly AccountProfile[],
  now: Date,
): Promise<void> {
  await query(
    tx,
    `UPDATE account SET claims = given.claims, attributes = given.attributes, updated_at = $2
       FROM json_to_recordset($1::json) AS given (id uuid, claims jsonb, attributes jsonb)
      WHERE account.id = given.id`,
    [JSON.stringify(profiles), now],
  )
}

/** Credentials, consents and sign-in attempts go with it. */
export async function deleteAccountRow(tx: Transaction, id: string): Promise<void> {
  await query(tx, 'DELETE FROM account WHERE id = $1', [id])
}

import { isId } from '../../../core/ids.ts'
import { type AddValue, type Db, query, queryOne } from '../../../platform/persistence/db.ts'
import type { Account } from '../../accounts/account.ts'
import { ACCOUNT_COLUMNS, type AccountRow, accountFromRow } from '../../accounts/account_store.ts'
import type { Identifier } from '../../accounts/identifier.ts'

/** `changedAt` tells one password from the next; the hash may be made anew for the same one. */
export type PasswordCredential = { phc: string; changedAt: Date }

type PasswordRow = { phc: string; changed_at: Date }

function passwordFromRow(row: PasswordRow): PasswordCredential {
  return { phc: row.phc, changedAt: row.changed_at }
}

export async function findPassword(
  db: Db,
  accountId: string,
): Promise<PasswordCredential | undefined> {
  if (!isId(accountId)) return undefined
  const row = await queryOne<PasswordRow>(
    db,
    'SELECT phc, changed_at FROM password_credential WHERE account_id = $1',
    [accountId],
  )
  return row && passwordFromRow(row)
}

const BY_IDENTIFIER = {
  email: accountWithPassword('email_canonical'),
  phone: accountWithPassword('phone'),
  username: accountWithPassword('username_canonical'),
} as const

function accountWithPassword(column: string): string {
  return `SELECT ${ACCOUNT_COLUMNS}, password_credential.phc, password_credential.changed_at
            FROM account LEFT JOIN password_credential ON password_credential.account_id = account.id
           WHERE account.${column} = $1`
}

/** One statement whether there is nobody, an account without password, or one with it. */
export async function findAccountWithPassword(
  db: Db,
  { kind, canonical }: Identifier,
): Promise<{ account: Account; password: PasswordCredential | undefined } | undefined> {
  const row = await queryOne<AccountRow & (PasswordRow | { phc: null })>(db, BY_IDENTIFIER[kind], [
    canonical,
  ])
  if (!row) return undefined
  const password = row.phc === null ? undefined : passwordFromRow(row)
  return { account: accountFromRow(row), password }
}

export async function upsertPassword(
  tx: Db,
  accountId: string,
  { phc, changedAt }: PasswordCredential,
): Promise<void> {
  await query(
    tx,
    `INSERT INTO password_credential (account_id, phc, changed_at) VALUES ($1, $2, $3)
     ON CONFLICT (account_id) DO UPDATE SET phc = excluded.phc, changed_at = excluded.changed_at`,
    [accountId, phc, changedAt],
  )
}

/** The same password under new parameters; nothing where it was changed meanwhile. */
export async function updatePasswordHash(
  tx: Db,
  accountId: string,
  { from, to }: { from: string; to: string },
): Promise<void> {
  await query(tx, 'UPDATE password_credential SET phc = $3 WHERE account_id = $1 AND phc = $2', [
    accountId,
    from,
    to,
  ])
}

/**
 * Part of a statement: `held_password` has a row where the account is active and this is its password
 * still; until the transaction ends neither can be changed. Whoever disables the account or changes
 * the password waits, and then sees what the transaction made.
 */
export function heldPasswordCte(
  { accountId, changedAt }: { accountId: string } & Pick<PasswordCredential, 'changedAt'>,
  add: AddValue,
): string {
  // A time that this process knows has no more than milliseconds.
  return `held_password AS (
    SELECT 1
      FROM account JOIN password_credential ON password_credential.account_id = account.id
     WHERE account.id = ${add(accountId, 'uuid')} AND account.status = 'active'
       AND date_trunc('milliseconds', password_credential.changed_at) = ${add(changedAt, 'timestamptz')}
       FOR SHARE)`
}

/** One of each kind of hash that another system made and whose owner has not signed in since. */
export async function listForeignHashes(db: Db, limit: number): Promise<string[]> {
  const rows = await query<{ phc: string }>(
    db,
    `SELECT DISTINCT ON (split_part(phc, '$', 2), split_part(phc, '$', 3)) phc
       FROM password_credential WHERE phc NOT LIKE '$argon2id$%'
      ORDER BY split_part(phc, '$', 2), split_part(phc, '$', 3) LIMIT $1`,
    [limit],
  )
  return rows.map(({ phc }) => phc)
}

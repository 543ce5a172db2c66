import { type Db, query, queryOne, type Transaction } from '../../platform/persistence/db.ts'

/** What an account can prove besides a password, across all kinds. */
export type SecondFactor = 'webauthn' | 'totp' | 'recovery_code' | 'sms'

/** When a code by SMS is a second factor; see `authentication/sms_factor`. */
export type SmsFactorPolicy = 'off' | 'beside_others' | 'alone'

export type FactorRow = Record<SecondFactor, boolean>

/** For a larger statement, which reads `account`: what is there of each kind. */
export const FACTOR_COLUMNS = `
  EXISTS (SELECT 1 FROM webauthn_credential WHERE account_id = account.id) AS webauthn,
  EXISTS (SELECT 1 FROM totp_credential
           WHERE account_id = account.id AND confirmed_at IS NOT NULL) AS totp,
  EXISTS (SELECT 1 FROM recovery_code
           WHERE account_id = account.id AND used_at IS NULL) AS recovery_code,
  account.phone_verified AND account.phone_factor_since IS NOT NULL AS sms`

/**
 * The kinds that the account could use now, strongest first; recovery codes alone are none, and codes
 * by SMS alone as the policy says.
 */
export async function listSecondFactors(
  { db, smsFactor }: { db: Db; smsFactor: SmsFactorPolicy },
  accountId: string,
): Promise<SecondFactor[]> {
  const text = `SELECT ${FACTOR_COLUMNS} FROM account WHERE id = $1`
  const row = await queryOne<FactorRow>(db, text, [accountId])
  return row ? usableFactors(row, smsFactor) : []
}

export function usableFactors(row: FactorRow, smsFactor: SmsFactorPolicy): SecondFactor[] {
  const sms = row.sms && smsFactor !== 'off'
  if (!row.webauthn && !row.totp && !(sms && smsFactor === 'alone')) return []
  const known = { ...row, sms }
  return (['webauthn', 'totp', 'recovery_code', 'sms'] as const).filter((kind) => known[kind])
}

/** Failures in a row after which a kind of factor is locked. */
const FAILURES_MAX = 100

/**
 * Counts one try before it is known how it ends. NIST SP 800-63B-4 §3.2.2: no more than 100 failures
 * in a row for one authenticator; and ten in an hour. The numbers can be hard, because whoever comes
 * here has proven another factor before, and they are kept with the account, so that no new attempt,
 * browser or restart forgets them.
 *
 * @returns false where no further try is allowed now
 */
export async function reserveFactorTry(
  db: Db,
  { accountId, kind, now }: { accountId: string; kind: SecondFactor; now: Date },
): Promise<boolean> {
  const rows = await query(
    db,
    `INSERT INTO factor_guard AS guard (account_id, kind, failures, window_began_at, window_failures)
     VALUES ($1, $2, 1, $3, 1)
     ON CONFLICT (account_id, kind) DO UPDATE SET
       failures = guard.failures + 1,
       window_failures = CASE WHEN guard.window_began_at <= $3 - interval '1 hour'
                              THEN 1 ELSE guard.window_failures + 1 END,
       window_began_at = CASE WHEN guard.window_began_at <= $3 - interval '1 hour'
                              THEN $3 ELSE guard.window_began_at END
     WHERE guard.failures < ${FAILURES_MAX}
       AND (guard.window_failures < 10 OR guard.window_began_at <= $3 - interval '1 hour')
     RETURNING failures`,
    [accountId, kind, now],
  )
  return rows.length > 0
}

/** The kinds that are locked, by the accounts among these that have any. */
export async function listLockedFactors(
  db: Db,
  accountIds: readonly string[],
): Promise<Map<string, SecondFactor[]>> {
  const rows = await query<{ account_id: string; kinds: SecondFactor[] }>(
    db,
    `SELECT account_id, array_agg(kind::text ORDER BY kind) AS kinds FROM factor_guard
      WHERE account_id = ANY($1::uuid[]) AND failures >= ${FAILURES_MAX} GROUP BY account_id`,
    [accountIds],
  )
  return new Map(rows.map((row) => [row.account_id, row.kinds]))
}

/** When its owner last put off setting one up; undefined where they never did, or nobody is there. */
export async function findFactorOfferPostponedAt(
  db: Db,
  accountId: string,
): Promise<Date | undefined> {
  const row = await queryOne<{ at: Date | null }>(
    db,
    'SELECT factor_offer_postponed_at AS at FROM account WHERE id = $1',
    [accountId],
  )
  return row?.at ?? undefined
}

/** It says nothing about the person, so `updated_at` stays. */
export async function postponeFactorOffer(
  tx: Transaction,
  accountId: string,
  now: Date,
): Promise<void> {
  await query(tx, 'UPDATE account SET factor_offer_postponed_at = $2 WHERE id = $1', [
    accountId,
    now,
  ])
}

/** A success with this kind, or another authenticator of it, forgets the failures of that kind alone. */
export async function resetFactorTries(
  tx: Db,
  accountId: string,
  kind: SecondFactor,
): Promise<void> {
  await query(tx, 'DELETE FROM factor_guard WHERE account_id = $1 AND kind = $2', [accountId, kind])
}

/** What was tried at the factors of the account is forgotten: they are gone, or an operator says so. */
export async function deleteFactorTries(tx: Transaction, accountId: string): Promise<void> {
  await query(tx, 'DELETE FROM factor_guard WHERE account_id = $1', [accountId])
}

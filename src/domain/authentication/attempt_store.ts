import type { AuthEvent } from '../../platform/events/event.ts'
import { appendedEventsCte } from '../../platform/events/outbox.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { addTo, type Db, query, queryOne } from '../../platform/persistence/db.ts'
import { deleteEnded } from '../../platform/persistence/delete_ended.ts'
import { heldPasswordCte, type PasswordCredential } from '../credentials/password/password_store.ts'
import {
  type SignInPlace,
  signedInCte,
  signedInParameters,
} from '../sessions/sign_in_place_store.ts'
import { assuranceOf, type Method } from './assurance.ts'
import type { Risk } from './risk/risk.ts'

/**
 * Who has proven to be whom within one interaction. The interaction's id works like a secret, so it
 * is kept as a keyed hash: whoever reads the table cannot go on with anybody's sign-in.
 */
export type Attempt = {
  accountId: string
  /** What was proven so far, in the order of its proof. */
  methods: Method[]
  /** What that amounts to; see `assuranceOf`. */
  acr: string
  amr: string[]
  /** "Keep me signed in" was ticked. */
  remember: boolean
  authenticatedAt: Date
  expiresAt: Date
  /** What was unusual about it when its first proof was right; absent where nothing was. */
  risk?: Risk | undefined
}

export type NewAttempt = Omit<Attempt, 'acr' | 'amr'>

export type AttemptRow = {
  account_id: string
  methods: Method[]
  acr: string
  amr: string[]
  remember: boolean
  authenticated_at: Date
  expires_at: Date
  risk: Risk | null
}

/** For statements that read more than it, too. */
export const ATTEMPT_COLUMNS =
  'account_id, methods, acr, amr, remember, authenticated_at, expires_at, risk'

export function attemptFromRow(row: AttemptRow): Attempt {
  return {
    accountId: row.account_id,
    methods: row.methods,
    acr: row.acr,
    amr: row.amr,
    remember: row.remember,
    authenticatedAt: row.authenticated_at,
    expiresAt: row.expires_at,
    ...(row.risk ? { risk: row.risk } : {}),
  }
}

export function interactionHash(keyring: Keyring, interactionUid: string): Buffer {
  return keyring.hash('interaction', interactionUid)
}

/**
 * Takes the place of what was proven in this interaction before, and tells of it, in one statement.
 *
 * @param checked the password that was proven: nothing is noted where it, or its account, is another by now
 * @returns false where nothing was
 */
export async function upsertAttempt(
  db: Db,
  keyring: Keyring,
  interactionUid: string,
  attempt: NewAttempt,
  events: readonly AuthEvent[],
  checked?: PasswordCredential,
): Promise<boolean> {
  const { accountId, methods, remember, authenticatedAt, expiresAt, risk } = attempt
  const { acr, amr } = assuranceOf(methods)
  const values: unknown[] = []
  const add = addTo(values)
  const held = checked && heldPasswordCte({ accountId, ...checked }, add)
  const condition = held ? 'WHERE EXISTS (SELECT 1 FROM held_password)' : ''
  const row = [
    add(interactionHash(keyring, interactionUid), 'bytea'),
    add(accountId, 'uuid'),
    add(methods, 'text[]'),
    add(acr, 'text'),
    add(amr, 'text[]'),
    add(remember, 'boolean'),
    add(authenticatedAt, 'timestamptz'),
    add(expiresAt, 'timestamptz'),
    add(risk ? JSON.stringify(risk) : null, 'jsonb'),
  ]
  const rows = await query(
    db,
    `WITH ${held ? `${held}, ` : ''} ${appendedEventsCte(events, add, condition)}
     INSERT INTO authentication_attempt (interaction_hash, ${ATTEMPT_COLUMNS})
     SELECT ${row.join(', ')} ${condition}
     ON CONFLICT (interaction_hash) DO UPDATE SET
       account_id = excluded.account_id, methods = excluded.methods, acr = excluded.acr,
       amr = excluded.amr, remember = excluded.remember,
       authenticated_at = excluded.authenticated_at, expires_at = excluded.expires_at,
       risk = excluded.risk, refused_factors = 0, completed_at = NULL
     RETURNING 1 AS one`,
    values,
  )
  return rows.length > 0
}

/** Consumes it: of several that ask at once, one receives the attempt. */
export async function deleteAttempt(
  tx: Db,
  keyring: Keyring,
  interactionUid: string,
): Promise<Attempt | undefined> {
  const row = await queryOne<AttemptRow>(
    tx,
    `DELETE FROM authentication_attempt WHERE interaction_hash = $1 RETURNING ${ATTEMPT_COLUMNS}`,
    [interactionHash(keyring, interactionUid)],
  )
  return row && attemptFromRow(row)
}

/**
 * Notes that the code from the mailbox was right.
 *
 * @returns false where the attempt is gone, somebody else's by now, or asks for no such code
 */
export async function meetRisk(
  tx: Db,
  keyring: Keyring,
  { interactionUid, accountId }: { interactionUid: string; accountId: string },
): Promise<boolean> {
  const rows = await query(
    tx,
    `UPDATE authentication_attempt SET risk = risk || '{"asks": "met"}'
      WHERE interaction_hash = $1 AND account_id = $2 AND risk->>'asks' = 'mailbox'
      RETURNING account_id`,
    [interactionHash(keyring, interactionUid), accountId],
  )
  return rows.length > 0
}

/**
 * Notes that the sign-in is done, with the account too, and where it came from where that is kept; and
 * tells of it.
 *
 * @param input `first` is told of an account that never signed in before, `again` of any other
 * @returns false for all but one of several that finish it at once, or once more
 */
export async function completeAttempt(
  db: Db,
  keyring: Keyring,
  interactionUid: string,
  input: {
    now: Date
    from?: { place: SignInPlace; expiresAt: Date } | undefined
    first: AuthEvent
    again: AuthEvent
  },
): Promise<boolean> {
  const { now, from, first, again } = input
  const values: unknown[] = [
    interactionHash(keyring, interactionUid),
    now,
    ...(from ? signedInParameters(from) : []),
  ]
  const add = addTo(values)
  const rows = await query(
    db,
    `WITH done AS (
       UPDATE authentication_attempt SET completed_at = $2
        WHERE interaction_hash = $1 AND completed_at IS NULL RETURNING account_id
     ), before AS (
       SELECT a.last_signed_in_at AS at FROM done JOIN account a ON a.id = done.account_id
     ), noted AS (
       UPDATE account a SET last_signed_in_at = $2 FROM done WHERE a.id = done.account_id
     ), ${from ? `${signedInCte(3, '$2')}, ` : ''}
     ${appendedEventsCte([first], add, 'FROM before WHERE at IS NULL', 'first_told')},
     ${appendedEventsCte([again], add, 'FROM before WHERE at IS NOT NULL', 'again_told')}
     SELECT 1 AS one FROM done`,
    values,
  )
  return rows.length > 0
}

/** Counts a wrong second factor. @returns how many there were in this attempt; 0 where it is gone */
export async function countRefusedFactor(
  db: Db,
  keyring: Keyring,
  interactionUid: string,
): Promise<number> {
  const row = await queryOne<{ refused_factors: number }>(
    db,
    `UPDATE authentication_attempt SET refused_factors = refused_factors + 1
      WHERE interaction_hash = $1 RETURNING refused_factors`,
    [interactionHash(keyring, interactionUid)],
  )
  return row?.refused_factors ?? 0
}

/** For those that take an account its access: nothing proven earlier counts any more. */
export async function deleteAttemptsOfAccount(tx: Db, accountId: string): Promise<void> {
  await query(tx, 'DELETE FROM authentication_attempt WHERE account_id = $1', [accountId])
}

/** Removes up to `limit`, passing over rows that another node is removing. @returns how many */
export async function deleteExpiredAttempts(
  db: Db,
  { now, limit }: { now: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'authentication_attempt' }, { until: now, limit })
}

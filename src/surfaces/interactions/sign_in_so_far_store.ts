import {
  ATTEMPT_COLUMNS,
  type Attempt,
  type AttemptRow,
  attemptFromRow,
  interactionHash,
} from '../../domain/authentication/attempt_store.ts'
import type { Consent } from '../../domain/clients/consent.ts'
import {
  CONSENTED_COLUMNS,
  type ConsentRow,
  consentFromRow,
} from '../../domain/clients/consent_store.ts'
import {
  FACTOR_COLUMNS,
  type FactorRow,
  type SecondFactor,
  type SmsFactorPolicy,
  usableFactors,
} from '../../domain/credentials/factor_store.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, queryOne } from '../../platform/persistence/db.ts'

/** How far a sign-in has come: what was proven in it, and what every step asks of whoever proved it. */
export type SignInSoFar = {
  attempt: Attempt
  /** What they allowed the client before. */
  consent: Consent | undefined
  /** See `listSecondFactors`. */
  factors: SecondFactor[]
}

/** One statement, because each page of the sign-in begins with it. Undefined where nothing was proven. */
export async function findSignInSoFar(
  { db, keyring, smsFactor }: { db: Db; keyring: Keyring; smsFactor: SmsFactorPolicy },
  { uid, clientId, now }: { uid: string; clientId: string; now: Date },
): Promise<SignInSoFar | undefined> {
  const row = await queryOne<AttemptRow & FactorRow & (ConsentRow | { client_id: null })>(
    db,
    `SELECT attempt.*, consent.client_id, ${CONSENTED_COLUMNS}, ${FACTOR_COLUMNS}
       FROM (SELECT ${ATTEMPT_COLUMNS} FROM authentication_attempt
              WHERE interaction_hash = $1 AND expires_at > $2) AS attempt
       JOIN account ON account.id = attempt.account_id
       LEFT JOIN consent ON consent.account_id = attempt.account_id AND consent.client_id = $3`,
    [interactionHash(keyring, uid), now, clientId],
  )
  return (
    row && {
      attempt: attemptFromRow(row),
      consent: row.client_id === null ? undefined : consentFromRow(row),
      factors: usableFactors(row, smsFactor),
    }
  )
}

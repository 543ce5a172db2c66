import { type Db, queryOne } from '../../../platform/persistence/db.ts'
import { type PlaceJson, placesJson } from '../../sessions/sign_in_place_store.ts'

/** What is known of an account when one of its sign-ins is looked at. */
export type RiskHistory = {
  /** It was signed in to before. */
  returning: boolean
  /** It has a second factor; recovery codes alone are none. */
  hasFactor: boolean
  /** Its address was proven. */
  hasMailbox: boolean
  places: PlaceJson[]
}

/** All of it in one statement: every sign-in waits for this. */
export async function findRiskHistory(
  tx: Db,
  { accountId, now }: { accountId: string; now: Date },
): Promise<RiskHistory | undefined> {
  const row = await queryOne<{
    returning: boolean
    has_factor: boolean
    has_mailbox: boolean
    places: PlaceJson[]
  }>(
    tx,
    `SELECT a.last_signed_in_at IS NOT NULL AS returning,
            a.email IS NOT NULL AND a.email_verified AS has_mailbox,
            EXISTS (SELECT 1 FROM webauthn_credential WHERE account_id = a.id)
              OR EXISTS (SELECT 1 FROM totp_credential
                          WHERE account_id = a.id AND confirmed_at IS NOT NULL) AS has_factor,
            ${placesJson('$2')}
       FROM account a WHERE a.id = $1`,
    [accountId, now],
  )
  return (
    row && {
      returning: row.returning,
      hasFactor: row.has_factor,
      hasMailbox: row.has_mailbox,
      places: row.places,
    }
  )
}

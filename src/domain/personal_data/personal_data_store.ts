import { type Db, queryOne } from '../../platform/persistence/db.ts'

/** How much there is of each part of the file, where it can be more than one. */
export type PersonalDataCounts = {
  passkeys: number
  authenticators: number
  identities: number
  recovery_codes: number
  trusted_browsers: number
  sessions: number
  consents: number
  events: number
  messages: number
  notices: number
  notification_browsers: number
}

export async function countPersonalData(
  db: Db,
  { accountId, now }: { accountId: string; now: Date },
): Promise<PersonalDataCounts> {
  const row = await queryOne<PersonalDataCounts>(
    db,
    `SELECT
       (SELECT count(*)::int FROM webauthn_credential WHERE account_id = $1) AS passkeys,
       (SELECT count(*)::int FROM totp_credential
         WHERE account_id = $1 AND confirmed_at IS NOT NULL) AS authenticators,
       (SELECT count(*)::int FROM identity WHERE account_id = $1) AS identities,
       (SELECT count(*)::int FROM recovery_code
         WHERE account_id = $1 AND used_at IS NULL) AS recovery_codes,
       (SELECT count(*)::int FROM trusted_device
         WHERE account_id = $1 AND expires_at > $2) AS trusted_browsers,
       (SELECT count(*)::int FROM session
         WHERE account_id = $1 AND expires_at > $2) AS sessions,
       (SELECT count(*)::int FROM consent WHERE account_id = $1) AS consents,
       (SELECT count(*)::int FROM audit_entry WHERE subject = $1::uuid::text) AS events,
       (SELECT count(*)::int FROM message WHERE account_id = $1) AS messages,
       (SELECT count(*)::int FROM notice WHERE account_id = $1) AS notices,
       (SELECT count(*)::int FROM push_subscription JOIN session ON session.id = session_id
         WHERE push_subscription.account_id = $1 AND session.expires_at > $2) AS notification_browsers`,
    [accountId, now],
  )
  return row!
}

import { isId } from '../../core/ids.ts'
import type { AuthEvent } from '../../platform/events/event.ts'
import { withEvent } from '../../platform/events/outbox.ts'
import { type Db, query, queryOne } from '../../platform/persistence/db.ts'
import { isClientId } from './client.ts'
import type { Consent, Requested } from './consent.ts'

export type ConsentRow = {
  account_id: string
  client_id: string
  openid_scopes: string[]
  openid_claims: string[]
  resource_scopes: Record<string, string[]>
  granted_at: Date
  updated_at: Date
}

/** All but whose and for whom it is. */
export const CONSENTED_COLUMNS = `
  consent.openid_scopes, consent.openid_claims,
  consent.resource_scopes, consent.granted_at, consent.updated_at`
const CONSENT_COLUMNS = `consent.account_id, consent.client_id, ${CONSENTED_COLUMNS}`

export function consentFromRow(row: ConsentRow): Consent {
  return {
    accountId: row.account_id,
    clientId: row.client_id,
    openidScopes: row.openid_scopes,
    openidClaims: row.openid_claims,
    resourceScopes: row.resource_scopes,
    grantedAt: row.granted_at,
    updatedAt: row.updated_at,
  }
}

export async function findConsent(
  db: Db,
  accountId: string,
  clientId: string,
): Promise<Consent | undefined> {
  if (!isId(accountId) || !isClientId(clientId)) return undefined
  const row = await queryOne<ConsentRow>(
    db,
    `SELECT ${CONSENT_COLUMNS} FROM consent WHERE account_id = $1 AND client_id = $2`,
    [accountId, clientId],
  )
  return row && consentFromRow(row)
}

export async function listConsentsOfAccount(db: Db, accountId: string): Promise<Consent[]> {
  if (!isId(accountId)) return []
  const rows = await query<ConsentRow>(
    db,
    `SELECT ${CONSENT_COLUMNS} FROM consent WHERE account_id = $1 ORDER BY granted_at, client_id`,
    [accountId],
  )
  return rows.map(consentFromRow)
}

/**
 * Adds to what was granted before, and tells it: one statement, so that pages answered at once lose
 * nothing.
 */
export async function upsertConsent(
  db: Db,
  { accountId, clientId, granted }: { accountId: string; clientId: string; granted: Requested },
  now: Date,
  event: AuthEvent,
): Promise<Consent> {
  const values: unknown[] = [
    accountId,
    clientId,
    granted.openidScopes,
    granted.openidClaims,
    JSON.stringify(granted.resourceScopes),
    now,
  ]
  const text = withEvent(
    `INSERT INTO consent (account_id, client_id, openid_scopes, openid_claims, resource_scopes,
                          granted_at, updated_at)
     VALUES ($1, $2, $3::text[], $4::text[], $5::jsonb, $6, $6)
     ON CONFLICT (account_id, client_id) DO UPDATE SET
       openid_scopes = ARRAY(
         SELECT DISTINCT name FROM unnest(consent.openid_scopes || excluded.openid_scopes) AS name
          ORDER BY name),
       openid_claims = ARRAY(
         SELECT DISTINCT name FROM unnest(consent.openid_claims || excluded.openid_claims) AS name
          ORDER BY name),
       resource_scopes = (
         SELECT coalesce(jsonb_object_agg(resource, scopes), '{}')
           FROM (SELECT resource, jsonb_agg(DISTINCT scope) AS scopes
                   FROM (SELECT key AS resource, value AS list
                           FROM jsonb_each(consent.resource_scopes)
                          UNION ALL
                         SELECT key, value FROM jsonb_each(excluded.resource_scopes)) AS entry,
                        jsonb_array_elements_text(list) AS scope
                  GROUP BY resource) AS merged),
       updated_at = excluded.updated_at
     RETURNING ${CONSENT_COLUMNS}`,
    values,
    event,
  )
  return consentFromRow((await queryOne<ConsentRow>(db, text, values))!)
}

/** False where there was none. */
export async function deleteConsent(tx: Db, accountId: string, clientId: string): Promise<boolean> {
  if (!isId(accountId) || !isClientId(clientId)) return false
  const rows = await query(
    tx,
    'DELETE FROM consent WHERE account_id = $1 AND client_id = $2 RETURNING client_id',
    [accountId, clientId],
  )
  return rows.length > 0
}

import { type Db, query, queryOne } from '../../platform/persistence/db.ts'
import type { AuthorizationDetailsType, OwnedDetailsType } from './authorization_details.ts'
import {
  type AccessTokenFormat,
  isResourceIdentifier,
  type ResourceScope,
  type ResourceServer,
  type SigningAlgorithm,
} from './resource_server.ts'

type ResourceServerRow = {
  identifier: string
  name: string
  scopes: ResourceScope[]
  access_token_format: AccessTokenFormat
  access_token_ttl_s: number | null
  signing_algorithm: SigningAlgorithm
  authorization_details_types: AuthorizationDetailsType[]
  created_at: Date
  updated_at: Date
}

const RESOURCE_SERVER_COLUMNS = `
  identifier, name, scopes, access_token_format, access_token_ttl_s, signing_algorithm,
  authorization_details_types, created_at, updated_at`

function resourceServerFromRow(row: ResourceServerRow): ResourceServer {
  return {
    identifier: row.identifier,
    name: row.name,
    scopes: row.scopes,
    accessTokenFormat: row.access_token_format,
    accessTokenTtlS: row.access_token_ttl_s,
    signingAlgorithm: row.signing_algorithm,
    authorizationDetailsTypes: row.authorization_details_types,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

export async function findResourceServer(
  db: Db,
  identifier: string,
): Promise<ResourceServer | undefined> {
  if (!isResourceIdentifier(identifier)) return undefined
  const row = await queryOne<ResourceServerRow>(
    db,
    `SELECT ${RESOURCE_SERVER_COLUMNS} FROM resource_server WHERE identifier = $1`,
    [identifier],
  )
  return row && resourceServerFromRow(row)
}

/** By identifier; `after` is the last one of the page before. */
export async function listResourceServers(
  db: Db,
  { after = '', limit }: { after?: string | undefined; limit: number },
): Promise<ResourceServer[]> {
  const rows = await query<ResourceServerRow>(
    db,
    `SELECT ${RESOURCE_SERVER_COLUMNS} FROM resource_server
      WHERE identifier > $1 ORDER BY identifier LIMIT $2`,
    [after, limit],
  )
  return rows.map(resourceServerFromRow)
}

export async function insertResourceServer(tx: Db, server: ResourceServer): Promise<void> {
  await query(
    tx,
    `INSERT INTO resource_server (identifier, name, scopes, access_token_format,
                                  access_token_ttl_s, signing_algorithm,
                                  authorization_details_types, updated_at, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [...columnsOf(server), server.createdAt],
  )
}

export async function updateResourceServerRow(tx: Db, server: ResourceServer): Promise<void> {
  await query(
    tx,
    `UPDATE resource_server
        SET name = $2, scopes = $3, access_token_format = $4, access_token_ttl_s = $5,
            signing_algorithm = $6, authorization_details_types = $7, updated_at = $8
      WHERE identifier = $1`,
    columnsOf(server),
  )
}

function columnsOf(server: ResourceServer): unknown[] {
  return [
    server.identifier,
    server.name,
    JSON.stringify(server.scopes),
    server.accessTokenFormat,
    server.accessTokenTtlS,
    server.signingAlgorithm,
    JSON.stringify(server.authorizationDetailsTypes),
    server.updatedAt,
  ]
}

/** Until the end of the transaction nobody else writes a resource server. */
export async function lockResourceServers(tx: Db): Promise<void> {
  await query(tx, 'LOCK TABLE resource_server IN SHARE ROW EXCLUSIVE MODE')
}

/** The types of authorization details of every API; of `types` only where they are given. */
export async function listAuthorizationDetailsTypes(
  db: Db,
  types?: readonly string[],
): Promise<OwnedDetailsType[]> {
  const rows = await query<{ identifier: string; details: AuthorizationDetailsType }>(
    db,
    `SELECT identifier, details
       FROM resource_server, jsonb_array_elements(authorization_details_types) AS details
      WHERE $1::text[] IS NULL OR details->>'type' = ANY ($1)
      ORDER BY details->>'type'`,
    [types ?? null],
  )
  return rows.map(({ identifier, details }) => ({ ...details, resource: identifier }))
}

/** False where there was none. */
export async function deleteResourceServerRow(tx: Db, identifier: string): Promise<boolean> {
  const rows = await query(
    tx,
    'DELETE FROM resource_server WHERE identifier = $1 RETURNING identifier',
    [identifier],
  )
  return rows.length > 0
}

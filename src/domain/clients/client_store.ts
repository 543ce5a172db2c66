import { DomainError } from '../../core/errors.ts'
import { type Db, query, queryOne } from '../../platform/persistence/db.ts'
import { type Client, type ClientOrigin, type ClientStatus, isClientId } from './client.ts'
import type { ClientMetadata } from './client_metadata.ts'
import type { ClientPreset } from './client_presets.ts'

type ClientRow = {
  client_id: string
  name: string
  status: ClientStatus
  first_party: boolean
  preset: ClientPreset | null
  origin: ClientOrigin
  metadata: ClientMetadata
  created_at: Date
  updated_at: Date
  secrets: { id: string; hash: string; created_at: string; expires_at: string | null }[]
}

const CLIENT_COLUMNS = `
  client.client_id, client.name, client.status, client.first_party, client.preset,
  client.origin,
  client.metadata,
  client.created_at, client.updated_at,
  coalesce((
    SELECT json_agg(json_build_object('id', s.id, 'hash', encode(s.hash, 'hex'),
                                      'created_at', s.created_at, 'expires_at', s.expires_at)
                    ORDER BY s.expires_at DESC NULLS FIRST, s.created_at DESC)
      FROM client_secret s
     WHERE s.client_id = client.client_id AND (s.expires_at IS NULL OR s.expires_at > now())
  ), '[]') AS secrets`

function clientFromRow(row: ClientRow): Client {
  return {
    clientId: row.client_id,
    name: row.name,
    status: row.status,
    firstParty: row.first_party,
    preset: row.preset,
    origin: row.origin,
    metadata: row.metadata,
    secrets: row.secrets.map((secret) => ({
      id: secret.id,
      hash: Buffer.from(secret.hash, 'hex'),
      createdAt: new Date(secret.created_at),
      expiresAt: secret.expires_at === null ? null : new Date(secret.expires_at),
    })),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** With its live secrets, in one statement. */
export async function findClient(db: Db, clientId: string): Promise<Client | undefined> {
  if (!isClientId(clientId)) return undefined
  const row = await queryOne<ClientRow>(
    db,
    `SELECT ${CLIENT_COLUMNS} FROM client WHERE client_id = $1`,
    [clientId],
  )
  return row && clientFromRow(row)
}

export async function getClient(db: Db, clientId: string): Promise<Client> {
  return orNotFound(await findClient(db, clientId))
}

/** Holds the row until the transaction ends, so that changes of one client follow one another. */
export async function getClientForUpdate(tx: Db, clientId: string): Promise<Client> {
  if (!isClientId(clientId)) return orNotFound(undefined)
  // The lock comes first: the secrets have to be read after the one who held it has committed.
  await lockClient(tx, clientId)
  return await getClient(tx, clientId)
}

async function lockClient(tx: Db, clientId: string): Promise<void> {
  await query(tx, 'SELECT client_id FROM client WHERE client_id = $1 FOR UPDATE', [clientId])
}

function orNotFound(client: Client | undefined): Client {
  if (!client) throw new DomainError('not_found', 'There is no such client.')
  return client
}

/** By client_id; `after` is the last one of the page before. */
export async function listClients(
  db: Db,
  { after = '', limit }: { after?: string | undefined; limit: number },
): Promise<Client[]> {
  const rows = await query<ClientRow>(
    db,
    `SELECT ${CLIENT_COLUMNS} FROM client WHERE client_id > $1 ORDER BY client_id LIMIT $2`,
    [after, limit],
  )
  return rows.map(clientFromRow)
}

export async function insertClient(tx: Db, client: Omit<Client, 'secrets'>): Promise<void> {
  await query(
    tx,
    `INSERT INTO client (client_id, name, status, first_party, preset, origin, metadata, created_at,
                         updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      client.clientId,
      client.name,
      client.status,
      client.firstParty,
      client.preset,
      client.origin,
      JSON.stringify(client.metadata),
      client.createdAt,
      client.updatedAt,
    ],
  )
}

export async function updateClientRow(
  tx: Db,
  client: Pick<Client, 'clientId' | 'name' | 'firstParty' | 'preset' | 'metadata' | 'updatedAt'>,
): Promise<void> {
  await query(
    tx,
    `UPDATE client SET name = $2, first_party = $3, preset = $4, metadata = $5, updated_at = $6
      WHERE client_id = $1`,
    [
      client.clientId,
      client.name,
      client.firstParty,
      client.preset,
      JSON.stringify(client.metadata),
      client.updatedAt,
    ],
  )
}

/** False where there is no such client or it has this status already. */
export async function updateClientStatus(
  tx: Db,
  clientId: string,
  status: ClientStatus,
  now: Date,
): Promise<boolean> {
  const rows = await query(
    tx,
    `UPDATE client SET status = $2, updated_at = $3 WHERE client_id = $1 AND status <> $2
     RETURNING client_id`,
    [clientId, status, now],
  )
  return rows.length > 0
}

/** Its secrets and consents go with it. */
export async function deleteClientRow(tx: Db, clientId: string): Promise<void> {
  await query(tx, 'DELETE FROM client WHERE client_id = $1', [clientId])
}

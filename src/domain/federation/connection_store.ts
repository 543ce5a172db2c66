import { DomainError } from '../../core/errors.ts'
import { type Db, query, queryOne, type Transaction } from '../../platform/persistence/db.ts'
import type { Connection, ConnectionStatus, Definition } from './connection.ts'

type ConnectionRow = {
  id: string
  name: string
  kind: string
  status: ConnectionStatus
  definition: Definition
  created_at: Date
  updated_at: Date
}

const COLUMNS = 'id, name, kind, status, definition, created_at, updated_at'

function connectionFromRow(row: ConnectionRow): Connection {
  const { id, name, kind, status, definition } = row
  return {
    id,
    name,
    kind,
    status,
    definition,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** All of them: there are as many as a deployment has partners, and every sign-in page needs them. */
export async function listConnections(db: Db): Promise<Connection[]> {
  const rows = await query<ConnectionRow>(db, `SELECT ${COLUMNS} FROM connection ORDER BY name`)
  return rows.map(connectionFromRow)
}

/** @throws DomainError `not_found` */
export async function getConnectionForUpdate(tx: Transaction, name: string): Promise<Connection> {
  const sql = `SELECT ${COLUMNS} FROM connection WHERE name = $1 FOR UPDATE`
  const row = await queryOne<ConnectionRow>(tx, sql, [name])
  if (!row) throw connectionNotFound()
  return connectionFromRow(row)
}

export function connectionNotFound(): DomainError {
  return new DomainError('not_found', 'There is no such connection.', {
    hint: 'See all of them with: authcore connection list',
  })
}

/** @throws DomainError `conflict` where there is one of this name */
export async function insertConnection(
  tx: Transaction,
  connection: Connection,
  secretsSealed: Buffer | undefined,
): Promise<void> {
  const { id, name, kind, status, definition, createdAt, updatedAt } = connection
  await query(
    tx,
    `INSERT INTO connection
            (id, name, kind, status, definition, secrets_sealed, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      id,
      name,
      kind,
      status,
      JSON.stringify(definition),
      secretsSealed ?? null,
      createdAt,
      updatedAt,
    ],
  )
}

/** Replaces what a file says of it. */
export async function updateConnectionRow(
  tx: Transaction,
  { id, status, definition, updatedAt }: Connection,
  secretsSealed: Buffer | undefined,
): Promise<void> {
  await query(
    tx,
    `UPDATE connection SET status = $2, definition = $3, secrets_sealed = $4, updated_at = $5
      WHERE id = $1`,
    [id, status, JSON.stringify(definition), secretsSealed ?? null, updatedAt],
  )
}

export async function updateConnectionStatus(
  tx: Transaction,
  { id, status, now }: { id: string; status: ConnectionStatus; now: Date },
): Promise<void> {
  await query(tx, 'UPDATE connection SET status = $2, updated_at = $3 WHERE id = $1', [
    id,
    status,
    now,
  ])
}

export async function deleteConnectionRow(tx: Transaction, id: string): Promise<void> {
  await query(tx, 'DELETE FROM connection WHERE id = $1', [id])
}

/** As they were sealed; undefined where the connection has none. */
export async function findSealedSecrets(db: Db, id: string): Promise<Buffer | undefined> {
  const row = await queryOne<{ secrets_sealed: Buffer | null }>(
    db,
    'SELECT secrets_sealed FROM connection WHERE id = $1',
    [id],
  )
  return row?.secrets_sealed ?? undefined
}

import { isId } from '../../../core/ids.ts'
import { type Db, query, queryOne } from '../../../platform/persistence/db.ts'
import { deleteEnded } from '../../../platform/persistence/delete_ended.ts'
import type { ClientPreset } from '../client_presets.ts'
import type { RegistrationToken } from './registration_token.ts'

type TokenRow = {
  id: string
  presets: ClientPreset[] | null
  uses_left: number
  created_at: Date
  expires_at: Date
}

const TOKEN_COLUMNS = 'id, presets, uses_left, created_at, expires_at'

function tokenFromRow(row: TokenRow): RegistrationToken {
  return {
    id: row.id,
    presets: row.presets,
    usesLeft: row.uses_left,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
}

export async function insertRegistrationToken(
  tx: Db,
  token: RegistrationToken & { hash: Buffer },
): Promise<void> {
  await query(
    tx,
    `INSERT INTO registration_token (id, hash, presets, uses_left, created_at, expires_at)
     VALUES ($1, $2, $3::text[], $4, $5, $6)`,
    [token.id, token.hash, token.presets, token.usesLeft, token.createdAt, token.expiresAt],
  )
}

/** One that can still be used. */
export async function findRegistrationToken(
  db: Db,
  hash: Buffer,
  now: Date,
): Promise<RegistrationToken | undefined> {
  const row = await queryOne<TokenRow>(
    db,
    `SELECT ${TOKEN_COLUMNS} FROM registration_token
      WHERE hash = $1 AND uses_left > 0 AND expires_at > $2`,
    [hash, now],
  )
  return row && tokenFromRow(row)
}

/** Takes one use; false where none is left, however many ask at once. */
export async function consumeRegistrationToken(tx: Db, id: string, now: Date): Promise<boolean> {
  const row = await queryOne(
    tx,
    `UPDATE registration_token SET uses_left = uses_left - 1
      WHERE id = $1 AND uses_left > 0 AND expires_at > $2 RETURNING id`,
    [id, now],
  )
  return row !== undefined
}

/** By age, the oldest first. */
export async function listRegistrationTokens(db: Db): Promise<RegistrationToken[]> {
  const rows = await query<TokenRow>(
    db,
    `SELECT ${TOKEN_COLUMNS} FROM registration_token ORDER BY created_at, id LIMIT 1000`,
  )
  return rows.map(tokenFromRow)
}

/** False where there was none. */
export async function deleteRegistrationToken(tx: Db, id: string): Promise<boolean> {
  if (!isId(id)) return false
  const rows = await query(tx, 'DELETE FROM registration_token WHERE id = $1 RETURNING id', [id])
  return rows.length > 0
}

/** One batch of those whose time is over; returns how many went. */
export async function deleteExpiredRegistrationTokens(
  db: Db,
  { now, limit }: { now: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'registration_token' }, { until: now, limit })
}

import type { JWK } from 'jose'
import { type Db, query } from '../persistence/db.ts'
import type { Keyring } from './keyring.ts'
import type {
  SigningAlgorithm,
  SigningKey,
  SigningKeyInfo,
  SigningKeyState,
} from './signing_key.ts'

/** Signing keys in the database: the public half in the clear, the private half sealed to its row. */

type InfoRow = {
  kid: string
  algorithm: SigningAlgorithm
  state: SigningKeyState
  created_at: Date
  state_since: Date
}
type KeyRow = InfoRow & { public_jwk: JWK; private_jwk_sealed: Buffer }

const place = (kid: string) => `signing_key:private_jwk:${kid}`

/** Every key, retired ones too, newest first. No private half leaves the database. */
export async function listSigningKeyInfos(db: Db): Promise<SigningKeyInfo[]> {
  const rows = await query<InfoRow>(
    db,
    `SELECT kid, algorithm, state, created_at, state_since
       FROM signing_key ORDER BY created_at DESC, kid`,
  )
  return rows.map(present)
}

/** The published keys with their private halves: for each algorithm current, then next, then previous. */
export async function listPublishedSigningKeys(db: Db, keyring: Keyring): Promise<SigningKey[]> {
  const rows = await query<KeyRow>(
    db,
    `SELECT kid, algorithm, state, created_at, state_since, public_jwk, private_jwk_sealed
       FROM signing_key
      WHERE state <> 'retired'
      ORDER BY array_position(ARRAY['current', 'next', 'previous'], state), created_at DESC`,
  )
  return rows.map((row) => ({
    ...present(row),
    publicJwk: row.public_jwk,
    privateJwk: JSON.parse(
      keyring.open(row.private_jwk_sealed, place(row.kid)).toString('utf8'),
    ) as JWK,
  }))
}

export async function insertSigningKey(db: Db, keyring: Keyring, key: SigningKey): Promise<void> {
  await query(
    db,
    `INSERT INTO signing_key
            (kid, algorithm, state, public_jwk, private_jwk_sealed, created_at, state_since)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    [
      key.kid,
      key.algorithm,
      key.state,
      JSON.stringify(key.publicJwk),
      keyring.seal(JSON.stringify(key.privateJwk), place(key.kid)),
      key.createdAt,
      key.stateSince,
    ],
  )
}

/** Moves a key into a state; a retired key loses its private half for good. */
export async function updateSigningKeyState(
  db: Db,
  kid: string,
  state: SigningKeyState,
  since: Date,
): Promise<void> {
  await query(
    db,
    `UPDATE signing_key
        SET state = $2, state_since = $3,
            private_jwk_sealed = CASE WHEN $2 = 'retired' THEN NULL ELSE private_jwk_sealed END
      WHERE kid = $1`,
    [kid, state, since],
  )
}

function present(row: InfoRow): SigningKeyInfo {
  return {
    kid: row.kid,
    algorithm: row.algorithm,
    state: row.state,
    createdAt: row.created_at,
    stateSince: row.state_since,
  }
}

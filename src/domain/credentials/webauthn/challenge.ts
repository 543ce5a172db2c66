import { randomBytes, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../../../core/clock.ts'
import type { Keyring } from '../../../platform/keys/keyring.ts'
import { type Db, query } from '../../../platform/persistence/db.ts'
import { deleteEnded } from '../../../platform/persistence/delete_ended.ts'
import { CHALLENGE_TTL_S } from './webauthn.ts'

/**
 * Challenges that nobody keeps while they wait: each carries its end and a keyed hash over what it is
 * for. So a page with one costs no row, and only those that were answered are remembered.
 */
export type ChallengeUse = {
  purpose: 'sign_in' | 'second_factor' | 'enrol'
  /** Whose page it is for: the interaction or session, and the account where one is known. */
  context: readonly string[]
}

/** One that stood the test; to be consumed in the transaction of what it allows. */
export type Challenge = { nonce: Buffer; expiresAt: Date }

type Deps = { clock: Clock; keyring: Keyring }

const NONCE_BYTES = 16
const EXPIRY_BYTES = 4
const MAC_BYTES = 32

/** base64url of `nonce | seconds of its end | HMAC-SHA-256`. */
export function issueChallenge({ clock, keyring }: Deps, use: ChallengeUse): string {
  const expiry = Buffer.alloc(EXPIRY_BYTES)
  expiry.writeUInt32BE(Math.floor(clock.now().getTime() / 1000) + CHALLENGE_TTL_S)
  const body = Buffer.concat([randomBytes(NONCE_BYTES), expiry])
  return Buffer.concat([body, macOf(keyring, use, body)]).toString('base64url')
}

/** Undefined where it is not one of ours, for something else, or over. */
export function readChallenge(
  { clock, keyring }: Deps,
  use: ChallengeUse,
  text: string,
): Challenge | undefined {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length !== NONCE_BYTES + EXPIRY_BYTES + MAC_BYTES) return undefined
  const body = bytes.subarray(0, NONCE_BYTES + EXPIRY_BYTES)
  if (!timingSafeEqual(macOf(keyring, use, body), bytes.subarray(body.length))) return undefined
  const expiresAt = new Date(body.readUInt32BE(NONCE_BYTES) * 1000)
  if (expiresAt <= clock.now()) return undefined
  return { nonce: body.subarray(0, NONCE_BYTES), expiresAt }
}

function macOf(keyring: Keyring, { purpose, context }: ChallengeUse, body: Buffer): Buffer {
  const said = JSON.stringify([purpose, ...context, body.toString('base64url')])
  return keyring.hash('webauthn_challenge', said)
}

/** False where it was answered before: of several at once, one is told true. */
export async function consumeChallenge(tx: Db, { nonce, expiresAt }: Challenge): Promise<boolean> {
  const rows = await query(
    tx,
    `INSERT INTO webauthn_challenge (nonce, expires_at) VALUES ($1, $2)
     ON CONFLICT (nonce) DO NOTHING RETURNING nonce`,
    [nonce, expiresAt],
  )
  return rows.length > 0
}

/** Removes up to `limit`, passing over rows that another node is removing. @returns how many */
export async function deleteExpiredChallenges(
  db: Db,
  { now, limit }: { now: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'webauthn_challenge' }, { until: now, limit })
}

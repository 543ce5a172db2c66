import type { Keyring } from '../../platform/keys/keyring.ts'
import { type Db, queryOne } from '../../platform/persistence/db.ts'
import { deleteEnded } from '../../platform/persistence/delete_ended.ts'

/**
 * Messages that a source signs and that nothing of ours asked for: an assertion, a request to log out.
 * Whoever has seen one could bring it again, so it is remembered until its own time is over.
 */
export type SignedMessage = {
  connectionId: string
  /** Ids are the source's own, of each kind for itself. */
  kind: 'assertion' | 'logout'
  /** Of an assertion or a LogoutRequest, or `jti`. */
  id: string
  /** When the checks refuse it by themselves. */
  expiresAt: Date
}

type Deps = { db: Db; keyring: Keyring }

/** @returns false where it was taken before: of several that bring it at once, one is believed */
export async function takeMessage({ db, keyring }: Deps, message: SignedMessage): Promise<boolean> {
  const row = await queryOne(
    db,
    `INSERT INTO seen_message (message_hash, expires_at) VALUES ($1, $2)
     ON CONFLICT (message_hash) DO NOTHING RETURNING 1`,
    [hashOf(keyring, message), message.expiresAt],
  )
  return row !== undefined
}

export async function wasTaken({ db, keyring }: Deps, message: SignedMessage): Promise<boolean> {
  const sql = 'SELECT 1 FROM seen_message WHERE message_hash = $1'
  return (await queryOne(db, sql, [hashOf(keyring, message)])) !== undefined
}

/** Removes up to `limit`, passing over rows that another node is removing. @returns how many */
export async function deleteExpiredMessages(
  db: Db,
  { now, limit }: { now: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'seen_message' }, { until: now, limit })
}

function hashOf(keyring: Keyring, { connectionId, kind, id }: SignedMessage): Buffer {
  return keyring.hash('seen_message', `${connectionId}:${kind}:${id}`)
}

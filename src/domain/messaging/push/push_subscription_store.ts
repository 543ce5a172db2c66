import { isId } from '../../../core/ids.ts'
import type { Keyring } from '../../../platform/keys/keyring.ts'
import { type Db, query, queryOne, type Transaction } from '../../../platform/persistence/db.ts'
import type { PushSubscription } from './push_subscription.ts'

/** The address is a key of its own, and so sealed; its keyed hash finds it again. */
const place = (id: string) => `push_subscription:subscription:${id}`

function hashOf(keyring: Pick<Keyring, 'hash'>, endpoint: string): Buffer {
  return keyring.hash('push_endpoint', endpoint)
}

/** False where the account has no such session. */
export async function upsertPushSubscription(
  tx: Transaction,
  keyring: Pick<Keyring, 'hash' | 'seal'>,
  row: {
    id: string
    accountId: string
    uidHash: Buffer
    subscription: PushSubscription
    createdAt: Date
  },
): Promise<boolean> {
  const { id, accountId, uidHash, subscription, createdAt } = row
  const stored = await queryOne(
    tx,
    `INSERT INTO push_subscription
            (id, session_id, account_id, endpoint_hash, subscription_sealed, created_at)
     SELECT $1, session.id, $2, $4, $5, $6 FROM session
      WHERE session.uid_hash = $3 AND session.account_id = $2
     ON CONFLICT (session_id) DO UPDATE
        SET id = excluded.id, account_id = excluded.account_id,
            endpoint_hash = excluded.endpoint_hash,
            subscription_sealed = excluded.subscription_sealed, created_at = excluded.created_at
     RETURNING id`,
    [
      id,
      accountId,
      uidHash,
      hashOf(keyring, subscription.endpoint),
      keyring.seal(JSON.stringify(subscription), place(id)),
      createdAt,
    ],
  )
  return stored !== undefined
}

/** A session that has ended, or is another account's by now, gets nothing. */
const STANDS = `JOIN session ON session.id = push_subscription.session_id
   AND session.account_id = push_subscription.account_id`

/** What notices are pushed to. */
export async function listPushSubscriptionIds(
  db: Db,
  { accountId, now }: { accountId: string; now: Date },
): Promise<string[]> {
  const rows = await query<{ id: string }>(
    db,
    `SELECT push_subscription.id FROM push_subscription ${STANDS}
      WHERE push_subscription.account_id = $1 AND session.expires_at > $2
      ORDER BY push_subscription.created_at`,
    [accountId, now],
  )
  return rows.map(({ id }) => id)
}

/** A browser that notices are pushed to, as its owner knows it. */
export type PushDevice = {
  id: string
  uidHash: Buffer
  userAgent: string | undefined
  createdAt: Date
}

/** The newest first. */
export async function listPushDevices(
  db: Db,
  { accountId, now }: { accountId: string; now: Date },
): Promise<PushDevice[]> {
  const rows = await query<{
    id: string
    uid_hash: Buffer
    user_agent: string | null
    created_at: Date
  }>(
    db,
    `SELECT push_subscription.id, session.uid_hash, session.user_agent,
            push_subscription.created_at
       FROM push_subscription ${STANDS}
      WHERE push_subscription.account_id = $1 AND session.expires_at > $2
      ORDER BY push_subscription.created_at DESC, push_subscription.id`,
    [accountId, now],
  )
  return rows.map((row) => ({
    id: row.id,
    uidHash: row.uid_hash,
    userAgent: row.user_agent ?? undefined,
    createdAt: row.created_at,
  }))
}

export async function findPushSubscription(
  db: Db,
  keyring: Pick<Keyring, 'open'>,
  { id, now }: { id: string; now: Date },
): Promise<PushSubscription | undefined> {
  if (!isId(id)) return undefined
  const row = await queryOne<{ subscription_sealed: Buffer }>(
    db,
    `SELECT push_subscription.subscription_sealed FROM push_subscription ${STANDS}
      WHERE push_subscription.id = $1 AND session.expires_at > $2`,
    [id, now],
  )
  return row && JSON.parse(keyring.open(row.subscription_sealed, place(id)).toString('utf8'))
}

/** False where the account has no such one. */
export async function deletePushSubscription(
  tx: Transaction,
  { accountId, id }: { accountId: string; id: string },
): Promise<boolean> {
  if (!isId(id)) return false
  const row = await queryOne(
    tx,
    'DELETE FROM push_subscription WHERE id = $1 AND account_id = $2 RETURNING id',
    [id, accountId],
  )
  return row !== undefined
}

/** Several accounts may be signed in to one browser. @returns whose they were */
export async function deleteSubscriptionsAt(
  tx: Transaction,
  keyring: Pick<Keyring, 'hash'>,
  endpoint: string,
): Promise<string[]> {
  const rows = await query<{ account_id: string }>(
    tx,
    'DELETE FROM push_subscription WHERE endpoint_hash = $1 RETURNING account_id',
    [hashOf(keyring, endpoint)],
  )
  return rows.map((row) => row.account_id)
}

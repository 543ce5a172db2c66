import type { Clock } from '../../core/clock.ts'
import {
  accountDeletionCancelled,
  accountDeletionScheduled,
  type Origin,
} from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { type Db, inTransaction, query, queryOne } from '../../platform/persistence/db.ts'
import type { EndAccess } from './account.ts'
import { accountNotFound, lockAccount } from './account_store.ts'
import { deleteAccount } from './delete_account.ts'

/**
 * People delete their account themselves, and have some days to think better of it: until then it is
 * an account like any other, and whoever signs in may keep it.
 */
type Deps = { db: Db; clock: Clock }

/**
 * Sets the day, unless one is set already, and ends every session and token.
 *
 * @returns when the account will be gone
 * @throws DomainError `not_found`
 */
export async function scheduleDeletion(
  { db, clock }: Deps,
  { accountId, graceDays, origin }: { accountId: string; graceDays: number; origin: Origin },
  endAccess: EndAccess,
): Promise<Date> {
  return await inTransaction(db, async (tx) => {
    if (!(await lockAccount(tx, accountId))) throw accountNotFound()
    const before = await findDeletion(tx, accountId)
    const at = before ?? new Date(clock.now().getTime() + graceDays * 86_400_000)
    if (!before) {
      await query(tx, 'UPDATE account SET deletion_at = $2 WHERE id = $1', [accountId, at])
      const fact = { accountId, at: at.toISOString(), by: 'owner', ...origin }
      await appendEvent(tx, accountDeletionScheduled(fact))
    }
    await endAccess(tx, accountId)
    return at
  })
}

/** False where none was planned, or it is done already. */
export async function cancelDeletion(
  { db }: { db: Db },
  { accountId, origin }: { accountId: string; origin: Origin },
): Promise<boolean> {
  return await inTransaction(db, async (tx) => {
    const rows = await query(
      tx,
      `UPDATE account SET deletion_at = NULL
        WHERE id = $1 AND deletion_at IS NOT NULL RETURNING id`,
      [accountId],
    )
    if (rows.length === 0) return false
    await appendEvent(tx, accountDeletionCancelled({ accountId, by: 'owner', ...origin }))
    return true
  })
}

/** When the account will be gone; undefined for all that are to stay. */
export async function findDeletion(db: Db, accountId: string): Promise<Date | undefined> {
  const row = await queryOne<{ deletion_at: Date | null }>(
    db,
    'SELECT deletion_at FROM account WHERE id = $1',
    [accountId],
  )
  return row?.deletion_at ?? undefined
}

/** Those of these accounts that will be gone, with the day. */
export async function listDeletions(
  db: Db,
  accountIds: readonly string[],
): Promise<Map<string, Date>> {
  const rows = await query<{ id: string; deletion_at: Date }>(
    db,
    'SELECT id, deletion_at FROM account WHERE id = ANY($1::uuid[]) AND deletion_at IS NOT NULL',
    [accountIds],
  )
  return new Map(rows.map((row) => [row.id, row.deletion_at]))
}

/**
 * Deletes the accounts whose day has come, up to `limit`; one that was kept at the last moment stays.
 *
 * @returns how many
 */
export async function deleteDueAccounts(
  { db, clock }: Deps,
  { limit, endAccess }: { limit: number; endAccess: EndAccess },
): Promise<number> {
  const now = clock.now()
  const due = await query<{ id: string }>(
    db,
    'SELECT id FROM account WHERE deletion_at <= $1 ORDER BY deletion_at LIMIT $2',
    [now, limit],
  )
  let deleted = 0
  for (const { id } of due) {
    const isDue = async (tx: Db) => {
      const at = await findDeletion(tx, id)
      return at !== undefined && at <= now
    }
    if (await deleteAccount({ db }, id, { by: 'owner', endAccess, onlyIf: isDue })) deleted += 1
  }
  return deleted
}

import { isId } from '../../../core/ids.ts'
import type { Keyring } from '../../../platform/keys/keyring.ts'
import { type Db, query, queryOne, type Transaction } from '../../../platform/persistence/db.ts'
import { deleteEnded } from '../../../platform/persistence/delete_ended.ts'
import type { MessageKind } from '../kinds.ts'
import type { Notice } from './notice.ts'

type NoticeRow = {
  id: string
  kind: string
  fields_sealed: Buffer
  created_at: Date
  read_at: Date | null
}

type Opens = Pick<Keyring, 'open'>

/** What a notice says is sealed to its row: devices, places and names of applications are in it. */
const place = (id: string) => `notice:fields:${id}`

/** Nothing where a notice with its idempotency key is there already. */
export async function insertNotice(
  tx: Transaction,
  keyring: Pick<Keyring, 'seal'>,
  notice: {
    id: string
    accountId: string
    kind: MessageKind
    fields: Record<string, unknown>
    idempotencyKey: string
    createdAt: Date
  },
): Promise<void> {
  await query(
    tx,
    `INSERT INTO notice (id, account_id, kind, fields_sealed, idempotency_key, created_at)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (idempotency_key) DO NOTHING`,
    [
      notice.id,
      notice.accountId,
      notice.kind,
      keyring.seal(JSON.stringify(notice.fields), place(notice.id)),
      notice.idempotencyKey,
      notice.createdAt,
    ],
  )
}

/**
 * The newest first.
 *
 * @param since what is older has ended, whether it was deleted yet or not
 * @param before the id of a notice, after which to go on
 */
export async function listNotices(
  db: Db,
  keyring: Opens,
  input: { accountId: string; since: Date; before?: string | undefined; limit: number },
): Promise<Notice[]> {
  const { accountId, since, before, limit } = input
  const rows = await query<NoticeRow>(
    db,
    `SELECT id, kind, fields_sealed, created_at, read_at FROM notice
      WHERE account_id = $1 AND created_at > $2 AND ($3::uuid IS NULL OR id < $3)
      ORDER BY id DESC LIMIT $4`,
    [accountId, since, before !== undefined && isId(before) ? before : null, limit],
  )
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind,
    fields: JSON.parse(keyring.open(row.fields_sealed, place(row.id)).toString('utf8')),
    createdAt: row.created_at,
    readAt: row.read_at ?? undefined,
  }))
}

export async function countUnreadNotices(
  db: Db,
  { accountId, since }: { accountId: string; since: Date },
): Promise<number> {
  const row = await queryOne<{ unread: number }>(
    db,
    `SELECT count(*)::integer AS unread FROM notice
      WHERE account_id = $1 AND created_at > $2 AND read_at IS NULL`,
    [accountId, since],
  )
  return row!.unread
}

/** @param upTo the newest that somebody has seen: what came later stays unread */
export async function markNoticesRead(
  db: Db,
  { accountId, upTo, now }: { accountId: string; upTo: string; now: Date },
): Promise<void> {
  if (!isId(upTo)) return
  await query(
    db,
    `UPDATE notice SET read_at = $3 WHERE account_id = $1 AND id <= $2 AND read_at IS NULL`,
    [accountId, upTo, now],
  )
}

/** Removes up to `limit`, passing over rows that another node is removing. @returns how many */
export async function deleteOldNotices(
  db: Db,
  { before, limit }: { before: Date; limit: number },
): Promise<number> {
  return await deleteEnded(db, { table: 'notice', ends: 'created_at' }, { until: before, limit })
}

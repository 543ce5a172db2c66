import { type Db, query, queryOne, type Transaction } from '../../platform/persistence/db.ts'

/** One run through a directory: how far it came, and who works on it until when. */
export type SyncRun = {
  /** A UUID. */
  id: string
  connectionId: string
  startedAt: Date
  /** Undefined while it runs, or where it was cut off. */
  endedAt?: Date | undefined
  /** Until then nobody else takes it up. */
  heldUntil: Date
  counts: SyncCounts
  outcome?: 'synced' | 'failed' | undefined
  /** Why it failed, in one word. */
  reason?: string | undefined
  detail?: string | undefined
}

export type SyncCounts = {
  /** Entries that the directory told of. */
  seen: number
  created: number
  changed: number
  /** Those who lost their access here by it. */
  disabled: number
  /** Those who have it again. */
  enabled: number
  /** Of whom nothing became: how many, by the reason. */
  leftAlone: Record<string, number>
}

type RunRow = {
  id: string
  connection_id: string
  started_at: Date
  ended_at: Date | null
  held_until: Date
  counts: SyncCounts
  outcome: 'synced' | 'failed' | null
  reason: string | null
  detail: string | null
}

const COLUMNS =
  'id, connection_id, started_at, ended_at, held_until, counts, outcome, reason, detail'

function runFromRow(row: RunRow): SyncRun {
  return {
    id: row.id,
    connectionId: row.connection_id,
    startedAt: row.started_at,
    endedAt: row.ended_at ?? undefined,
    heldUntil: row.held_until,
    counts: row.counts,
    outcome: row.outcome ?? undefined,
    reason: row.reason ?? undefined,
    detail: row.detail ?? undefined,
  }
}

export async function findLastRun(db: Db, connectionId: string): Promise<SyncRun | undefined> {
  const row = await queryOne<RunRow>(
    db,
    `SELECT ${COLUMNS} FROM directory_sync WHERE connection_id = $1
      ORDER BY started_at DESC, id DESC LIMIT 1`,
    [connectionId],
  )
  return row && runFromRow(row)
}

/** Who holds a run: a node that works on it. */
export type Hold = { runId: string; holder: string }

/** @throws DomainError `conflict` where one of this connection has not ended */
export async function insertRun(tx: Transaction, run: SyncRun, holder: string): Promise<void> {
  await query(
    tx,
    `INSERT INTO directory_sync (id, connection_id, started_at, holder, held_until, counts)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    [run.id, run.connectionId, run.startedAt, holder, run.heldUntil, JSON.stringify(run.counts)],
  )
}

/** Takes up a run that nobody holds any more. @returns false where somebody does, or it has ended */
export async function takeUpRun(
  tx: Transaction,
  { runId, holder, now, until }: Hold & { now: Date; until: Date },
): Promise<boolean> {
  const rows = await query(
    tx,
    `UPDATE directory_sync SET holder = $2, held_until = $4
      WHERE id = $1 AND ended_at IS NULL AND held_until <= $3 RETURNING id`,
    [runId, holder, now, until],
  )
  return rows.length > 0
}

/** @returns false where somebody else has taken it up, or it has ended */
export async function holdRun(
  db: Db,
  { runId, holder, until }: Hold & { until: Date },
): Promise<boolean> {
  const rows = await query(
    db,
    `UPDATE directory_sync SET held_until = $3
      WHERE id = $1 AND holder = $2 AND ended_at IS NULL RETURNING id`,
    [runId, holder, until],
  )
  return rows.length > 0
}

/** @returns false where somebody else has taken it up, or it has ended */
export async function advanceRun(
  tx: Transaction,
  { runId, holder, counts }: Hold & { counts: SyncCounts },
): Promise<boolean> {
  const rows = await query(
    tx,
    `UPDATE directory_sync SET counts = $3
      WHERE id = $1 AND holder = $2 AND ended_at IS NULL RETURNING id`,
    [runId, holder, JSON.stringify(counts)],
  )
  return rows.length > 0
}

/** @returns false where somebody else has taken it up, or it has ended */
export async function endRun(
  tx: Transaction,
  ending: Hold & Pick<SyncRun, 'counts' | 'reason' | 'detail'> & { now: Date },
): Promise<boolean> {
  const { runId, holder, now, counts, reason, detail } = ending
  const rows = await query(
    tx,
    `UPDATE directory_sync
        SET ended_at = $3, counts = $4, outcome = $5, reason = $6, detail = $7
      WHERE id = $1 AND holder = $2 AND ended_at IS NULL RETURNING id`,
    [
      runId,
      holder,
      now,
      JSON.stringify(counts),
      reason === undefined ? 'synced' : 'failed',
      reason ?? null,
      detail ?? null,
    ],
  )
  return rows.length > 0
}

/** Those that ended before then, but for the last one that did as it should. */
export async function deleteRunsBefore(
  tx: Transaction,
  { connectionId, before }: { connectionId: string; before: Date },
): Promise<void> {
  await query(
    tx,
    `DELETE FROM directory_sync WHERE connection_id = $1 AND ended_at < $2
        AND id IS DISTINCT FROM (
          SELECT id FROM directory_sync WHERE connection_id = $1 AND outcome = 'synced'
           ORDER BY started_at DESC LIMIT 1)`,
    [connectionId, before],
  )
}

/**
 * For how many seconds the connection that has waited longest was not gone through to the end; 0 where
 * none is to be.
 */
export async function longestUnsyncedS(db: Db, { now }: { now: Date }): Promise<number> {
  const row = await queryOne<{ since: Date | null }>(
    db,
    `SELECT min(coalesce(last.started_at, connection.updated_at)) AS since
       FROM connection
       LEFT JOIN LATERAL (
         SELECT started_at FROM directory_sync
          WHERE connection_id = connection.id AND outcome = 'synced'
          ORDER BY started_at DESC LIMIT 1) AS last ON true
      WHERE status = 'active' AND definition ? 'sync'`,
  )
  return row?.since ? Math.max(0, (now.getTime() - row.since.getTime()) / 1000) : 0
}

import { DomainError } from '../../core/errors.ts'
import { connectionSynced, connectionSyncFailed } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { inTransaction } from '../../platform/persistence/db.ts'
import { uniqueViolation } from '../../platform/persistence/sql_errors.ts'
import type { Connection } from '../federation/connection.ts'
import type { Connections } from '../federation/connections.ts'
import type { DirectoryConnector, DirectoryEntry } from '../federation/connector.ts'
import { maxAbsent, type SyncSettings, syncSchema } from '../federation/sync_settings.ts'
import { failureOf } from './failure.ts'
import { beginRun, type HeldRun } from './hold.ts'
import { type PlanDeps, planPage } from './plan_page.ts'
import { endLost, readmitReturned, type SettleDeps } from './settle.ts'
import { storePage } from './store_page.ts'
import { countLost, type Reckoning } from './sync_person_store.ts'
import type { SyncCounts } from './sync_run_store.ts'
import { assertNotTooMany } from './too_many_absent.ts'

/**
 * Directories that are gone through as a whole, from time to time, so that who leaves there leaves here
 * without having to come once more. `hold.ts` has one node work on a connection at a time;
 * `plan_page.ts` says what a page means, `store_page.ts` makes it true in one transaction together with
 * how far the run is, and `settle.ts` ends and gives back access once the listing came to its end. A
 * listing that breaks off ends nobody's access; one in which too many are missing neither.
 */
export type SyncDeps = PlanDeps & SettleDeps & { connections: Pick<Connections, 'open' | 'kindOf'> }

export type SyncOptions = {
  signal?: AbortSignal | undefined
  /** In place of the share that the file says, from `0%` to `100%`. */
  maxAbsent?: string | undefined
  onProgress?: (counts: SyncCounts) => void
}

export type SyncResult = {
  runId: string
  /** `interrupted`: somebody goes on with it. */
  outcome: 'synced' | 'failed' | 'interrupted'
  reason?: string | undefined
  detail?: string | undefined
  counts: SyncCounts
}

/**
 * Goes through the directory of a connection, or goes on with a run that was cut off.
 *
 * @throws RunIsElsewhere where one is running, and whatever is no fault of the directory
 */
export async function syncDirectory(
  deps: SyncDeps,
  connection: Connection,
  options: SyncOptions = {},
): Promise<SyncResult> {
  const held = await beginRun(deps, connection)
  const progress = { counts: held.run.counts }
  const note = (counts: SyncCounts) => {
    progress.counts = counts
    options.onProgress?.(counts)
  }
  try {
    await goThrough(deps, connection, held, { ...options, progress, note })
    return await synced(deps, connection, held, progress.counts)
  } catch (error) {
    if (options.signal?.aborted) {
      await held.letGo()
      return { runId: held.run.id, outcome: 'interrupted', counts: progress.counts }
    }
    if (error instanceof DomainError && error.code === 'unavailable') {
      // The database is away: the run is gone on with, by whoever comes first.
      await held.letGo().catch(() => {})
      throw error
    }
    return await failed(deps, connection, held, { error, counts: progress.counts })
  } finally {
    held.stop()
  }
}

type Going = SyncOptions & { progress: { counts: SyncCounts }; note(counts: SyncCounts): void }

/** Those that hold without a word, where the file says nothing: it may be looked at what a run would do. */
export function settingsOf({ definition }: Connection): SyncSettings {
  return definition.sync ?? syncSchema.parse({})
}

async function goThrough(
  deps: SyncDeps,
  connection: Connection,
  held: HeldRun,
  going: Going,
): Promise<void> {
  const { run } = held
  const settings = settingsOf(connection)
  const signal = going.signal ?? new AbortController().signal
  const { list } = await directoryOf(deps, connection)
  for await (const entries of list({ pageSize: settings.page_size, signal })) {
    going.note(await takePage(deps, connection, held, { entries, counts: going.progress.counts }))
  }
  signal.throwIfAborted()
  const reckoning: Reckoning = {
    connectionId: connection.id,
    runId: run.id,
    startedAt: run.startedAt,
    absentEnds: settings.absent === 'disable',
  }
  const advanceBy =
    (name: 'enabled' | 'disabled') => async (tx: Parameters<HeldRun['advance']>[0]) => {
      signal.throwIfAborted()
      const { counts } = going.progress
      const next = { ...counts, [name]: counts[name] + 1 }
      await held.advance(tx, next)
      going.note(next)
    }
  await readmitReturned(deps, connection, reckoning, advanceBy('enabled'))
  const share = maxAbsent({ max_absent: going.maxAbsent ?? settings.max_absent })
  assertNotTooMany(
    { ...(await countLost(deps.db, reckoning)), seen: going.progress.counts.seen },
    share,
  )
  await endLost(deps, connection, reckoning, advanceBy('disabled'))
}

/** @throws DomainError `unsupported` where nobody can be listed */
export async function directoryOf(
  { connections }: Pick<SyncDeps, 'connections'>,
  connection: Connection,
): Promise<DirectoryConnector> {
  const { directory } = await connections.open(connection)
  if (directory) return directory
  throw new DomainError('unsupported', `${connection.name} does not tell who there is.`, {
    hint: 'Only a directory does, with an account of ours that may list people.',
  })
}

const TRIES = 3

/** In one transaction, and again where somebody of the page has signed in meanwhile. */
async function takePage(
  deps: SyncDeps,
  connection: Connection,
  held: HeldRun,
  page: { entries: readonly DirectoryEntry[]; counts: SyncCounts },
): Promise<SyncCounts> {
  const runId = held.run.id
  for (let attempt = 1; ; attempt++) {
    const now = deps.clock.now()
    const plan = await planPage(deps, deps.db, { connection, runId, now, entries: page.entries })
    try {
      return await inTransaction(deps.db, async (tx) => {
        const counts = await storePage(tx, { connection, runId, now }, plan, page.counts)
        await held.advance(tx, counts)
        return counts
      })
    } catch (error) {
      if (uniqueViolation(error) === undefined || attempt === TRIES) throw error
    }
  }
}

async function synced(
  { db }: SyncDeps,
  { name: connection }: Connection,
  held: HeldRun,
  counts: SyncCounts,
): Promise<SyncResult> {
  const runId = held.run.id
  await inTransaction(db, async (tx) => {
    await held.end(tx, { counts })
    await appendEvent(tx, connectionSynced({ connection, runId, ...counts }))
  })
  return { runId, outcome: 'synced', counts }
}

/** @throws the error again, where it is no fault of the directory or its file */
async function failed(
  { db }: SyncDeps,
  { name: connection }: Connection,
  held: HeldRun,
  { error, counts }: { error: unknown; counts: SyncCounts },
): Promise<SyncResult> {
  const runId = held.run.id
  const why = failureOf(error)
  const { reason, detail } = why ?? { reason: 'internal', detail: undefined }
  try {
    await inTransaction(db, async (tx) => {
      await held.end(tx, { counts, reason, ...(detail === undefined ? {} : { detail }) })
      await appendEvent(tx, connectionSyncFailed({ connection, runId, reason, detail, ...counts }))
    })
  } catch (later) {
    // A database that is away, or another node that goes on: the first error says more.
    throw why ? later : error
  }
  if (!why) throw error
  return { runId, outcome: 'failed', reason, detail, counts }
}

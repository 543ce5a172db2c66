import type { Connection } from '../federation/connection.ts'
import { maxAbsent } from '../federation/sync_settings.ts'
import { failureOf } from './failure.ts'
import { planPage } from './plan_page.ts'
import { addCounts } from './store_page.ts'
import {
  directoryOf,
  type SyncDeps,
  type SyncOptions,
  type SyncResult,
  settingsOf,
} from './sync_directory.ts'
import { listStandings } from './sync_person_store.ts'
import type { SyncCounts } from './sync_run_store.ts'
import { assertNotTooMany } from './too_many_absent.ts'

/**
 * What a run would do, by reading alone. Who was seen is remembered here and not in the database: 16
 * bytes or so for each person who is known.
 */

const NO_RUN = '00000000-0000-0000-0000-000000000000'
const AT_ONCE = 1_000

/** @throws what is no fault of the directory */
export async function previewSync(
  deps: Omit<SyncDeps, 'endAccess'>,
  connection: Connection,
  options: SyncOptions = {},
): Promise<Omit<SyncResult, 'runId'>> {
  let counts: SyncCounts = { ...NOTHING, leftAlone: {} }
  const note = (next: SyncCounts) => {
    counts = next
    options.onProgress?.(next)
  }
  try {
    await lookThrough(deps, connection, { ...options, counts, note })
    return { outcome: 'synced', counts }
  } catch (error) {
    const failure = failureOf(error)
    if (!failure) throw error
    return { outcome: 'failed', ...failure, counts }
  }
}

async function lookThrough(
  deps: Omit<SyncDeps, 'endAccess'>,
  connection: Connection,
  options: SyncOptions & { counts: SyncCounts; note(counts: SyncCounts): void },
): Promise<void> {
  const settings = settingsOf(connection)
  const signal = options.signal ?? new AbortController().signal
  const startedAt = deps.clock.now()
  const { list } = await directoryOf(deps, connection)
  /** By the id of the identity: whether something was found against them. */
  const seen = new Map<string, boolean>()
  let { counts } = options
  for await (const entries of list({ pageSize: settings.page_size, signal })) {
    const page = { connection, runId: NO_RUN, now: startedAt, entries }
    const plan = await planPage(deps, deps.db, page)
    for (const { id, fault } of plan.sightings) seen.set(id, fault !== undefined)
    counts = addCounts(counts, {
      seen: plan.seen,
      created: plan.newcomers.length,
      changed: plan.changes.size,
      left: plan.leftAlone,
    })
    options.note(counts)
  }
  const absentEnds = settings.absent === 'disable'
  const { known, ...settled } = await reckon(deps, connection, { seen, startedAt, absentEnds })
  options.note({ ...counts, ...settled })
  const share = maxAbsent({ max_absent: options.maxAbsent ?? settings.max_absent })
  assertNotTooMany({ lost: settled.disabled, known, seen: counts.seen }, share)
}

const NOTHING = { seen: 0, created: 0, changed: 0, disabled: 0, enabled: 0 }

/** The same as `IS_LOST` of the store says, for a run that has marked nobody. */
async function reckon(
  { db }: Pick<SyncDeps, 'db'>,
  { id: connectionId }: Connection,
  run: { seen: ReadonlyMap<string, boolean>; startedAt: Date; absentEnds: boolean },
): Promise<{ known: number; disabled: number; enabled: number }> {
  const sums = { known: 0, disabled: 0, enabled: 0 }
  for (let after = NO_RUN; ; ) {
    const asked = { connectionId, startedAt: run.startedAt }
    const standings = await listStandings(db, asked, { after, limit: AT_ONCE })
    for (const { id, barred, recent } of standings) {
      const fault = run.seen.get(id)
      if (!barred) sums.known += 1
      if (barred && fault === false) sums.enabled += 1
      const isLost = fault ?? (run.absentEnds && !recent)
      if (!barred && isLost) sums.disabled += 1
    }
    if (standings.length < AT_ONCE) return sums
    after = standings.at(-1)!.id
  }
}

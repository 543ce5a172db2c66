import type { Connection } from '../federation/connection.ts'
import type { Connections } from '../federation/connections.ts'
import { everyMs } from '../federation/sync_settings.ts'
import { RunIsElsewhere } from './hold.ts'
import { type SyncDeps, type SyncResult, syncDirectory } from './sync_directory.ts'
import { findLastRun } from './sync_run_store.ts'

/** The runs that the files of the connections ask for. */
export type DueDeps = Omit<SyncDeps, 'connections'> & {
  connections: Pick<Connections, 'list' | 'open' | 'kindOf'>
  log: { warn(fields: object, message: string): void; info(fields: object, message: string): void }
}

type DueOptions = {
  signal: AbortSignal
  /** `internal` where it is no fault of the directory. */
  onEnd(outcome: string): void
}

/** One after the other: each takes as much of a database as it can get. */
export async function syncDueDirectories(
  deps: DueDeps,
  { signal, onEnd }: DueOptions,
): Promise<void> {
  for (const connection of await deps.connections.list()) {
    if (signal.aborted) return
    if (!(await isDue(deps, connection))) continue
    try {
      const result = await syncDirectory(deps, connection, { signal })
      tell(deps, connection, result)
      if (result.outcome !== 'interrupted') onEnd(result.reason ?? result.outcome)
    } catch (error) {
      if (error instanceof RunIsElsewhere) continue
      deps.log.warn({ err: error, connection: connection.name }, 'a directory was not gone through')
      onEnd('internal')
    }
  }
}

/** Also where a run was cut off and nobody holds it. */
async function isDue({ db, clock }: DueDeps, { id, definition }: Connection): Promise<boolean> {
  if (!definition.sync) return false
  const last = await findLastRun(db, id)
  if (!last) return true
  const now = clock.now().getTime()
  if (!last.endedAt) return last.heldUntil.getTime() <= now
  return last.startedAt.getTime() + everyMs(definition.sync) <= now
}

function tell({ log }: DueDeps, { name }: Connection, result: SyncResult): void {
  const { outcome, reason, detail, counts } = result
  const fields = { connection: name, outcome, reason, detail, ...counts }
  if (outcome === 'failed') log.warn(fields, 'a directory was not gone through to its end')
  else log.info(fields, 'a directory was gone through')
}

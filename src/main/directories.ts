import { type DueDeps, syncDueDirectories } from '../domain/directory_sync/sync_due.ts'
import { startHousekeeping } from '../platform/jobs/housekeeping.ts'
import type { Parts } from './compose.ts'
import { endAccessOf } from './end_access.ts'

/** Directories that are gone through from time to time, by whichever worker comes first. */

/** On a timer of its own: what takes minutes keeps no other task waiting. */
export function startDirectories(
  parts: Parts,
  options: { intervalMs?: number } = {},
): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const { metrics, log } = parts
  const deps = syncDepsOf(parts)
  const run = async () => {
    const onEnd = (outcome: string) => metrics.directorySynced(outcome)
    await syncDueDirectories(deps, { signal: stopping.signal, onEnd })
    return 0
  }
  const timer = startHousekeeping({
    log,
    tasks: [{ name: 'directory_sync', run, steady: true }],
    ...options,
  })
  return {
    /** Lets go of a run that is under way: another worker goes on with it. */
    async stop() {
      stopping.abort()
      await timer.stop()
    },
  }
}

export function syncDepsOf(parts: Parts): DueDeps {
  const { phoneCountry } = parts.config.signIn
  return { ...parts, phoneCountry, endAccess: endAccessOf(parts) }
}

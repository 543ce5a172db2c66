import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Late enough after the start not to be in the way of the first requests. */
const LOOK_MS = 5_000
/** Shares of the time that the process was busy between two looks. */
const BUSY = 0.1
const QUIET = 0.05

/**
 * Gives back what a busy time used and a quiet one does not need (after the start: parsed sources,
 * compiled templates; after a rush: the grown young generation, the old one's gaps). V8 does so by
 * itself where it happens to, and often not before the next rush. A server is mostly at rest: one
 * full collection returns about a fifth of its memory. It takes some tens of milliseconds, once for
 * each busy time, when hardly anybody is waiting.
 */
export function releaseMemoryWhenQuiet(): void {
  const look = oncePerBusyTime(releaseMemory)
  let before = performance.eventLoopUtilization()
  setInterval(() => {
    const now = performance.eventLoopUtilization()
    look(performance.eventLoopUtilization(now, before).utilization)
    before = now
  }, LOOK_MS).unref()
}

/** @returns what is told how busy the process was since it was told last, 0 to 1; it just started */
export function oncePerBusyTime(work: () => void): (utilization: number) => void {
  let wasBusy = true
  return (utilization) => {
    if (utilization > BUSY) wasBusy = true
    if (!wasBusy || utilization > QUIET) return
    wasBusy = false
    work()
  }
}

export function releaseMemory(): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { flavor: 'last-resort' }) => void
  setFlagsFromString('--no-expose-gc')
  collect({ flavor: 'last-resort' })
}

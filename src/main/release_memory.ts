import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Late enough not to be in the way of the first requests. */
const AFTER_MS = 5_000

/**
 * Gives back what starting used and serving does not need (parsed sources, compiled templates, the
 * grown young generation). V8 would keep it for ever in a server that is mostly at rest; one full
 * collection returns about a fifth of the memory. It happens once and takes a few tens of
 * milliseconds.
 */
export function releaseMemoryAfterStart(): void {
  setTimeout(() => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as (options: { flavor: 'last-resort' }) => void
    setFlagsFromString('--no-expose-gc')
    collect({ flavor: 'last-resort' })
  }, AFTER_MS).unref()
}

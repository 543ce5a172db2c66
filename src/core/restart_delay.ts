/**
 * How long to wait before something that has ended is started again: twice as long each time, and from
 * the beginning where it had lived for a while.
 */

const FIRST_MS = 50
const LONGEST_MS = 10_000
/** What lived this long has not fallen to what felled the one before. */
const STEADY_MS = 60_000

export class RestartDelay {
  #nextMs = FIRST_MS

  /** The time that `next` returns. */
  get nextMs(): number {
    return this.#nextMs
  }

  /** @param ms for how long it ran that has ended now */
  livedFor(ms: number): void {
    if (ms > STEADY_MS) this.#nextMs = FIRST_MS
  }

  /** Milliseconds to wait this time. */
  next(): number {
    const delayMs = this.#nextMs
    this.#nextMs = Math.min(delayMs * 2, LONGEST_MS)
    return delayMs
  }
}

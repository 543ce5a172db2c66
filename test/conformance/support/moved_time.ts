const realNow = Date.now
let movedMs = 0

/** The clock of the server: the engine asks `Date.now()`, and we are given the same time. */
export const movedClock = { now: () => new Date(Date.now()) }

/**
 * Lets time pass in a moment, for this process and everything the server decides in it. It never runs
 * backwards, so that no module meets something from a later time.
 */
export function letPass(seconds: number): void {
  movedMs += seconds * 1000
  Date.now = () => realNow() + movedMs
}

export function backToNow(): void {
  movedMs = 0
  Date.now = realNow
}

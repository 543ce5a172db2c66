/** Time comes in by the door: whoever needs it takes a `Clock`, so that tests can move it. */
export type Clock = { now(): Date }

export const systemClock: Clock = { now: () => new Date() }

/** Whole seconds since the Unix epoch: the NumericDate of RFC 7519 §2. */
export function epochSeconds(clock: Clock): number {
  return Math.floor(clock.now().getTime() / 1000)
}

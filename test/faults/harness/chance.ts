/** Chance that can be had again: the same seed, the same choices. Not for secrets. */
export type Chance = {
  /** From 0 up to 1. */
  next(): number
  /** True this often. */
  often(share: number): boolean
  between(from: number, to: number): number
  /** Its own stream, whoever else draws meanwhile. */
  fork(): Chance
}

/** Mulberry32. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    often: (share) => next() < share,
    between: (from, to) => from + next() * (to - from),
    fork: () => chanceOf(Math.floor(next() * 2 ** 32)),
  }
}

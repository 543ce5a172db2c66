/** Chance that is the same for the same seed (mulberry32): what failed once can be had again. */
export type Random = {
  /** From 0 up to, but not including, `below`. */
  int(below: number): number
  chance(share: number): boolean
  pick<T>(from: readonly T[]): T
  /** Letters and digits. */
  word(length: number): string
  /** Chance of its own for one part of the work, whatever the other parts draw. */
  fork(name: string | number): Random
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'

export function seeded(seed: string): Random {
  let state = hash(seed)
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const random: Random = {
    int: (below) => Math.floor(next() * below),
    chance: (share) => next() < share,
    pick(from) {
      if (from.length === 0) throw new Error('there is nothing to pick from')
      return from[random.int(from.length)]!
    },
    word: (length) => Array.from({ length }, () => LETTERS[random.int(LETTERS.length)]).join(''),
    fork: (name) => seeded(`${seed}/${name}`),
  }
  return random
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193)
  return value
}

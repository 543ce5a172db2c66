import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Hashes of other systems and of other parameters cost what they cost, and a refusal that takes as
 * long as bcrypt tells that the account is there. So each kind that is met is timed, and every refusal,
 * whoever it is for, is held back until the slowest kind would have answered. It costs time, not work.
 */
export type EvenTime = {
  observe(phc: string, tookMs: number): void
  /** How many milliseconds a refusal has to wait that took so long to compute. */
  leftAfter(tookMs: number): number
}

/** The share of the newest measurement in the average: a busy moment passes, a slow hash stays. */
const WEIGHT = 0.2
/** Above the average, so that what takes a little longer than usual is within it. */
const MARGIN = 1.25
const MAX_MS = 2_000
const KINDS_MAX = 64

export function createEvenTime(): EvenTime {
  const averages = new Map<string, number>()
  return {
    observe(phc, tookMs) {
      const kind = kindOf(phc)
      const known = averages.get(kind)
      if (known === undefined && averages.size >= KINDS_MAX) return
      averages.set(kind, known === undefined ? tookMs : known + WEIGHT * (tookMs - known))
    },
    leftAfter(tookMs) {
      const slowest = Math.max(0, ...averages.values()) * MARGIN
      return Math.max(0, Math.min(slowest, MAX_MS) - tookMs)
    },
  }
}

export async function pause(ms: number): Promise<void> {
  if (ms >= 1) await sleep(ms)
}

/** Scheme and cost: all but salt and hash, which are the last two fields. */
function kindOf(phc: string): string {
  return phc.startsWith('$2b$') ? phc.slice(0, 6) : phc.split('$').slice(0, -2).join('$')
}

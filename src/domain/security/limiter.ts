/** What an attempt is told. */
export type Verdict = { allowed: true; remaining: number } | Refusal

export type Refusal = {
  allowed: false
  retryAfterS: number
  /** All attempts there are have been used: waiting for the next one does not help. */
  exhausted?: true
}

/** One limit at work. Its keys are already hashed. */
export type Limiter = {
  consume(key: string, points: number): Promise<Verdict>
  refund(key: string, points: number): Promise<void>
  /** Seconds for which this process knows the key to be blocked, or 0. Asks nobody. */
  peekBlocked(keyOf: () => string): number
  reset(key: string): Promise<void>
}

/** @param ms until it may be tried again */
export function refused(ms: number): Refusal {
  return { allowed: false, retryAfterS: Math.max(1, Math.ceil(ms / 1000)) }
}

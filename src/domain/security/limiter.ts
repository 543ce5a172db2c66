/** What an attempt is told. */
export type Verdict =
  | { allowed: true; remaining: number }
  | {
      allowed: false
      retryAfterS: number
      /** All attempts there are have been used: waiting for the next one does not help. */
      exhausted?: true
    }

/** One limit at work. Its keys are already hashed. */
export type Limiter = {
  consume(key: string, points: number): Promise<Verdict>
  refund(key: string, points: number): Promise<void>
  peekBlocked(key: string): number
  reset(key: string): Promise<void>
}

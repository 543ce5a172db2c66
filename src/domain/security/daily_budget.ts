import type { Clock } from '../../core/clock.ts'
import type { Db } from '../../platform/persistence/db.ts'
import { createCounter } from './counter.ts'

/**
 * How much of something that costs money a deployment uses on one day, from midnight to midnight UTC.
 * It is counted in PostgreSQL, also where there is Redis: a Redis that is flushed buys no second one.
 */
export type DailyBudget = {
  /** Takes one, in one atomic step. @returns false where today's are used up */
  take(): Promise<boolean>
}

/** A row outlives its day, however the clocks of the nodes differ. */
const WINDOW_S = 2 * 86_400

export function createDailyBudget(
  { db, clock }: { db: Db; clock: Clock },
  { name, perDay }: { name: string; perDay: number },
): DailyBudget {
  const counter = createCounter({ db, redis: undefined }, { name, windowS: WINDOW_S })
  return {
    async take() {
      const today = clock.now().toISOString().slice(0, 10)
      const { points } = await counter.add(today, 1)
      if (points <= perDay) return true
      // What is refused is not used: an operator who raises the limit at noon has the rest of it.
      await counter.add(today, -1)
      return false
    },
  }
}

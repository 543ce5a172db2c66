import { z } from 'zod'
import { parseDurationS } from '../../core/duration.ts'

/** How a directory is gone through from time to time, as the file of its connection says it. */

const MIN_S = 900
const MAX_S = 604_800

const every = z.string().refine(
  (text) => {
    const seconds = parseDurationS(text)
    return seconds !== undefined && seconds >= MIN_S && seconds <= MAX_S
  },
  { error: 'must be a duration from 15m to 7d, such as 1h' },
)

/** Kept as it is written: `20%`. */
const share = z.string().regex(/^(?:\d{1,2}|100)%$/, {
  error: 'must be a share of those who are known, from 0% to 100%, such as 20%',
})

export const syncSchema = z.strictObject({
  /** From the beginning of one run to the next. */
  every: every.default('1h'),
  /** Whether those who are nobody here get an account, as they would at their first sign-in. */
  create: z.boolean().default(false),
  /** What becomes of those who are no longer there. Those who are disabled there lose their access anyway. */
  absent: z.enum(['disable', 'keep']).default('disable'),
  /** More than this share at once is taken for a mistake, and nobody loses anything. */
  max_absent: share.default('20%'),
  /** How many entries are asked for, and held, at a time. */
  page_size: z.int().min(1).max(1000).default(500),
})
export type SyncSettings = z.output<typeof syncSchema>

export function everyMs({ every }: SyncSettings): number {
  return parseDurationS(every)! * 1000
}

/** From 0 to 1. */
export function maxAbsent({ max_absent: text }: Pick<SyncSettings, 'max_absent'>): number {
  return Number.parseInt(text, 10) / 100
}

/** @returns undefined where the text is no share */
export function readShare(text: string): string | undefined {
  return share.safeParse(text).data
}

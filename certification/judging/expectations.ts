import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { DomainError } from '../../src/core/errors.ts'
import { PROFILES } from '../tables/profiles.ts'

/**
 * What is known not to pass, each with its reason. An entry speaks of one condition of a module
 * (FAILURE, WARNING), or without `condition` of the module as a whole.
 */

const PLANS = new Set<string>(Object.values(PROFILES).map(({ plan }) => plan))

const expectation = z.strictObject({
  plan: z.string().refine((plan) => PLANS.has(plan), { error: 'is no plan of any profile' }),
  /** Holds for variants that say the same where this says something. */
  variant: z.record(z.string(), z.string()).default({}),
  module: z.string().min(1),
  condition: z.string().min(1).optional(),
  result: z.enum([
    'FAILURE',
    'WARNING',
    'SKIPPED',
    'FAILED',
    'INTERRUPTED',
    'TIMED_OUT',
    'UNKNOWN',
  ]),
  reason: z.string().min(10, { error: 'must say why, in a sentence' }),
})

export type Expectation = z.output<typeof expectation>

/** @throws DomainError `invalid_input` naming the first entry that is not one */
export function readExpectations(file: string): Expectation[] {
  const result = z.array(expectation).safeParse(JSON.parse(readFileSync(file, 'utf8')))
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new DomainError('invalid_input', `${file}: ${issue?.path.join('.')} ${issue?.message}.`)
}

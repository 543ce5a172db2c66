import type { JudgedModule, JudgedPlan, Observation } from '../judging/judge.ts'

/** The words that all reports share. */

export type SuiteName = { url: string; version: string }

export type Verdict = 'as expected' | 'unexpected'

export function verdictOf({ unexpected }: JudgedModule): Verdict {
  return unexpected.length === 0 ? 'as expected' : 'unexpected'
}

export function describe({ condition, result, message }: Observation): string {
  return [result, condition, message && `– ${message}`].filter(Boolean).join(' ')
}

/** `PASSED` as the suite says, or how a module ended that did not finish. */
export function outcomeOf({ run }: JudgedModule): string {
  return run.status === 'FINISHED' ? run.result : run.status
}

/** Where the suite shows everything about a module. */
export function logUrl(suite: SuiteName, { run }: JudgedModule): string {
  return `${suite.url}/log-detail.html?log=${encodeURIComponent(run.id)}`
}

export function counts({ modules }: JudgedPlan): string {
  const groups = Map.groupBy(modules, outcomeOf)
  return [...groups].map(([outcome, { length }]) => `${length} ${outcome}`).join(', ')
}

import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Judgement } from '../judging/judge.ts'
import { junit } from './junit.ts'
import { markdown } from './markdown.ts'
import { logUrl, outcomeOf, type SuiteName, verdictOf } from './summary.ts'

/** @returns the file that people read first */
export function writeReports(folder: string, judgement: Judgement, suite: SuiteName): string {
  mkdirSync(folder, { recursive: true })
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text)
  write('report.xml', junit(judgement))
  write('report.json', `${JSON.stringify(forPrograms(judgement, suite), null, 2)}\n`)
  write('report.md', markdown(judgement, suite))
  return path.join(folder, 'report.md')
}

function forPrograms({ plans, stale, good }: Judgement, suite: SuiteName) {
  return {
    good,
    suite,
    plans: plans.map(({ run, modules }) => ({
      key: run.planned.key,
      profile: run.planned.profile,
      plan: run.planned.definition.plan,
      variant: run.planned.variant,
      id: run.id,
      error: run.error,
      modules: modules.map((module) => ({
        module: module.run.module,
        variant: module.run.variant,
        outcome: outcomeOf(module),
        verdict: verdictOf(module),
        log: logUrl(suite, module),
        duration_ms: module.run.durationMs,
        note: module.run.note,
        unexpected: module.unexpected,
        expected: module.expected,
      })),
    })),
    stale,
  }
}

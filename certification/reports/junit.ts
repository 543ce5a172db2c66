import type { JudgedModule, JudgedPlan, Judgement } from '../judging/judge.ts'
import { describe, outcomeOf } from './summary.ts'

/** For build servers: a suite for each plan, a case for each module, and one for stale expectations. */
export function junit({ plans, stale }: Judgement): string {
  const suites = [...plans.map(planSuite), ...(stale.length > 0 ? [staleSuite(stale)] : [])]
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('\n')}\n</testsuites>\n`
}

function planSuite({ run, modules }: JudgedPlan): string {
  const { key } = run.planned
  const cases = modules.map((module) => moduleCase(key, module))
  if (run.error) cases.push(failure(key, 'the plan itself', run.error))
  return suite(key, cases)
}

function moduleCase(plan: string, module: JudgedModule): string {
  const { run, unexpected } = module
  if (unexpected.length > 0) {
    return failure(plan, run.module, unexpected.map(describe).join('\n'), run.durationMs)
  }
  const inside = outcomeOf(module) === 'SKIPPED' ? '<skipped/>' : ''
  return testcase(plan, run.module, inside, run.durationMs)
}

function staleSuite(stale: Judgement['stale']): string {
  const cases = stale.map((entry) =>
    failure('expectations', entry.module, `${entry.plan}: ${entry.result} is not seen any more`),
  )
  return suite('expectations', cases)
}

function suite(name: string, cases: string[]): string {
  const failures = cases.filter((text) => text.includes('<failure')).length
  const counts = `tests="${cases.length}" failures="${failures}"`
  return `  <testsuite name="${xml(name)}" ${counts}>\n${cases.join('\n')}\n  </testsuite>`
}

function failure(plan: string, name: string, message: string, durationMs = 0): string {
  const [first = ''] = message.split('\n')
  const inside = `<failure message="${xml(first)}">${xml(message)}</failure>`
  return testcase(plan, name, inside, durationMs)
}

function testcase(plan: string, name: string, inside: string, durationMs: number): string {
  const attributes = `classname="${xml(plan)}" name="${xml(name)}" time="${durationMs / 1000}"`
  return `    <testcase ${attributes}>${inside}</testcase>`
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

/** XML 1.0 has no place for most control characters, whatever a log says. */
function xml(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: naming them is the point
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replace(/[&<>"]/g, (char) => ENTITIES[char]!)
  )
}

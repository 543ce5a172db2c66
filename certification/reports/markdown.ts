import type { JudgedModule, JudgedPlan, Judgement } from '../judging/judge.ts'
import { counts, describe, logUrl, outcomeOf, type SuiteName } from './summary.ts'

/** For people: what is to be done first, then what is known, then what somebody has to look at. */
export function markdown({ plans, stale, good }: Judgement, suite: SuiteName): string {
  const sections = [
    `# Certification run\n\n${good ? 'As expected.' : 'Not as expected.'} Suite: ${suite.version} at ${suite.url}`,
    table(plans),
    section(
      'Unexpected',
      plans.flatMap((plan) => unexpectedOf(plan, suite)),
    ),
    section(
      'Stale expectations',
      stale.map(({ plan, module, condition = '', result }) =>
        `- ${plan} / ${module}: ${result} ${condition} is not seen any more`.replace('  ', ' '),
      ),
    ),
    section(
      'To be looked at by a person',
      plans.flatMap((plan) => reviewsOf(plan, suite)),
    ),
    section('Expected', plans.flatMap(expectedOf)),
  ]
  return `${sections.filter(Boolean).join('\n\n')}\n`
}

function table(plans: readonly JudgedPlan[]): string {
  const rows = plans.map(({ run, modules }) => {
    const verdict = run.error ? 'did not run' : modules.some(isUnexpected) ? 'unexpected' : 'good'
    return `| ${run.planned.key} | ${run.planned.definition.title} | ${counts({ run, modules })} | ${verdict} |`
  })
  return ['| plan | profile | modules | verdict |', '| --- | --- | --- | --- |', ...rows].join('\n')
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : `## ${title}\n\n${lines.join('\n')}`
}

const isUnexpected = ({ unexpected }: JudgedModule) => unexpected.length > 0

function unexpectedOf({ run, modules }: JudgedPlan, suite: SuiteName): string[] {
  const { key } = run.planned
  const lines = modules
    .filter(isUnexpected)
    .flatMap((module) => [
      `- ${key} / ${link(module, suite)}`,
      ...module.unexpected.map((observation) => `  - ${oneLine(describe(observation))}`),
    ])
  return run.error ? [`- ${key}: ${oneLine(run.error)}`, ...lines] : lines
}

function reviewsOf({ run, modules }: JudgedPlan, suite: SuiteName): string[] {
  return modules
    .filter((module) => outcomeOf(module) === 'REVIEW')
    .map((module) => `- ${run.planned.key} / ${link(module, suite)}`)
}

function expectedOf({ run, modules }: JudgedPlan): string[] {
  return modules.flatMap((module) =>
    module.expected.map(
      ({ observation: { condition, result }, reason }) =>
        `- ${run.planned.key} / ${[module.run.module, condition, result].filter(Boolean).join(' ')}: ${reason}`,
    ),
  )
}

function link(module: JudgedModule, suite: SuiteName): string {
  return module.run.id ? `[${module.run.module}](${logUrl(suite, module)})` : module.run.module
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}

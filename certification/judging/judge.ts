import type { ModuleRun } from '../suite/run_module.ts'
import type { PlanRun } from '../suite/run_plan.ts'
import type { Variant } from '../tables/profiles.ts'
import type { Expectation } from './expectations.ts'

/**
 * Holds what came out against what was expected. Both ways: what nobody expected is a fault, and so is
 * an expectation that nothing fulfilled any more, or it would hide the next fault of that name.
 */

export type Observation = Pick<Expectation, 'condition' | 'result'> & { message: string }

export type JudgedModule = {
  run: ModuleRun
  unexpected: Observation[]
  expected: { observation: Observation; reason: string }[]
}

export type JudgedPlan = { run: PlanRun; modules: JudgedModule[] }

export type Judgement = {
  plans: JudgedPlan[]
  stale: Expectation[]
  /** Nothing unexpected, nothing stale, and every plan has run. */
  good: boolean
}

export function judge(runs: readonly PlanRun[], expectations: readonly Expectation[]): Judgement {
  const used = new Set<Expectation>()
  const plans = runs.map((run) => ({
    run,
    modules: run.modules.map((module) => judgeModule(run, module, expectations, used)),
  }))
  const stale = expectations.filter((each) => !used.has(each) && runs.some((run) => ran(run, each)))
  const good = stale.length === 0 && plans.some(hasModules) && plans.every(isGood)
  return { plans, stale, good }
}

function hasModules({ modules }: JudgedPlan): boolean {
  return modules.length > 0
}

/** A plan that ran without a module was no proof, unless that was asked for. */
function isGood({ run, modules }: JudgedPlan): boolean {
  if (run.error || (modules.length === 0 && !run.partial)) return false
  return modules.every(({ unexpected }) => unexpected.length === 0)
}

function judgeModule(
  { planned }: PlanRun,
  run: ModuleRun,
  expectations: readonly Expectation[],
  used: Set<Expectation>,
): JudgedModule {
  const judged: JudgedModule = { run, unexpected: [], expected: [] }
  const variant = { ...planned.variant, ...run.variant }
  const ofModule = expectations.filter(
    ({ plan, module, ...entry }) =>
      plan === planned.definition.plan && module === run.module && covers(entry.variant, variant),
  )
  for (const observation of observationsOf(run)) {
    const met = ofModule.filter(
      ({ condition, result }) =>
        condition === observation.condition && result === observation.result,
    )
    for (const each of met) used.add(each)
    if (met[0]) judged.expected.push({ observation, reason: met[0].reason })
    else judged.unexpected.push(observation)
  }
  return judged
}

/** What is not simply good. REVIEW is: a person looks at its pictures, which no list can do. */
function observationsOf({ status, result, conditions, note = '' }: ModuleRun): Observation[] {
  const found: Observation[] = conditions
  // A condition that fails often ends its module at once.
  if (status === 'INTERRUPTED' && found.some((each) => each.result === 'FAILURE')) return found
  if (status !== 'FINISHED') return [...found, { result: status, message: note }]
  switch (result) {
    case 'PASSED':
    case 'REVIEW':
      return found
    case 'SKIPPED':
      return [...found, { result, message: note }]
    case 'WARNING':
    case 'FAILED':
      // Its conditions say it better.
      return found.length > 0 ? found : [{ result, message: note }]
    default:
      return [...found, { result: 'UNKNOWN', message: result }]
  }
}

/** Whether this plan would have shown what is expected. */
function ran({ planned, modules, partial, error }: PlanRun, expected: Expectation): boolean {
  if (error || expected.plan !== planned.definition.plan) return false
  const named = modules.filter(({ module }) => module === expected.module)
  if (named.length === 0) return !partial && covers(expected.variant, planned.variant)
  return named.some(({ variant }) => covers(expected.variant, { ...planned.variant, ...variant }))
}

function covers(wanted: Variant, variant: Variant): boolean {
  return Object.entries(wanted).every(([name, value]) => variant[name] === value)
}

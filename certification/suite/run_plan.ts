import type { Planned } from '../plans/planned.ts'
import { VARIANT_DEFAULTS, type Variant } from '../tables/profiles.ts'
import { type ModuleRun, type RunOptions, runModule } from './run_module.ts'
import { type PlanModule, type Suite, SuiteError } from './suite_api.ts'

/** A plan with all its modules, one after another because they share its alias. */

export type PlanRun = {
  planned: Planned
  /** Undefined where the suite did not accept the plan. */
  id?: string
  modules: ModuleRun[]
  /** Only some of its modules were asked for. */
  partial?: boolean
  /** Why it ended early, or could not begin. */
  error?: string
}

export type PlanOptions = RunOptions & {
  /** Runs only modules with such names; all where it is undefined. */
  only: RegExp | undefined
  onModule(planned: Planned, run: ModuleRun): void
}

export async function runPlan(
  suite: Suite,
  planned: Planned,
  config: object,
  options: PlanOptions,
): Promise<PlanRun> {
  const { plan } = planned.definition
  try {
    const variant = await fullVariant(suite, plan, planned.variant)
    const { id, modules } = await suite.createPlan(plan, variant, config)
    const run: PlanRun = { planned, id, modules: [], partial: options.only !== undefined }
    for (const wanted of modules) {
      if (options.only && !options.only.test(wanted.testModule)) continue
      const module = await runOrTell(suite, id, wanted, options)
      run.modules.push(module)
      options.onModule(planned, module)
    }
    return run
  } catch (error) {
    if (!(error instanceof SuiteError)) throw error
    return { planned, modules: [], error: error.message }
  }
}

/** Whatever went wrong with one module, the rest of the plan is run. */
async function runOrTell(
  suite: Suite,
  planId: string,
  wanted: PlanModule,
  options: RunOptions,
): Promise<ModuleRun> {
  try {
    return await runAgainWhereTaken(suite, planId, wanted, options)
  } catch (error) {
    return {
      module: wanted.testModule,
      variant: wanted.variant ?? {},
      id: '',
      status: 'INTERRUPTED',
      result: 'UNKNOWN',
      conditions: [],
      note: (error as Error).message,
      durationMs: 0,
    }
  }
}

/** Says besides what this version of the suite asks for. */
async function fullVariant(suite: Suite, plan: string, variant: Variant): Promise<Variant> {
  const { variants = {} } = await suite.planInfo(plan)
  const missing = Object.entries(VARIANT_DEFAULTS).filter(
    ([name]) => name in variants && !(name in variant),
  )
  return { ...variant, ...Object.fromEntries(missing) }
}

/** Somebody else on our alias ends our module, and has it for as long as theirs runs. */
async function runAgainWhereTaken(
  suite: Suite,
  planId: string,
  wanted: PlanModule,
  options: RunOptions,
): Promise<ModuleRun> {
  const first = await runModule(suite, planId, wanted, options)
  if (first.status !== 'INTERRUPTED' || !(await wasTaken(suite, first.id))) return first
  const second = await runModule(suite, planId, wanted, options)
  return { ...second, note: second.note ?? 'Run twice: somebody else had taken the alias.' }
}

async function wasTaken(suite: Suite, id: string): Promise<boolean> {
  const entries = await suite.log(id)
  return entries.some(({ msg }) => /alias conflict/i.test(msg ?? ''))
}

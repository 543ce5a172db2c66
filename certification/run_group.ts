import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { CertifyOptions } from './options.ts'
import { type PlanConfig, planConfig } from './plans/plan_config.ts'
import type { Planned } from './plans/planned.ts'
import type { AuthcoreCli } from './product/authcore_cli.ts'
import { unknownSettings } from './product/environment.ts'
import { type Product, runningProduct, startProduct } from './product/start_product.ts'
import { rotateToNewKeys } from './seeding/rotate_keys.ts'
import { seedAccount } from './seeding/seed_account.ts'
import { clientSeeder } from './seeding/seed_clients.ts'
import { alongAliases } from './suite/along_aliases.ts'
import type { Camera } from './suite/assist.ts'
import { type PlanOptions, type PlanRun, runPlan } from './suite/run_plan.ts'
import { type Suite, SuiteError } from './suite/suite_api.ts'

/** Plans that are run against one and the same server, from its start to its end. */

type Surroundings = { suite: Suite; camera: Camera | undefined; options: CertifyOptions }

export async function runGroup(
  around: Surroundings,
  plans: readonly Planned[],
): Promise<PlanRun[]> {
  let product: Product | undefined
  try {
    product = await productFor(around.options, plans[0]?.definition.settings ?? {})
    const prepared = await prepare(around, product, plans)
    return await runPrepared(around, product, prepared)
  } catch (error) {
    return plans.map((planned) => notRun(planned, error))
  } finally {
    await product?.stop()
  }
}

async function productFor(
  { op, issuer, out, suite, suiteCaFile, say }: CertifyOptions,
  settings: Readonly<Record<string, string>>,
): Promise<Product> {
  if (op !== undefined) return runningProduct(op)
  for (const name of unknownSettings(settings)) say(`This version has no setting ${name}.`)
  const folder = path.join(out, 'server')
  return await startProduct({ issuer, folder, suiteHost: hostOf(suite), suiteCaFile, settings })
}

function hostOf(suite: string): string {
  const { hostname, port, protocol } = new URL(suite)
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
}

type Prepared =
  | { alias: string; planned: Planned; config: PlanConfig }
  | (PlanRun & { alias: string })

/** Makes what the plans need to be there; a plan whose clients are refused is not run. */
async function prepare(
  { suite, options }: Surroundings,
  { op, cli }: Product,
  plans: readonly Planned[],
): Promise<Prepared[]> {
  const folder = path.join(options.out, 'credentials')
  const account = await seedAccount(cli, folder)
  const seed = await clientSeeder(cli, { folder, suite: suite.url })
  const prepared: Prepared[] = []
  for (const planned of plans) {
    const { alias, key } = planned
    try {
      const config = planConfig(planned, await seed(planned), {
        op,
        suite: suite.url,
        alias,
        ...account,
      })
      writeFile(path.join(options.out, 'plans'), `${key}.json`, JSON.stringify(config, null, 2))
      prepared.push({ alias, planned, config })
    } catch (error) {
      prepared.push({ alias, ...notRun(planned, error) })
    }
  }
  return prepared
}

function runPrepared(
  { suite, camera, options }: Surroundings,
  { cli }: Product,
  prepared: readonly Prepared[],
): Promise<PlanRun[]> {
  const planOptions = planOptionsFor(cli, camera, options)
  return alongAliases(prepared, options.concurrency, async (each) => {
    if (!('config' in each)) return each
    const run = await runPlan(suite, each.planned, each.config, planOptions)
    await keepExports(suite, run, options)
    return run
  })
}

function planOptionsFor(
  cli: AuthcoreCli,
  camera: Camera | undefined,
  options: CertifyOptions,
): PlanOptions {
  return {
    ...options,
    camera,
    beforeStart: async (module) => {
      if (module === 'oidcc-server-rotate-keys') await rotateToNewKeys(cli)
    },
    onModule: ({ key }, { module, status, result }) =>
      options.say(`${key} / ${module}: ${status === 'FINISHED' ? result : status}`),
  }
}

/** The others may do better; this one is in the report. */
function notRun(planned: Planned, error: unknown): PlanRun {
  const { message, hint } = error as Error & { hint?: string }
  return { planned, modules: [], error: [message, hint].filter(Boolean).join(' ') }
}

async function keepExports(suite: Suite, run: PlanRun, options: CertifyOptions): Promise<void> {
  if (run.id === undefined) return
  for (const form of ['export', 'exporthtml'] as const) {
    try {
      const { name, zip } = await suite.exportPlan(run.id, form)
      writeFile(path.join(options.out, 'exports', run.planned.key), path.basename(name), zip)
    } catch (error) {
      if (!(error instanceof SuiteError)) throw error
      options.say(`${run.planned.key}: no ${form}, ${error.message}`)
    }
  }
}

function writeFile(folder: string, name: string, content: string | Buffer): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(path.join(folder, name), content, { mode: 0o600 })
}

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DomainError } from '../src/core/errors.ts'
import { readExpectations } from './judging/expectations.ts'
import { type Judgement, judge } from './judging/judge.ts'
import { planConfig } from './plans/plan_config.ts'
import { type AliasOptions, bySettings, type Planned, plannedFor } from './plans/planned.ts'
import { unknownSettings } from './product/environment.ts'
import { type Product, runningProduct, startProduct } from './product/start_product.ts'
import { writeReports } from './reports/write_reports.ts'
import { seedAccount } from './seeding/seed_account.ts'
import { seedClients } from './seeding/seed_clients.ts'
import { alongAliases } from './suite/along_aliases.ts'
import type { Camera } from './suite/assist.ts'
import { type PlanOptions, type PlanRun, runPlan } from './suite/run_plan.ts'
import { createSuite, type Suite, SuiteError } from './suite/suite_api.ts'
import type { ProfileName } from './tables/profiles.ts'

/**
 * From the names of profiles to a report: a server, what it needs to know, the plans, and what came of
 * them. Every part of it is in a folder of its own; here is their order.
 */

export type CertifyOptions = AliasOptions & {
  profiles: readonly ProfileName[]
  suite: string
  suiteCaFile: string | undefined
  token: string | undefined
  /** A server that runs already; otherwise one is started at `issuer`. */
  op: string | undefined
  issuer: string
  out: string
  expectations: string
  concurrency: number
  timeoutMs: number
  pollMs: number
  only: RegExp | undefined
  chromium: string | undefined
  say(line: string): void
}

/** @returns whether everything was as expected */
export async function certify(options: CertifyOptions): Promise<boolean> {
  const expectations = readExpectations(options.expectations)
  const plans = plannedFor(options.profiles, options)
  const { suite: url, token, suiteCaFile } = options
  const ca = suiteCaFile === undefined ? undefined : readFileSync(suiteCaFile, 'utf8')
  const suite = createSuite({ url, token, ca })
  const camera = await cameraOf(options)
  try {
    await assertPlansKnown(suite, plans)
    const runs: PlanRun[] = []
    for (const group of options.op === undefined ? bySettings(plans) : [plans]) {
      runs.push(...(await runGroup(suite, group, camera, options)))
    }
    const judgement = judge(runs, expectations)
    tell(options, judgement)
    return judgement.good
  } finally {
    await camera?.close()
    await suite.close()
  }
}

async function cameraOf({ chromium }: CertifyOptions): Promise<Camera | undefined> {
  if (chromium === undefined) return undefined
  return await (await import('./suite/camera.ts')).openCamera(chromium)
}

/** Asked before anything is started: a suite of another version may know other plans. */
async function assertPlansKnown(suite: Suite, plans: readonly Planned[]): Promise<void> {
  const known = new Set(await suite.availablePlans())
  const missing = plans.filter(({ definition }) => !known.has(definition.plan))
  if (missing.length === 0) return
  const names = [...new Set(missing.map(({ definition }) => definition.plan))].join(', ')
  throw new DomainError('invalid_input', `The suite at ${suite.url} does not know ${names}.`, {
    hint: 'It may be older or newer than the one that the profiles were written for.',
  })
}

/** Plans that are run against one and the same server. */
async function runGroup(
  suite: Suite,
  plans: readonly Planned[],
  camera: Camera | undefined,
  options: CertifyOptions,
): Promise<PlanRun[]> {
  const settings = plans[0]?.definition.settings ?? {}
  let product: Product | undefined
  try {
    product = await productFor(options, settings)
    return await runAgainst(product, suite, plans, camera, options)
  } catch (error) {
    // The other groups may do better; this one is in the report.
    const { message, hint } = error as Error & { hint?: string }
    const why = [message, hint].filter(Boolean).join(' ')
    return plans.map((planned) => ({ planned, modules: [], error: why }))
  } finally {
    await product?.stop()
  }
}

async function productFor(
  options: CertifyOptions,
  settings: Readonly<Record<string, string>>,
): Promise<Product> {
  const { op, issuer, out, suite, suiteCaFile, say } = options
  if (op !== undefined) return runningProduct(op)
  for (const name of unknownSettings(settings)) say(`This version has no setting ${name}.`)
  const folder = path.join(out, 'server')
  return await startProduct({ issuer, folder, suiteHost: hostOf(suite), suiteCaFile, settings })
}

function hostOf(suite: string): string {
  const { hostname, port, protocol } = new URL(suite)
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
}

async function runAgainst(
  { op, cli }: Product,
  suite: Suite,
  plans: readonly Planned[],
  camera: Camera | undefined,
  options: CertifyOptions,
): Promise<PlanRun[]> {
  const folder = path.join(options.out, 'credentials')
  const account = await seedAccount(cli, folder)
  const clients = await seedClients(cli, plans, { folder, suite: suite.url })
  const planOptions: PlanOptions = {
    ...options,
    camera,
    beforeStart: async (module) => {
      if (module === 'oidcc-server-rotate-keys') await cli('keys', 'rotate')
    },
    onModule: ({ key }, { module, status, result }) =>
      options.say(`${key} / ${module}: ${status === 'FINISHED' ? result : status}`),
  }
  return await alongAliases(plans, options.concurrency, async (planned) => {
    const at = { op, suite: suite.url, alias: planned.alias, ...account }
    const config = planConfig(planned, clients.get(planned) ?? [], at)
    writeFile(options.out, 'plans', `${planned.key}.json`, JSON.stringify(config, null, 2))
    const run = await runPlan(suite, planned, config, planOptions)
    await keepExport(suite, run, options)
    return run
  })
}

/** What the Foundation is sent: everything the suite has logged, signed by it. */
async function keepExport(suite: Suite, run: PlanRun, options: CertifyOptions): Promise<void> {
  if (run.id === undefined) return
  try {
    const { name, zip } = await suite.exportHtml(run.id)
    writeFile(options.out, 'exports', name, zip)
  } catch (error) {
    if (!(error instanceof SuiteError)) throw error
    options.say(`${run.planned.key}: no export, ${error.message}`)
  }
}

function writeFile(out: string, folder: string, name: string, content: string | Buffer): void {
  mkdirSync(path.join(out, folder), { recursive: true, mode: 0o700 })
  writeFileSync(path.join(out, folder, path.basename(name)), content, { mode: 0o600 })
}

function tell({ out, suite, say }: CertifyOptions, judgement: Judgement): void {
  const file = writeReports(out, judgement, suite)
  say(`${judgement.good ? 'As expected' : 'Not as expected'}: see ${file}`)
}

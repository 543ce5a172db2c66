import { readFileSync } from 'node:fs'
import { DomainError } from '../src/core/errors.ts'
import { readExpectations } from './judging/expectations.ts'
import { judge } from './judging/judge.ts'
import type { CertifyOptions } from './options.ts'
import { bySettings, type Planned, plannedFor } from './plans/planned.ts'
import { writeReports } from './reports/write_reports.ts'
import { runGroup } from './run_group.ts'
import type { Camera } from './suite/assist.ts'
import type { PlanRun } from './suite/run_plan.ts'
import { createSuite, type Suite } from './suite/suite_api.ts'

/**
 * From the names of profiles to a report: a server, what it needs to know, the plans, and what came of
 * them. Every part of it is in a folder of its own; here and in `run_group.ts` is their order.
 */

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
    const version = await suite.version()
    options.say(`Suite ${version} at ${url}`)
    const runs: PlanRun[] = []
    for (const group of options.op === undefined ? bySettings(plans) : [plans]) {
      runs.push(...(await runGroup({ suite, camera, options }, group)))
    }
    const judgement = judge(runs, expectations)
    const file = writeReports(options.out, judgement, { url, version })
    options.say(`${judgement.good ? 'As expected' : 'Not as expected'}: see ${file}`)
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

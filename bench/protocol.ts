import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import * as redis from '../test/support/redis.ts'
import { cpuMsOfHash } from './hash.ts'
import { type Figures, measureOnce, medians, type Pace, reasonAgainst } from './protocol/measure.ts'
import { OPERATIONS } from './protocol/operations.ts'
import { pinMyself } from './protocol/processes.ts'
import { readProvider } from './protocol/provider.ts'
import { type RunningProvider, startAuthcore, startDescribed } from './protocol/running.ts'
import { costTable, detailTable, type Results, reasonList } from './protocol/table.ts'
import { printHeading } from './support/report.ts'
import { ROOT, temporaryFolder } from './support/server_process.ts'

/**
 * What each hot request costs, beside the bare engine in the same run. Server on one processor, load,
 * databases and this on the other. Runs take turns between the providers, so that whatever else the
 * machine does meets all of them; the figure to compare is CPU, not time.
 */

const BASELINE = path.join(ROOT, 'bench/providers/bare.json')

export async function measure(args: readonly string[] = []): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      /** Operations, comma separated. */
      only: { type: 'string' },
      runs: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '4' },
      concurrency: { type: 'string', default: '8' },
      /** A description of another provider; may be repeated. */
      op: { type: 'string', multiple: true, default: [] },
      /** Leaves out AuthCore on PostgreSQL and Redis. */
      'without-redis': { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  })
  printHeading('Protocol')
  pinMyself(1)
  const operations = values.only?.split(',') ?? Object.keys(OPERATIONS)
  const unknown = operations.filter((operation) => !OPERATIONS[operation])
  if (unknown.length > 0) throw new Error(`no such operation: ${unknown.join(', ')}`)
  const pace = { concurrency: Number(values.concurrency), seconds: Number(values.seconds) }
  const runs = Number(values.runs)
  const people = (runs + 1) * (AT_MOST.sign_in + 200 + operations.length * 50)
  const folder = await temporaryFolder()
  const withRedis = redis.available().ok && !values['without-redis']
  const running = new AsyncDisposableStack()
  try {
    const started: RunningProvider[] = []
    const keep = (provider: RunningProvider) => {
      running.defer(() => provider.stop())
      started.push(provider)
    }
    keep(await startDescribed(await readProvider(BASELINE), path.join(folder, 'bare')))
    for (const redis of withRedis ? [false, true] : [false]) {
      const name = redis ? 'AuthCore, PostgreSQL and Redis' : 'AuthCore, PostgreSQL'
      keep(await startAuthcore({ name, people, redis }, path.join(folder, redis ? 'redis' : 'own')))
    }
    for (const [index, file] of values.op.entries()) {
      keep(await startDescribed(await readProvider(file), path.join(folder, `op${index}`)))
    }
    const results = await measureAll(started, { operations, runs, pace })
    const parts = [costTable(results), reasonList(results), detailTable(results)]
    console.log(parts.filter((part) => part !== '').join('\n\n'))
    if (values.json) await writeFile(values.json, `${JSON.stringify(results, undefined, 2)}\n`)
    return true
  } finally {
    await running.disposeAsync()
  }
}

/** What a server gives back after its start, it has given back by then. */
const SETTLING_MS = 15_000

/** After some twenty thousand requests nothing is left to be compiled; that is how long ours takes for them. */
const WARM_UP_S = 15

/** A person signs in once only, because the second time they are not asked for consent. */
const AT_MOST: Record<'sign_in', number> & Record<string, number> = { sign_in: 600 }

async function measureAll(
  providers: readonly RunningProvider[],
  { operations, runs, pace }: { operations: string[]; runs: number; pace: Omit<Pace, 'atMost'> },
): Promise<Results> {
  await sleep(SETTLING_MS)
  const atRest = Object.fromEntries(
    providers.map(({ description, readyMs, residentBytes }) => [
      description.name,
      { readyMs, residentBytes: residentBytes() },
    ]),
  )
  const people = new Map(providers.map((provider) => [provider, 0]))
  const figures: Results['figures'] = {}
  for (const operation of operations) {
    const taken = new Map<RunningProvider, Figures[]>()
    const atMost = AT_MOST[operation] ?? Number.MAX_SAFE_INTEGER
    // The first is not counted: V8 compiles in it what it finds hot, which takes more than the requests.
    for (let run = 0; run <= runs; run++) {
      const seconds = run > 0 ? pace.seconds : Math.max(pace.seconds, WARM_UP_S)
      for (const provider of providers) {
        if (reasonAgainst(provider, operation)) continue
        const first = people.get(provider)!
        people.set(provider, first + (operation === 'sign_in' ? atMost + 200 : 50))
        const once = await measureOnce(provider, operation, { ...pace, seconds, atMost }, first)
        if (run > 0) taken.set(provider, [...(taken.get(provider) ?? []), once])
      }
    }
    figures[operation] = Object.fromEntries(
      [...taken].map(([provider, runs]) => [provider.description.name, medians(runs)]),
    )
    console.error(`${operation}: done`)
  }
  return {
    figures,
    providers: providers.map(({ description }) => description.name),
    baseline: providers[0]!.description.name,
    hashMs: await cpuMsOfHash(),
    hashed: providers
      .filter(({ description }) => description.people.hashed)
      .map(({ description }) => description.name),
    reasons: operations.flatMap((operation) =>
      providers.flatMap((provider) => {
        const reason = reasonAgainst(provider, operation)
        return reason ? [{ operation, provider: provider.description.name, reason }] : []
      }),
    ),
    atRest,
  }
}

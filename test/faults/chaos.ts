import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { letGo } from '../support/leash.ts'
import { installPackages } from '../support/runner/packages.ts'
import { clockFaults } from './groups/clock_faults.ts'
import { httpFaults } from './groups/http_faults.ts'
import { neighbourFaults } from './groups/neighbour_faults.ts'
import { postgresFaults } from './groups/postgres_faults.ts'
import { redisFailover, redisFaults } from './groups/redis_faults.ts'
import { serverFaults } from './groups/server_faults.ts'
import type { Fault, Group, Setting } from './harness/fault.ts'
import { type Outcome, runFault, type Tally } from './harness/run_fault.ts'

/**
 * `npm run chaos`: every fault in its long form, under load, and a table of what was met.
 *
 *     npm run chaos -- --only postgres_frozen,disk_full --times 10 --seed 7 --seconds 60
 *
 * `--only` names faults, or the beginning of their names; `--seconds` is how long each lasts. Exit
 * code 1 where anything was lost, used twice, answered wrongly, or did not recover.
 */

const GROUPS: readonly Group[] = [
  serverFaults,
  postgresFaults,
  redisFaults,
  redisFailover,
  neighbourFaults,
  clockFaults,
  httpFaults,
]

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    times: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(randomInt(1_000_000)) },
    seconds: { type: 'string' },
  },
})
const only = values.only?.split(',')
const [times, seed] = [Number(values.times), Number(values.seed)]

type Line = { fault: Fault; outcomes: Outcome[]; skipped?: string }

installPackages(['redis', 'openldap', 'faketime'], console.log)
console.log(`seed ${seed}; \`npm run chaos -- --seed ${seed}\` makes the same choices\n`)
const lines: Line[] = []
let failures = 0
for (const group of GROUPS) await runGroup(group)
printTable(lines)
console.log(`\n${failures} failed`)
await letGo()
process.exit(failures > 0 ? 1 : 0)

async function runGroup(group: Group): Promise<void> {
  const faults = group.faults.filter(isWanted)
  if (faults.length === 0) return
  const needs = group.needs()
  if (!needs.ok) {
    for (const fault of faults) skip(fault, needs.reason)
    return
  }
  const setting = await group.start('long')
  try {
    for (const fault of faults) await runOften(setting, fault)
  } finally {
    await setting.stop()
  }
}

async function runOften(setting: Setting, fault: Fault): Promise<void> {
  const needs = fault.needs?.() ?? { ok: true }
  if (!needs.ok) return skip(fault, needs.reason)
  const line: Line = { fault, outcomes: [] }
  lines.push(line)
  for (let n = 0; n < times; n++) {
    try {
      const outcome = await runFault(setting, lasting(fault), { form: 'long', seed: seed + n })
      line.outcomes.push(outcome)
      console.log(`✔ ${fault.name}: recovered after ${seconds(outcome.recoveredMs)}`)
    } catch (error) {
      failures += 1
      console.log(`✖ ${error instanceof Error ? error.message : error}`)
    }
  }
}

function skip(fault: Fault, reason: string): void {
  lines.push({ fault, outcomes: [], skipped: reason })
  console.log(`- ${fault.name}: skipped, because ${reason}`)
}

function isWanted({ name }: Fault): boolean {
  return only === undefined || only.some((start) => name.startsWith(start))
}

function lasting(fault: Fault): Fault {
  if (values.seconds === undefined || fault.lastsMs.long === 0) return fault
  return { ...fault, lastsMs: { ...fault.lastsMs, long: Number(values.seconds) * 1_000 } }
}

function printTable(all: readonly Line[]): void {
  console.log(
    '\n| fault | runs | people: yes, 503, none | programs: yes, 503, none | slowest answer | recovered after |',
  )
  console.log('|---|---|---|---|---|---|')
  for (const { fault, outcomes, skipped } of all) {
    if (outcomes.length === 0) {
      console.log(`| ${fault.name} | ${skipped ? `skipped: ${skipped}` : 'failed'} | | | | |`)
      continue
    }
    const recovered = Math.max(...outcomes.map(({ recoveredMs }) => recoveredMs))
    const [people, clients] = [
      sum(outcomes.map((o) => o.people)),
      sum(outcomes.map((o) => o.clients)),
    ]
    const slowest = seconds(Math.max(people.longestMs, clients.longestMs))
    const cells = [fault.name, outcomes.length, counts(people), counts(clients), slowest]
    console.log(`| ${[...cells, seconds(recovered)].join(' | ')} |`)
  }
}

function counts({ ok, unavailable, unanswered }: Tally): string {
  return `${ok}, ${unavailable}, ${unanswered}`
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}

function sum(tallies: readonly Tally[]): Tally {
  const of = (key: 'ok' | 'unavailable' | 'unanswered') =>
    tallies.reduce((total, tally) => total + tally[key], 0)
  return {
    ok: of('ok'),
    unavailable: of('unavailable'),
    unanswered: of('unanswered'),
    longestMs: Math.max(...tallies.map(({ longestMs }) => longestMs)),
  }
}

import { parseArgs } from 'node:util'
import { letGo } from '../support/leash.ts'
import { describe, fuzz, type Report } from './fuzz.ts'

/**
 * `npm run fuzz -- --seed S --seconds N`: tries every endpoint for so long, and exits with 1 where
 * something is wrong. Without a seed it draws one and prints it. `--flow NAME` (more than once) runs
 * only those flows, `--shapes N` tries each request in so many shapes.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    seconds: { type: 'string', default: '300' },
    shapes: { type: 'string', default: '12' },
    flow: { type: 'string', multiple: true },
  },
})

const seed = values.seed ?? Math.random().toString(36).slice(2, 10)
console.log(`seed ${seed}, for ${values.seconds} s`)
let told = 0
const report = await fuzz({
  seed,
  rounds: Number.POSITIVE_INFINITY,
  shapes: Number(values.shapes),
  seconds: Number(values.seconds),
  ...(values.flow ? { flows: values.flow } : {}),
  onRound(so) {
    for (const fault of so.faults.slice(told)) console.log(`\n✖ ${describe(fault)}`)
    told = so.faults.length
    console.log(summary(so))
  },
})
for (const fault of report.faults.slice(told)) console.log(`\n✖ ${describe(fault)}`)
console.log(`\nseed ${seed}: ${summary(report)}`)
await letGo()
process.exitCode = report.faults.length === 0 ? 0 : 1

function summary({ requests, statuses, memory, faults }: Report): string {
  const by = [...statuses].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`)
  const mib = `${memory.beforeMib.toFixed(0)} → ${memory.afterMib.toFixed(0)} MiB`
  return `${requests} requests, ${faults.length} faults, ${mib}; ${by.join(', ')}`
}

import path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { measureOnce } from './protocol/measure.ts'
import { OPERATIONS, openStage } from './protocol/operations.ts'
import { pinMyself } from './protocol/processes.ts'
import { type RunningProvider, startAuthcore } from './protocol/running.ts'
import { judge, percentile, printHeading, printRows } from './support/report.ts'
import { temporaryFolder } from './support/server_process.ts'
import { steadily } from './support/steadily.ts'

/**
 * How long a token takes at seven tenths of what the server can do: it is asked as fast as it answers,
 * and then at that pace, whatever happens to what was asked before.
 */

/** Of those that a client may ask for as often as it likes, and at the same time. */
const ASKED = ['cc_es256', 'cc_opaque']
const SHARE = 0.7
const SECONDS = 20
const WARM_UP_S = 5
const P99_MS = 50
/** More than are ever in work at once at that pace. */
const CONNECTIONS = 64

export async function measure(): Promise<boolean> {
  printHeading('Saturation')
  // A grown young generation of whoever asks takes 30 ms to collect, and what is asked next is late.
  setFlagsFromString('--semi-space-growth-factor=1')
  pinMyself(1)
  const folder = await temporaryFolder()
  const place = path.join(folder, 'authcore')
  const provider = await startAuthcore({ name: 'AuthCore', people: 10, redis: false }, place)
  try {
    let met = true
    for (const operation of ASKED) met = (await measureAt(provider, operation)) && met
    return met
  } finally {
    await provider.stop()
  }
}

async function measureAt(provider: RunningProvider, operation: string): Promise<boolean> {
  const { title, prepare } = OPERATIONS[operation]!
  const pace = { concurrency: 8, seconds: SECONDS / 2, atMost: 1e9 }
  await measureOnce(provider, operation, pace, 0)
  const { perS: most } = await measureOnce(provider, operation, pace, 0)
  const stage = await openStage(provider.description, { connections: CONNECTIONS, firstPerson: 0 })
  const ask = await prepare(stage, 0)
  const perS = most * SHARE
  // Who asks is compiled by then, and has its connections.
  await steadily(ask, { seconds: WARM_UP_S, perS })
  const took = await steadily(ask, { seconds: SECONDS, perS })
  await stage.pool.close()
  const ms = (value: number) => `${value.toFixed(1)} ms`
  printRows([
    {
      what: `${title}: as fast as it goes, 8 at once`,
      value: `${most.toFixed(0)} /s`,
    },
    { what: `at ${SHARE} of that: median`, value: ms(percentile(took, 0.5)) },
    { what: `at ${SHARE} of that: p95`, value: ms(percentile(took, 0.95)) },
    { what: `at ${SHARE} of that: p99`, value: ms(percentile(took, 0.99)) },
  ])
  return judge(`p99 of ${title}`, percentile(took, 0.99), P99_MS, 'ms')
}

import path from 'node:path'
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

const OPERATION = 'cc_es256'
const SHARE = 0.7
const SECONDS = 20
const P99_MS = 50
/** More than are ever in work at once at that pace. */
const CONNECTIONS = 64

export async function measure(): Promise<boolean> {
  printHeading('Saturation')
  pinMyself(1)
  const folder = await temporaryFolder()
  const place = path.join(folder, 'authcore')
  const provider = await startAuthcore({ name: 'AuthCore', people: 10, redis: false }, place)
  try {
    return await measureAt(provider)
  } finally {
    await provider.stop()
  }
}

async function measureAt(provider: RunningProvider): Promise<boolean> {
  const pace = { concurrency: 8, seconds: SECONDS / 2, atMost: 1e9 }
  await measureOnce(provider, OPERATION, pace, 0)
  const { perS: most } = await measureOnce(provider, OPERATION, pace, 0)
  const stage = await openStage(provider.description, { connections: CONNECTIONS, firstPerson: 0 })
  const ask = await OPERATIONS[OPERATION]!.prepare(stage, 0)
  const took = await steadily(ask, { seconds: SECONDS, perS: most * SHARE })
  await stage.pool.close()
  const ms = (value: number) => `${value.toFixed(1)} ms`
  printRows([
    {
      what: `${OPERATIONS[OPERATION]!.title}: as fast as it goes, 8 at once`,
      value: `${most.toFixed(0)} /s`,
    },
    { what: `at ${SHARE} of that: median`, value: ms(percentile(took, 0.5)) },
    { what: `at ${SHARE} of that: p95`, value: ms(percentile(took, 0.95)) },
    { what: `at ${SHARE} of that: p99`, value: ms(percentile(took, 0.99)) },
  ])
  return judge('p99 of a token', percentile(took, 0.99), P99_MS, 'ms')
}

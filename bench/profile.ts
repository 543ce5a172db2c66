import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { parseArgs } from 'node:util'
// @ts-expect-error plain JavaScript, which runs before anything is installed
import { heapFlags } from '../scripts/pinned_node.mjs'
import { selfTimeByPlace } from './protocol/cpu_profile.ts'
import { measureOnce } from './protocol/measure.ts'
import { OPERATIONS } from './protocol/operations.ts'
import { pinMyself } from './protocol/processes.ts'
import { startAuthcore } from './protocol/running.ts'
import { printHeading } from './support/report.ts'
import { temporaryFolder } from './support/server_process.ts'

/** Where the server's main thread spends its time at each hot request, by package and folder. */

const SHOWN = 16
/** The profile's own end, with the server's. */
const REST_MS = 500

export async function measure(args: readonly string[] = []): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: Object.keys(OPERATIONS).join() },
      seconds: { type: 'string', default: '15' },
      redis: { type: 'boolean', default: false },
    },
  })
  printHeading('Profile')
  pinMyself(1)
  const folder = await temporaryFolder()
  for (const operation of values.only.split(',')) {
    const own = path.join(folder, operation)
    const shares = await profile(own, operation, Number(values.seconds), values.redis)
    console.log(`\n${OPERATIONS[operation]!.title}`)
    for (const { place, share } of shares.slice(0, SHOWN)) {
      console.log(`${(share * 100).toFixed(1).padStart(6)} %  ${place}`)
    }
  }
  return true
}

async function profile(folder: string, operation: string, seconds: number, redis: boolean) {
  const profiles = path.join(folder, 'profiles')
  await mkdir(profiles, { recursive: true })
  // The server would start itself anew with these, and its profile would end there.
  const env = {
    NODE_OPTIONS: `${heapFlags().join(' ')} --cpu-prof --cpu-prof-interval=500 --cpu-prof-dir=${profiles}`,
  }
  const provider = await startAuthcore({ name: 'profiled', people: 3_000, redis, env }, folder)
  try {
    const pace = { concurrency: 8, seconds, atMost: operation === 'sign_in' ? 2_000 : 1e9 }
    await measureOnce(provider, operation, pace, 0)
  } finally {
    await provider.stop()
  }
  return await selfTimeByPlace(profiles, { lastMs: (seconds * 1000) / 2, restMs: REST_MS })
}

import { setTimeout as sleep } from 'node:timers/promises'
import * as faketime from '../../support/faketime.ts'
import { browser } from '../../support/http.ts'
import { temporaryFolder } from '../../support/leash.ts'
import type { Fault, Group, Setting } from '../harness/fault.ts'
import type { Kind } from '../harness/history.ts'
import { startStand } from '../harness/stand.ts'

/** The clock of the server's machine is wrong; that of the database, and everybody's else, is right. */

type Clocked = Setting & { clock: faketime.FakeClock }

const HOUR_S = 3_600

/** What lives for less than an hour is over, in the eyes of a server that is an hour ahead. */
const SHORT_LIVED: readonly Kind[] = [
  'code',
  'request_uri',
  'access_token',
  'service_token',
  'sign_in',
]

export const clockFaults: Group<Clocked> = {
  title: 'a clock that jumps',
  needs: faketime.available,
  async start() {
    const clock = faketime.fakeClock(temporaryFolder('clock'))
    const stand = await startStand({ preload: clock.env })
    return { stand, clock, stop: () => stand.stop() }
  },
  faults: [
    jump({
      name: 'clock_ahead',
      what: 'the clock of the server jumps an hour ahead, and back',
      offsetS: HOUR_S,
    }),
    jump({
      name: 'clock_behind',
      what: 'the clock of the server jumps an hour back, and ahead again',
      offsetS: -HOUR_S,
    }),
  ],
}

function jump({
  offsetS,
  ...named
}: {
  name: string
  what: string
  offsetS: number
}): Fault<Clocked> {
  return {
    ...named,
    async strike({ clock, stand }) {
      clock.set(offsetS)
      await untilServerIsOff(stand.issuer, offsetS)
      return async () => clock.set(0)
    },
    lastsMs: { short: 1_500, long: 10_000 },
    meets: [],
    // Either way there is one jump ahead: into the fault, or out of it.
    ends: SHORT_LIVED,
  }
}

/** What it writes into its answers follows within a second. */
async function untilServerIsOff(issuer: string, offsetS: number): Promise<void> {
  const deadline = performance.now() + 10_000
  for (;;) {
    const { headers } = await browser().get(`${issuer}/health/live`)
    const offMs = Date.parse(headers.date ?? '') - Date.now()
    if (Math.abs(offMs - offsetS * 1_000) < 60_000) return
    if (performance.now() > deadline) throw new Error(`the clock is off by ${offMs} ms`)
    await sleep(50)
  }
}

import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Availability } from './skip.ts'

/** The clock of one process, by libfaketime: what it is told, all of it sees, from then on. */

const LIBRARY = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
].find((file) => existsSync(file))

export function available(): Availability {
  if (LIBRARY) return { ok: true }
  const hint = process.env['AUTHCORE_TEST_SETUP_PROBLEM']
  return { ok: false, reason: `libfaketime not installed${hint ? ` (${hint})` : ''}` }
}

export type FakeClock = {
  /** For the environment of the process. */
  env: Record<string, string>
  /** From now on the clock is this far from the true one. */
  set(offsetS: number): void
}

export function fakeClock(folder: string): FakeClock {
  const file = path.join(folder, 'clock')
  const set = (offsetS: number) => writeFileSync(file, `${offsetS < 0 ? '' : '+'}${offsetS}\n`)
  set(0)
  return {
    env: {
      LD_PRELOAD: LIBRARY ?? '',
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      // Timers count time that has passed, which no clock can take back.
      DONT_FAKE_MONOTONIC: '1',
    },
    set,
  }
}

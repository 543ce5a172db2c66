import { fork } from 'node:child_process'
import { chooseArgon2Engine } from '../src/domain/credentials/password/argon2/argon2_engine.ts'
import { median, printHeading, printRows } from './support/report.ts'

/**
 * What one password costs by each of the packages that compute Argon2, with the parameters that we come
 * with: time of the processor, which says more on a busy machine than that of the clock.
 */

const ROUNDS = 3
const ENGINES = ['@node-rs/argon2', 'argon2']
/** As a server runs (`scripts/pinned_node.mjs`): memory is given back, and has to be got again. */
const SERVER_ENV = { MALLOC_TRIM_THRESHOLD_: '131072' }

export async function measure(): Promise<boolean> {
  printHeading('Hashing')
  const taken = new Map<string, number[]>(ENGINES.map((name) => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of ENGINES) taken.get(name)!.push(await cpuMsOfHash(name))
  }
  const rows = [...taken].map(([name, values]) => ({
    what: `${name}: CPU of a verification`,
    value: `${median(values).toFixed(1)} ms`,
  }))
  printRows(rows)
  return true
}

/**
 * Each time in a process of its own, which the memory of another one does not help.
 *
 * @param name of the package; that which a server would choose where nothing is said
 * @returns milliseconds
 */
export async function cpuMsOfHash(name: string = chooseArgon2Engine().name): Promise<number> {
  const child = fork(new URL('./support/hashing.ts', import.meta.url), [name], {
    env: { ...process.env, ...SERVER_ENV },
  })
  return await new Promise((resolve, reject) => {
    child.once('message', (cpuMs) => resolve(Number(cpuMs)))
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`${name} ended with ${code}`)))
  })
}

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from '../../../src/platform/persistence/embedded_postgres.ts'
import { type Machine, thisMachine } from '../../../src/platform/persistence/postgres_binaries.ts'
import { leashGroup, temporaryFolder } from '../../support/leash.ts'

/** What the tests of the built-in database share: places, processes, and cleaning up after them. */

export type Report =
  | { kind: 'log'; message: string; fields?: Record<string, unknown> }
  | {
      kind: 'ready'
      origin: string
      dataDir: string
      serverVersion: string
      connection: EmbeddedPostgres['connection']
    }
  | { kind: 'failed'; message: string; hint?: string; debug?: string }

export type Orders = {
  options: Omit<EmbeddedPostgresOptions, 'log'>
  machine?: Partial<Machine>
  afterwards: 'stop' | 'stop_when_told' | 'let_go'
}

export const asRoot = process.geteuid?.() === 0
export const NOBODY = { uid: 65_534, gid: 65_534 }

const places: string[] = []
const handles: EmbeddedPostgres[] = []
const children: ChildProcess[] = []

/** A directory that every user may pass through; removed by `cleanUp`. */
export function makePlace(): string {
  const place = temporaryFolder('postgres')
  places.push(place)
  return place
}

export type Logged = { message: string; fields?: Record<string, unknown> | undefined }

/** Starts or adopts in this process; `cleanUp` stops it. */
export async function open(
  options: Omit<EmbeddedPostgresOptions, 'log'>,
  { machine = {}, logged = [] }: { machine?: Partial<Machine>; logged?: Logged[] } = {},
): Promise<EmbeddedPostgres> {
  const log = (message: string, fields?: Record<string, unknown>) =>
    logged.push({ message, fields })
  const handle = await startEmbeddedPostgres({ ...options, log }, { ...thisMachine(), ...machine })
  handles.push(handle)
  leashGroup(pidOf(handle.dataDir))
  return handle
}

/** A running `embedded_postgres_process.ts`. */
export class Neighbour {
  readonly child: ChildProcess
  readonly reports: Report[] = []

  constructor(orders: Orders, how: { uid?: number; gid?: number; wrapper?: string[] } = {}) {
    const program = fileURLToPath(new URL('embedded_postgres_process.ts', import.meta.url))
    const [command = '', ...args] = [
      ...(how.wrapper ?? []),
      process.execPath,
      program,
      JSON.stringify(orders),
    ]
    const { uid, gid } = how
    this.child = spawn(command, args, {
      ...(uid !== undefined && { uid }),
      ...(gid !== undefined && { gid }),
      detached: true,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    children.push(this.child)
    if (this.child.pid) leashGroup(this.child.pid)
    createInterface({ input: this.child.stdout! }).on('line', (line) =>
      this.reports.push(JSON.parse(line)),
    )
  }

  /** The report that it is ready, or that it failed. */
  async outcome(): Promise<Exclude<Report, { kind: 'log' }>> {
    const found = await eventually(() => {
      const report = this.reports.find(({ kind }) => kind !== 'log')
      if (!report && this.child.exitCode !== null) throw new Error('the process said nothing')
      return report
    })
    return found as Exclude<Report, { kind: 'log' }>
  }

  async ready(): Promise<Extract<Report, { kind: 'ready' }>> {
    const outcome = await this.outcome()
    if (outcome.kind === 'ready') {
      leashGroup(pidOf(outcome.dataDir))
      return outcome
    }
    throw new Error(`${outcome.message} ${outcome.hint ?? ''} ${outcome.debug ?? ''}`)
  }

  async failed(): Promise<Extract<Report, { kind: 'failed' }>> {
    const outcome = await this.outcome()
    if (outcome.kind === 'failed') return outcome
    throw new Error('it started where it should have failed')
  }

  async tellToStop(): Promise<void> {
    this.child.stdin!.write('stop\n')
    await this.ended()
  }

  async ended(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      await once(this.child, 'exit')
    }
  }
}

/** Waits until `probe` returns something true; thrown errors end the wait. */
export async function eventually<T>(probe: () => T | Promise<T>, limitMs = 60_000) {
  const deadline = Date.now() + limitMs
  for (;;) {
    const value = await probe()
    if (value) return value as NonNullable<T>
    if (Date.now() > deadline) throw new Error(`still not true: ${probe}`)
    await sleep(20)
  }
}

/** One statement over a connection of its own. */
export async function ask(
  { connection }: Pick<EmbeddedPostgres, 'connection'>,
  text: string,
  values: unknown[] = [],
): Promise<unknown[][]> {
  const client = new pg.Client({ ...connection, ssl: false })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query({ text, values, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}

/** Like `ask`, patient while the server is being replaced. */
export function askEventually(database: Pick<EmbeddedPostgres, 'connection'>, text: string) {
  return eventually(() => ask(database, text).catch(() => undefined))
}

export function pidOf(dataDir: string): number {
  return Number.parseInt(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8'), 10)
}

export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** One database made in advance: making one takes a second, lending it nothing. */
export class Lent {
  readonly #home: string
  #at: string
  #owner = { uid: 0, gid: 0 }

  constructor() {
    this.#home = join(temporaryFolder('postgres-lent'), 'postgres')
    this.#at = this.#home
  }

  async make(): Promise<void> {
    await (await open({ dataDir: this.#home })).stop()
    this.#owner = await stat(this.#home)
  }

  /** Moves it to `to`, empty but for what PostgreSQL and the product make at first. */
  async lend(to: string): Promise<void> {
    await rename(this.#home, to)
    this.#at = to
  }

  /** To be called when nothing runs on it; how it was ended does not matter. */
  async takeBack(): Promise<void> {
    if (this.#at === this.#home) return
    const { uid, gid } = this.#owner
    execFileSync('chown', ['-hR', `${uid}:${gid}`, this.#at])
    await rename(this.#at, this.#home)
    this.#at = this.#home
  }
}

/** Ends whatever a test has left, even a failed one. Servers are known by working in our places. */
export async function cleanUp(lent: Lent): Promise<void> {
  await Promise.allSettled(handles.splice(0).map((handle) => handle.stop()))
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await end('SIGINT', 5_000).catch(() => end('SIGKILL', 5_000))
  await lent.takeBack()
  for (const place of places.splice(0)) await rm(place, { recursive: true, force: true })
}

/** Asks first: a server that is killed leaves its shared memory behind. */
async function end(signal: 'SIGINT' | 'SIGKILL', limitMs: number): Promise<void> {
  const pids = places.flatMap((place) => processesIn(place))
  for (const pid of pids) tryToKill(pid, signal)
  await eventually(() => !pids.some(isRunning), limitMs)
}

function processesIn(place: string): number[] {
  const pids = readdirSync('/proc').map(Number).filter(Boolean)
  return pids.filter((pid) => {
    try {
      return pid !== process.pid && readlinkSync(`/proc/${pid}/cwd`).startsWith(place)
    } catch {
      return false
    }
  })
}

function tryToKill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // Gone meanwhile.
  }
}

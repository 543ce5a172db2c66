import { spawn } from 'node:child_process'
import { accessSync, closeSync, constants, openSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { leashGroup, letEnd } from './leash.ts'
import type { Availability } from './skip.ts'

/** A foreign server started for a test: in its own process group, on the leash, its words in a file. */
export type Component = {
  pid: number
  /** Everything it printed so far. */
  output(): string
  /** Signals the whole group and waits for the end; SIGKILL after five seconds. */
  stop(signal?: NodeJS.Signals): Promise<void>
  hasEnded(): boolean
}

export type ComponentOptions = {
  /** Where stdout and stderr are written together. */
  logFile: string
  env?: NodeJS.ProcessEnv
  /** What it has from us besides; our own environment where nothing is said. */
  inherited?: NodeJS.ProcessEnv
  cwd?: string
}

export function startComponent(
  command: string,
  args: string[],
  { logFile, env = {}, inherited = process.env, cwd }: ComponentOptions,
): Component {
  const log = openSync(logFile, 'a')
  const child = spawn(command, args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...inherited, ...env },
    ...(cwd ? { cwd } : {}),
  })
  closeSync(log)
  letEnd(child)
  const pid = child.pid
  if (pid === undefined) {
    child.once('error', () => {}) // comes later and says no more than this
    throw new Error(`${command} could not be started`)
  }
  leashGroup(pid)
  let ended = false
  const end = new Promise<void>((resolve) => {
    child.once('exit', () => {
      ended = true
      signalGroup(pid, 'SIGKILL') // whoever of the group is left
      leashGroup(pid, false)
      resolve()
    })
  })
  return {
    pid,
    output: () => readFileSync(logFile, 'utf8'),
    hasEnded: () => ended,
    async stop(signal = 'SIGTERM') {
      if (ended) return
      // The child is unreferenced, so something else has to keep the event loop turning.
      const hurry = setTimeout(() => signalGroup(pid, 'SIGKILL'), 5000)
      signalGroup(pid, signal)
      await end
      clearTimeout(hurry)
    },
  }
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // Ended by itself.
  }
}

/** Asks until the answer is true. Fails with the component's last words when it ends, or in time. */
export async function untilReady(
  component: Component,
  isReady: () => Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await isReady())) {
    const late = Date.now() > deadline
    if (late || component.hasEnded()) {
      await component.stop('SIGKILL')
      const what = late ? `is not ready after ${timeoutMs} ms` : 'ended while starting'
      throw new Error(`component ${component.pid} ${what}:\n${component.output().slice(-2000)}`)
    }
    await sleep(20)
  }
}

/** True where somebody accepts connections on this port of 127.0.0.1. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(socket.destroy() !== undefined))
    socket.once('error', () => resolve(false))
  })
}

/** The full path of the first of these programs that is installed. */
export function findProgram(...names: string[]): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/bin']
  return names
    .flatMap((name) => (name.startsWith('/') ? [name] : folders.map((f) => path.join(f, name))))
    .find(isExecutable)
}

/** Available where each of the programs, or full paths of files, is there. */
export function needsPrograms(...names: string[]): Availability {
  const missing = names.filter((name) => !findProgram(name))
  if (missing.length === 0) return { ok: true }
  const hint = process.env['AUTHCORE_TEST_SETUP_PROBLEM']
  return {
    ok: false,
    reason: `${missing.join(', ')} not installed${hint ? ` (${hint})` : ''}`,
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, /\.(so|ldif)$/.test(file) ? constants.R_OK : constants.X_OK)
    return true
  } catch {
    return false
  }
}

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs'
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A server started the way people start it, in a process group of its own that ends with us. */

export const ROOT = path.resolve(import.meta.dirname, '../..')

export type ServerProcess = {
  /** Of the process itself; what it starts is below it. */
  pid: number
  /** Milliseconds from the start of the process to the first 200 of what was asked. */
  readyMs: number
  /** What it has printed so far. */
  output(): string
  /** Asks it to end as Ctrl-C does, and waits for it. */
  stop(): Promise<void>
}

export type Start = {
  command: readonly [string, ...string[]]
  cwd: string
  env: NodeJS.ProcessEnv
  /** What is asked until it answers 200. */
  readyUri: string
  timeoutMs: number
}

export const readyUriOf = (port: number) => `http://127.0.0.1:${port}/health/ready`

let logs: Promise<string> | undefined
let started = 0

export async function startServer(start: Start): Promise<ServerProcess> {
  // Read through a pipe, what it prints would cost whoever measures it.
  logs ??= temporaryFolder()
  started += 1
  const logFile = path.join(await logs, `${started}.log`)
  const log = openSync(logFile, 'a')
  const output = () => readFileSync(logFile, 'utf8')
  const startedAt = performance.now()
  const [program, ...args] = start.command
  const child = spawn(program, args, {
    cwd: start.cwd,
    env: start.env,
    stdio: ['ignore', log, log],
    detached: true,
  })
  closeSync(log)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const letGo = endWithUs(child)
  while (!(await answers(start.readyUri))) {
    const late = performance.now() - startedAt > start.timeoutMs
    if (late || child.exitCode !== null) {
      signal(child, 'SIGKILL')
      throw new Error(`${start.command.join(' ')} did not get ready:\n${output().slice(-2000)}`)
    }
    await sleep(10)
  }
  return {
    pid: child.pid!,
    readyMs: performance.now() - startedAt,
    output,
    async stop() {
      signal(child, 'SIGTERM')
      await Promise.race([ended, sleep(30_000, undefined, { ref: false })])
      signal(child, 'SIGKILL')
      letGo()
    },
  }
}

async function answers(uri: string): Promise<boolean> {
  try {
    const response = await fetch(uri)
    await response.body?.cancel()
    return response.status === 200
  } catch {
    return false
  }
}

/** To the whole group: npm passes signals on, but not the one that cannot be caught. */
function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, name)
  } catch {
    // Gone already.
  }
}

function endWithUs(child: ChildProcess): () => void {
  const end = () => signal(child, 'SIGKILL')
  process.once('exit', end)
  return () => process.off('exit', end)
}

/** The shell's environment without settings of ours and without what npm and its PATH add. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const foreign =
    /^(AUTHCORE_|DEMO_|NODE_ENV$|NODE_OPTIONS$|NODE_COMPILE_CACHE$|DATABASE_URL|REDIS_URL|ISSUER$|PORT$|PG[A-Z]+$|npm_|INIT_CWD$)/
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name))
  const folders = (process.env['PATH'] ?? '').split(path.delimiter)
  const usual = folders.filter((folder) => !folder.includes('node_modules'))
  return { ...Object.fromEntries(kept), PATH: usual.join(path.delimiter) }
}

/** A folder that goes when this process does. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'authcore-bench-'))
  // Where we are root, the database runs as somebody else, and would lie where nobody removes it.
  await chmod(folder, 0o711)
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1))

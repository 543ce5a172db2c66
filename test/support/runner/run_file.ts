import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { leashGroup } from '../leash.ts'
import { NOTE } from '../say.ts'
import { skipReason } from '../skip.ts'
import type { Line } from './reporter.ts'

/** Runs one test file in a mocha process of its own and reads what came of it. */

export type Result = {
  file: string
  durationMs: number
  passed: number
  failures: { title: string; error: string }[]
  skipped: { title: string; reason: string }[]
  /** Tests that never began, because a hook before them failed or the process ended. */
  notRun: number
  /** What its tests had to say (`say.ts`). */
  notes: string[]
}

export type RunOptions = {
  root: string
  reportFile: string
  timeLimitMs: number
  grep: string | undefined
  env: NodeJS.ProcessEnv
}

const REPORTER = fileURLToPath(new URL('reporter.ts', import.meta.url))

type End = { code: number | null; signal: string | null; timedOut: boolean; output: string }

export async function runFile(file: string, options: RunOptions): Promise<Result> {
  const startedAt = performance.now()
  const end = await runMocha(file, options)
  const lines = readLines(options.reportFile)
  const passed = lines.filter((line) => line.kind === 'passed').length
  const failed = lines.filter((line) => line.kind === 'failed')
  const skipped = lines.filter((line) => line.kind === 'skipped')
  const total = lines.find((line) => line.kind === 'start')?.total ?? 0
  const done = passed + skipped.length + failed.filter(({ isTest }) => isTest).length
  const problem = problemOf(lines, end, options)
  return {
    file,
    durationMs: performance.now() - startedAt,
    passed,
    failures: [
      ...failed.map(({ title, error }) => ({ title, error })),
      ...(problem ? [{ title: problem, error: end.output.slice(-4000) }] : []),
    ],
    skipped: skipped.map(({ title }) => readSkip(title)),
    notRun: total - done,
    notes: notesIn(end.output),
  }
}

function notesIn(output: string): string[] {
  const lines = output.split('\n').filter((line) => line.startsWith(NOTE))
  return lines.map((line) => line.slice(NOTE.length))
}

function readSkip(title: string) {
  return { title, reason: skipReason(title) ?? 'no reason given' }
}

/** What went wrong with the process itself, where its tests do not tell already. */
function problemOf(lines: Line[], end: End, { timeLimitMs, grep }: RunOptions): string | undefined {
  const has = (...kinds: Line['kind'][]) => lines.some(({ kind }) => kinds.includes(kind))
  const during = lines.findLast((line) => line.kind === 'begin')?.title
  const last = during ? `, the last to begin was: ${during}` : ', before any test began'
  const how = end.signal ?? `exit code ${end.code}`
  if (end.timedOut) return `(hung: still running after ${timeLimitMs / 1000} s${last})`
  if (!has('end')) return `(crashed: ${how}${last})`
  if (!has('passed', 'failed', 'skipped')) return grep ? undefined : '(holds no tests)'
  if (has('failed')) return undefined
  const open = lines.find((line) => line.kind === 'open')
  if (open) return `(did not end by itself, open: ${open.resources.join(', ')})`
  return end.code === 0 ? undefined : `(ended with ${how} after its tests)`
}

function runMocha(file: string, options: RunOptions): Promise<End> {
  const { root, reportFile, timeLimitMs, grep, env } = options
  const mocha = path.join(root, 'node_modules/mocha/bin/mocha.js')
  // Longer than for a lone file: here they compete for the machine.
  const patience = ['--timeout', '30000']
  const filter = grep ? ['--grep', grep] : []
  const flags = ['--reporter', REPORTER, '--forbid-only', ...patience, ...filter]
  const child = spawn(process.execPath, [mocha, ...flags, file], {
    cwd: root,
    detached: true, // a group of its own, so that whatever it starts ends with it
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, AUTHCORE_TEST_REPORT: reportFile },
  })
  const pid = child.pid!
  leashGroup(pid)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-100_000)
    })
  }
  return new Promise((resolve) => {
    let timedOut = false
    const timer = setTimeout(() => {
      timedOut = true
      killGroup(pid)
    }, timeLimitMs)
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      killGroup(pid)
      leashGroup(pid, false)
      resolve({ code, signal, timedOut, output: output.trim() })
    })
  })
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody is left.
  }
}

function readLines(file: string): Line[] {
  if (!existsSync(file)) return []
  const complete = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  return complete.map((line) => JSON.parse(line) as Line)
}

/** Runs a program with the pinned Node 24, whichever Node runs this file. */
import { spawn } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import module from 'node:module'
import path from 'node:path'
import { isatty } from 'node:tty'
import { pathToFileURL } from 'node:url'
import { getHeapStatistics } from 'node:v8'
import { PINNED_NODE, ROOT } from './ensure_install.mjs'

/**
 * Where Node keeps what it has compiled: a start then takes half the time. Inside the project, where
 * nobody else can put anything; a folder that cannot be written is no fault.
 */
const COMPILE_CACHE = path.join(ROOT, 'node_modules', '.cache', 'compiled')

/** The same for a program that is imported into this process. */
export function useCompileCache() {
  module.enableCompileCache?.(COMPILE_CACHE)
}

/** A production install has no pinned Node; then the one that runs us is new enough. */
const node = () => (existsSync(PINNED_NODE) ? realpathSync(PINNED_NODE) : process.execPath)

/**
 * Runs `file`: inside this process where this already is the pinned Node (as under `npm run`, which
 * puts it first on the PATH), so that no wrapper stands between a signal and the program; else in
 * a child.
 */
export async function runFile(file, args) {
  if (process.execPath !== node()) return runChild([file, ...args])
  process.argv.splice(1, Number.POSITIVE_INFINITY, path.resolve(file), ...args)
  useCompileCache()
  await import(pathToFileURL(file))
}

/**
 * The most that V8 may hold of what lives longer, MiB. It also decides how often that is collected,
 * which stands in the way of requests each time: with 1024 when it has grown by 60 %, with this when
 * it has doubled, and from 2048 on fourfold, with which a busy process takes 270 MiB instead of 200.
 */
const OLD_GENERATION_MIB = 2047

/**
 * What keeps a process small that serves for weeks, where it is not set already. Both can only be
 * said before its first line: V8 otherwise never gives back a young generation that a busy minute
 * has grown to 48 MiB (here to 24; with 12 a request takes a tenth more), and collects an old one
 * without a bound late; the C library keeps what a password hash needed, 19 MiB for each thread,
 * unless it is told when to return freed memory (the value is its own default, which it would raise
 * by itself).
 */
function frugality() {
  const tuned = /--max[-_](semi[-_]space|old[-_]space|heap)[-_]size/
  if (tuned.test(`${process.env.NODE_OPTIONS} ${process.execArgv}`)) return { flags: [], env: {} }
  return { flags: heapFlags(), env: { MALLOC_TRIM_THRESHOLD_: '131072' } }
}

/** V8's part of it; no more than the machine or its container grants a process, bytes. */
export function heapFlags(grantedBytes = getHeapStatistics().heap_size_limit) {
  const oldMib = Math.min(OLD_GENERATION_MIB, Math.floor(grantedBytes / 2 ** 20))
  return ['--max-semi-space-size=8', `--max-old-space-size=${oldMib}`]
}

/** A child that serves; see `runChild`. */
export function runServer(nodeArgs) {
  const { flags, env } = frugality()
  return runChild([...flags, ...nodeArgs], env)
}

/** Starts this very process anew as one that serves: the same id, the same arguments. */
export function becomeServer() {
  const { flags, env } = frugality()
  if (flags.length === 0) return
  const args = [process.execPath, ...flags, ...process.execArgv, ...process.argv.slice(1)]
  try {
    process.execve?.(process.execPath, args, { ...env, ...process.env })
  } catch {
    // Not on this system: it serves as it is.
  }
}

/** A child whose signals and exit code become ours. */
export function runChild(nodeArgs, env = {}) {
  const child = spawn(node(), ['--disable-warning=ExperimentalWarning', ...nodeArgs], {
    stdio: 'inherit',
    env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...env, ...process.env },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) forward(signal, child)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (code, signal) => {
      if (signal) dieOf(signal)
      process.exitCode = code ?? 1
      resolve()
    })
  })
}

/**
 * Passes a signal on, once a second at most: npm and the terminal both deliver one Ctrl-C, and the
 * server takes a second signal for "at once". At a terminal the child has had SIGINT itself.
 */
function forward(signal, child) {
  const heardByAll = signal === 'SIGINT' && [0, 1, 2].some((descriptor) => isatty(descriptor))
  let last = Number.NEGATIVE_INFINITY
  process.on(signal, () => {
    const now = performance.now()
    if (now - last > 1000 && !heardByAll) child.kill(signal)
    last = now
  })
}

/** Ends as the child ended, so that the shell above sees the same. */
function dieOf(signal) {
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}

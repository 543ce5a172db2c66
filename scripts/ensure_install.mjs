/**
 * Brings node_modules in step with package-lock.json before anything of the product runs, so that
 * `npm start` and `npm test` are one command each on a fresh clone. Plain JavaScript for any
 * Node ≥ 20: at this moment nothing is installed, Node 24 included.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')

/** Node 24 as the development dependency `node` brings it; may not exist yet. */
export const PINNED_NODE = path.join(ROOT, 'node_modules/node/bin/node')

/** The Node that runs this file strips types by itself. */
export const RUNS_TYPESCRIPT = Number.parseInt(process.versions.node, 10) >= 24

const MODULES = path.join(ROOT, 'node_modules')
const STAMP = path.join(MODULES, '.authcore-install')
const LOCK_FILE = path.join(ROOT, 'package-lock.json')

const STOP_SIGNALS = ['SIGINT', 'SIGTERM']

const sha256 = (data) => createHash('sha256').update(data).digest('hex')
const stampNow = () => sha256(`${readFileSync(LOCK_FILE)}\n${process.platform}\n${process.arch}`)
const read = (file) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined)

/**
 * Installs what is missing, at most once at a time on this machine. Throws with words for people.
 *
 * @param toServe an installation without the development dependencies is enough
 */
export async function ensureInstall({ toServe = false } = {}) {
  if (isReady() || (toServe && isProductionInstall())) return
  const unlock = await takeLock()
  try {
    if (isReady()) return // whoever held the lock has done the work
    if (!matchesLockFile()) await install()
    if (!pinnedNodeAnswers()) await repairPinnedNode()
    writeFileSync(STAMP, stampNow())
  } finally {
    unlock()
  }
}

function isReady() {
  return existsSync(PINNED_NODE) && read(STAMP) === stampNow()
}

/** Somebody ran `npm ci --omit=dev` under a Node that can serve: nothing is missing for that. */
function isProductionInstall() {
  if (process.env.NODE_ENV !== 'production' || existsSync(PINNED_NODE)) return false
  return RUNS_TYPESCRIPT && matchesLockFile({ dev: false })
}

/** True where npm's own record of what it installed agrees with the lock file: somebody did it by hand. */
function matchesLockFile({ dev = true } = {}) {
  const record = read(path.join(MODULES, '.package-lock.json'))
  if (!record) return false
  const wanted = JSON.parse(readFileSync(LOCK_FILE, 'utf8')).packages
  return isComplete(JSON.parse(record).packages, wanted, { dev })
}

/**
 * Optional packages of other machines are rightly absent; in production all of them are, where
 * whoever installed it left them out.
 *
 * @param installed what is there, and `wanted` what should be, by folder
 */
export function isComplete(installed, wanted, { dev }) {
  return Object.entries(wanted).every(([where, entry]) => {
    if (where === '' || (!dev && entry.dev)) return true
    if (entry.optional && !installed[where]) return !dev || !fitsThisMachine(entry)
    return installed[where]?.version === entry.version
  })
}

/** Whether npm would install an optional package here. */
function fitsThisMachine({ os, cpu, libc }) {
  if (os && !os.includes(process.platform)) return false
  if (cpu && !cpu.includes(process.arch)) return false
  return !libc || libc.includes(libcHere())
}

/** Costs some milliseconds, so it is asked for only where a package of this processor is missing. */
function libcHere() {
  return process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl'
}

async function install() {
  process.stderr.write('Installing the dependencies (once) …\n')
  // NODE_ENV=production and `omit` settings would leave out Node 24 and the test tools.
  const wanted = ['--include=dev', '--include=optional']
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error']
  const { code, output } = await npm(['ci', ...wanted, ...quiet])
  if (code !== 0) throw new Error(`npm ci ended with code ${code}:\n${output}`)
}

/** `ignore-scripts=true` in somebody's npm settings keeps the package `node` from fetching its binary. */
async function repairPinnedNode() {
  const script = path.join(MODULES, 'node/installArchSpecificPackage.js')
  const { output } = await run(process.execPath, [script], path.dirname(script))
  if (pinnedNodeAnswers()) return
  throw new Error(
    `Node 24 is missing in ${path.relative(ROOT, PINNED_NODE)}. ` +
      `Allow install scripts and run: npm rebuild node --ignore-scripts=false\n${output}`,
  )
}

function pinnedNodeAnswers() {
  const answer = spawnSync(PINNED_NODE, ['--version'], { encoding: 'utf8' })
  return answer.status === 0 && answer.stdout.startsWith('v24.')
}

/** The very npm that runs us when one does: the PATH may know another, or none. */
function npm(args) {
  const own = process.env.npm_execpath ?? ''
  if (!/npm-cli\.c?js$/.test(own) || !existsSync(own)) return run('npm', args, ROOT)
  return run(process.execPath, [own, ...args], ROOT)
}

/** Runs to the end, or until we are told to stop; the output is kept for the case of failure only. */
function run(command, args, cwd) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    const chunks = []
    const stop = (signal) => child.kill(signal)
    for (const signal of STOP_SIGNALS) process.on(signal, stop)
    const done = (code, words) => {
      for (const signal of STOP_SIGNALS) process.off(signal, stop)
      resolve({ code, output: (words ?? Buffer.concat(chunks).toString()).trim() })
    }
    child.stdout.on('data', (chunk) => chunks.push(chunk))
    child.stderr.on('data', (chunk) => chunks.push(chunk))
    child.on('error', (error) => done(-1, error.message))
    child.on('close', (code, signal) => done(code ?? signal))
  })
}

/**
 * A directory is the lock, because making one is atomic. It lies outside node_modules, which
 * `npm ci` deletes first. The pid inside tells a lock that was left behind by a killed process.
 */
async function takeLock() {
  const lock = path.join(tmpdir(), `authcore-install-${sha256(ROOT).slice(0, 12)}.lock`)
  const pidFile = path.join(lock, 'pid')
  for (let attempt = 0; ; attempt++) {
    try {
      mkdirSync(lock)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      if (attempt === 0) process.stderr.write('Waiting for another installation to end …\n')
      if (attempt > 10 && !isAlive(Number(read(pidFile)))) removeStale(lock)
      await sleep(100)
    }
  }
  writeFileSync(pidFile, String(process.pid))
  return () => rmSync(lock, { recursive: true, force: true })
}

/** Renamed first, so that of two who wait only one removes it. */
function removeStale(lock) {
  const aside = `${lock}.${process.pid}`
  try {
    renameSync(lock, aside)
    rmSync(aside, { recursive: true, force: true })
  } catch {
    // The other one was quicker.
  }
}

function isAlive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

import { globSync, readFileSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { inspect, parseArgs } from 'node:util'
import { leashGroup, letGo, temporaryFolder } from '../leash.ts'
import { supportNeededBy } from './needs.ts'
import { installPackages } from './packages.ts'
import { createReport } from './report.ts'
import { runFile } from './run_file.ts'
import { rememberTimings, slowestFirst } from './timings.ts'

/**
 * `npm test`: every test file in a mocha process of its own, several at a time, with the servers that
 * they need. `npm test -- test/protocol/par.test.ts test/core --grep 'a word' --jobs 4` narrows it.
 */

const ROOT = path.resolve(import.meta.dirname, '../../..')
process.chdir(ROOT)

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { grep: { type: 'string', short: 'g' }, jobs: { type: 'string', short: 'j' } },
})

/**
 * Tests of faults, and of what several nodes know within a second, suffer from company: they come last
 * and one at a time.
 */
const ALONE = /^test\/(faults|nodes)\//
/** For one file, from the start of its process to its end, on a machine that is busy. */
const TIME_LIMIT_MS = 300_000

const jobs = Number(values.jobs ?? Math.max(2, availableParallelism()))
const report = createReport()

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // What still runs is on the leash and ends with us.
  process.once(signal, () => process.exit(report.close(`Interrupted by ${signal}.`)))
}
let problem: string | undefined
try {
  await main()
} catch (error) {
  problem = `The run itself failed: ${inspect(error)}`
}
await letGo()
process.exitCode = report.close(problem)

async function main(): Promise<void> {
  const files = slowestFirst(testFiles(positionals))
  if (files.length === 0) throw new Error(`no test file matches ${positionals.join(' ')}`)
  const needs = new Set(files.flatMap((file) => [...supportNeededBy(file)]))
  const missing = installPackages(needs, report.say)
  const folder = temporaryFolder('test')
  const server = needs.has('postgres') ? await startDatabase(folder) : undefined
  const env = {
    ...cleanEnvironment(folder),
    ...(missing ? { AUTHCORE_TEST_SETUP_PROBLEM: missing } : {}),
    ...(server ? { AUTHCORE_TEST_PG: JSON.stringify(server.connection) } : {}),
  }
  const run = async (file: string) => {
    const reportFile = path.join(folder, `${file.replaceAll('/', '_')}.jsonl`)
    const limits = { timeLimitMs: TIME_LIMIT_MS, grep: values.grep }
    report.add(await runFile(file, { root: ROOT, reportFile, ...limits, env }))
  }
  const [together, alone] = [false, true].map((is) => files.filter((f) => ALONE.test(f) === is))
  await drain(together ?? [], jobs, run)
  await drain(alone ?? [], 1, run)
  await server?.stop()
  rememberTimings(report.results())
}

/** One PostgreSQL for the run; it would outlive a runner that is killed, so it is put on the leash. */
async function startDatabase(folder: string) {
  const { startServer } = await import('../postgres.ts')
  const server = await startServer(path.join(folder, 'postgres'))
  const pid = Number.parseInt(readFileSync(path.join(server.dataDir, 'postmaster.pid'), 'utf8'), 10)
  leashGroup(pid)
  return {
    connection: server.connection,
    async stop() {
      const stopped = server.stop()
      process.kill(pid, 'SIGQUIT') // at once: nobody needs what it would write down
      await stopped
    },
  }
}

/** Works through the queue with so many hands. */
async function drain(queue: string[], hands: number, work: (file: string) => Promise<void>) {
  const waiting = [...queue]
  const hand = async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) await work(file)
  }
  await Promise.all(Array.from({ length: hands }, hand))
}

/** The test files that the arguments name: files, folders, patterns; all without any. */
function testFiles(named: string[]): string[] {
  const patterns = named.length > 0 ? named.map(asPattern) : ['test/**/*.test.ts']
  const found = new Set(patterns.flatMap((pattern) => globSync(pattern)))
  return [...found].map((file) => path.relative(ROOT, path.resolve(file))).sort()
}

function asPattern(name: string): string {
  const isFolder = statSync(name, { throwIfNoEntry: false })?.isDirectory()
  return isFolder ? path.join(name, '**/*.test.ts') : name
}

/**
 * What the tests inherit: the shell's environment without settings of our product, so that no test
 * ever speaks to somebody's own database.
 */
function cleanEnvironment(temporary: string): NodeJS.ProcessEnv {
  const foreign = /^(AUTHCORE_|NODE_ENV$|NODE_OPTIONS$|DATABASE_URL$|REDIS_URL|PG[A-Z]+$|npm_)/
  const kept = Object.entries(process.env).filter(([name]) => !foreign.test(name))
  return {
    ...Object.fromEntries(kept),
    PATH: `${path.join(ROOT, 'node_modules/.bin')}${path.delimiter}${process.env['PATH'] ?? ''}`,
    TMPDIR: temporary,
    // Each process loads much the same modules; compiling them once saves a third of its start.
    NODE_COMPILE_CACHE: path.join(ROOT, 'node_modules/.cache/authcore/compiled'),
  }
}

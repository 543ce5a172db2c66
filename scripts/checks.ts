import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/**
 * Everything that can be said about the code without running the product. All checks run, also when
 * one fails; each tells its time, and where it failed its words.
 */

/** Nothing to say means passed. */
type Check = { name: string; run(): Promise<string> }

const ROOT = path.resolve(import.meta.dirname, '..')
process.chdir(ROOT)

const CHECKS: Check[] = [
  { name: 'types', run: () => tool('tsc', '--noEmit') },
  { name: 'format and lint', run: () => tool('biome', 'check', '--max-diagnostics=50') },
  { name: 'no promise left alone', run: () => tool('oxlint', '--type-aware') },
  { name: 'the guard against that sees one', run: oxlintSeesOne },
  { name: 'floors', run: () => tool('mocha', '--reporter=dot', 'test/architecture/*.test.ts') },
  { name: 'no dead code', run: () => tool('knip', '--no-progress', '--no-config-hints') },
  { name: 'no test left out in silence', run: noTestLeftOut },
  { name: 'no registry address in a lock file', run: noRegistryAddress },
]

/** Two at a time: most of these tools use several threads themselves. */
const HANDS = 2
const waiting = [...CHECKS]
const failed: string[] = []
await Promise.all(Array.from({ length: HANDS }, work))
console.log(failed.length === 0 ? '\nAll checks passed.' : `\nFailed: ${failed.join(', ')}.`)
process.exitCode = failed.length === 0 ? 0 : 1

async function work(): Promise<void> {
  for (let check = waiting.shift(); check; check = waiting.shift()) {
    const startedAt = performance.now()
    const words = await check.run()
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    console.log(`${words ? '✖' : '✔'} ${check.name} (${seconds} s)`)
    if (words) console.log(`\n${words.replace(/^/gm, '    ')}\n`)
    if (words) failed.push(check.name)
  }
}

/** Runs a tool of node_modules/.bin; its output where it fails. */
async function tool(name: string, ...args: string[]): Promise<string> {
  const { code, output } = await run(name, args)
  return code === 0 ? '' : output || `${name} ended with code ${code} and no words`
}

function run(name: string, args: string[]): Promise<{ code: number | null; output: string }> {
  const bin = path.join(ROOT, 'node_modules/.bin')
  // First on the PATH, so that the tools too run on the pinned Node.
  const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}` }
  const child = spawn(path.join(bin, name), args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: -1, output: error.message }))
    child.on('close', (code) => resolve({ code, output: output.trim() }))
  })
}

/** A linter that reads no types, or no files, finds nothing and passes: so it is tried. */
async function oxlintSeesOne(): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'authcore-oxlint-'))
  try {
    const file = path.join(folder, 'a.ts')
    writeFileSync(path.join(folder, 'tsconfig.json'), '{ "include": ["*.ts"] }')
    writeFileSync(file, 'export async function f() {}\nexport function g() {\n  f()\n}\n')
    const config = path.join(ROOT, '.oxlintrc.json')
    const { output } = await run('oxlint', ['--type-aware', '--config', config, file])
    return output.includes('no-floating-promises') ? '' : `oxlint overlooked it:\n${output}`
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** `.only` hides every other test; `.skip` and `this.skip()` hide one without a reason. */
async function noTestLeftOut(): Promise<string> {
  const hides = /\b(?:describe|context|it|specify)\.(?:only|skip)\(|\bthis\.skip\(/
  const files = globSync('test/**/*.ts', { exclude: ['test/support/skip.ts'] })
  const faults = files.flatMap((file) => {
    const lines = readFileSync(file, 'utf8').split('\n')
    return lines.flatMap((line, i) =>
      hides.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [],
    )
  })
  const remedy = 'Tests say why they are left out, with skip() of test/support/skip.ts:'
  return faults.length === 0 ? '' : [remedy, ...faults].join('\n')
}

/** An address in a lock file binds everybody to the registry of whoever wrote it last. */
async function noRegistryAddress(): Promise<string> {
  const files = ['package-lock.json', ...globSync('bench/providers/*/package-lock.json')]
  const addresses = files.flatMap((file) => {
    const found = readFileSync(file, 'utf8').match(/"resolved": ".*"/g) ?? []
    return found.map((address) => `${address} in ${file}`)
  })
  const remedy =
    'Take them out with: npm install --package-lock-only --omit-lockfile-registry-resolved'
  return addresses.length === 0 ? '' : `${addresses.length} such as ${addresses[0]}\n${remedy}`
}

import { appendFileSync } from 'node:fs'
import { inspect } from 'node:util'
import Mocha from 'mocha'

/**
 * Writes what happens in this mocha process as JSON lines to the file the runner named, at once:
 * when the process dies, the last line tells in which test.
 */

export type Line =
  | { kind: 'start'; total: number }
  /** A test or a hook. */
  | { kind: 'begin'; title: string }
  | { kind: 'passed'; title: string; durationMs: number }
  | { kind: 'failed'; title: string; error: string; isTest: boolean }
  | { kind: 'skipped'; title: string }
  | { kind: 'end' }
  /** All tests are done, and something keeps the process alive. */
  | { kind: 'open'; resources: string[] }

/** How long after its last test a process may take to end. */
const GRACE_MS = 10_000

class JsonLines {
  constructor(runner: Mocha.Runner) {
    const file = process.env['AUTHCORE_TEST_REPORT']
    if (!file) throw new Error('this reporter serves scripts/test.mjs only')
    const write = (line: Line) => appendFileSync(file, `${JSON.stringify(line)}\n`)

    runner.once('start', () => write({ kind: 'start', total: runner.total }))
    runner.on('test', (test) => write({ kind: 'begin', title: titleOf(test) }))
    runner.on('hook', (hook) => write({ kind: 'begin', title: titleOf(hook) }))
    runner.on('pass', (test) =>
      write({ kind: 'passed', title: titleOf(test), durationMs: test.duration ?? 0 }),
    )
    runner.on('fail', (test, error) => {
      const isTest = test instanceof Mocha.Test
      write({ kind: 'failed', title: titleOf(test), error: describe(error), isTest })
    })
    runner.on('pending', (test) => write({ kind: 'skipped', title: titleOf(test) }))
    runner.once('end', () => {
      write({ kind: 'end' })
      // Runs only where something else keeps the event loop turning.
      setTimeout(() => {
        write({ kind: 'open', resources: process.getActiveResourcesInfo() })
        process.exit(1)
      }, GRACE_MS).unref()
    })
  }
}

function titleOf(runnable: Mocha.Runnable): string {
  return runnable.titlePath().join(' › ')
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return inspect(error)
  const { stack = String(error), cause } = error
  const lines = [withoutOurTools(stack), ...difference(error)]
  if (cause !== undefined) lines.push(`caused by ${describe(cause)}`)
  return lines.join('\n')
}

/** What an assertion expected and found, line by line, where both are values of some size. */
function difference(error: Error): string[] {
  const { actual, expected, showDiff } = error as Error & Record<string, unknown>
  if (!showDiff || expected === undefined) return []
  const [a = '', b = ''] = [actual, expected].map((value) => Mocha.utils.stringify(value))
  return a.includes('\n') || b.includes('\n')
    ? [Mocha.reporters.Base.generateDiff(a, b).trim()]
    : []
}

/** The frames of our own files; those of mocha, chai and Node say nothing. */
function withoutOurTools(stack: string): string {
  return stack
    .split('\n')
    .filter((line) => !/^\s+at .*(node_modules\/(mocha|chai)\/|node:internal)/.test(line))
    .slice(0, 25)
    .join('\n')
}

// Mocha loads a reporter with require() and takes the class itself, not a default export.
export { JsonLines as 'module.exports' }

import type { Result } from './run_file.ts'

/** What the run says: a line per file, failures in full at once, and a summary to end with. */

export type Report = {
  say(line: string): void
  add(result: Result): void
  results(): readonly Result[]
  /**
   * Prints the summary, whose last line is `N passed, N failed, N skipped`, and returns the exit code.
   * A problem of the run itself counts as one failure.
   */
  close(problem?: string): number
}

export function createReport(say: (line: string) => void = console.log): Report {
  const startedAt = performance.now()
  const results: Result[] = []
  return {
    say,
    results: () => results,
    add(result) {
      results.push(result)
      say(headline(result))
      for (const { title, error } of result.failures) {
        say(`\n  ✖ ${title}\n    in ${result.file}\n\n${indent(error)}\n`)
      }
    },
    close(problem) {
      for (const line of summary(results, performance.now() - startedAt)) say(line)
      const { passed, failures, skipped } = totals(results)
      const failed = failures + (problem ? 1 : 0)
      if (problem) say(`\n${problem}`)
      say(`\n${passed} passed, ${failed} failed, ${skipped} skipped`)
      return failed > 0 || passed === 0 ? 1 : 0
    },
  }
}

function headline({ file, durationMs, passed, failures, skipped, notRun }: Result): string {
  const parts = [`${passed} passed`]
  if (failures.length > 0) parts.push(`${failures.length} failed`)
  if (skipped.length > 0) parts.push(`${skipped.length} skipped`)
  if (notRun > 0) parts.push(`${notRun} did not run`)
  return `${failures.length > 0 ? '✖' : '✔'} ${file} — ${parts.join(', ')} (${seconds(durationMs)})`
}

function summary(results: Result[], durationMs: number): string[] {
  const slowest = results.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, 10)
  return [
    `\n${results.length} files in ${seconds(durationMs)}. The slowest:`,
    ...slowest.map((result) => `  ${seconds(result.durationMs).padStart(8)}  ${result.file}`),
    ...section(
      'Notes',
      results.flatMap(({ notes }) => notes),
    ),
    ...section('Skipped', results.flatMap(skips)),
    ...section(
      'Failed',
      results.flatMap(({ file, failures }) => failures.map(({ title }) => `${file}: ${title}`)),
    ),
  ]
}

/** One line per file and reason. */
function skips({ file, skipped }: Result): string[] {
  const reasons = Map.groupBy(skipped, ({ reason }) => reason)
  return [...reasons].map(([reason, tests]) => `${file}: ${tests.length} because ${reason}`)
}

function section(title: string, lines: string[]): string[] {
  return lines.length > 0 ? [`\n${title}:`, ...lines.map((line) => `  ${line}`)] : []
}

function totals(results: Result[]) {
  const sum = (count: (result: Result) => number) => results.reduce((n, r) => n + count(r), 0)
  return {
    passed: sum((result) => result.passed),
    failures: sum((result) => result.failures.length),
    skipped: sum((result) => result.skipped.length),
  }
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`

const indent = (text: string) => text.replace(/^/gm, '    ')

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** How long each file took last time, so that the slowest begin first. Lost without harm. */

const FILE = 'node_modules/.cache/authcore/test_timings.json'

type Timings = Record<string, number>

export function slowestFirst(files: string[]): string[] {
  const timings = read()
  // A file never seen may be slow.
  const time = (file: string) => timings[file] ?? Number.POSITIVE_INFINITY
  return files.toSorted((a, b) => time(b) - time(a) || a.localeCompare(b))
}

export function rememberTimings(results: readonly { file: string; durationMs: number }[]): void {
  const timings = read()
  for (const { file, durationMs } of results) timings[file] = Math.round(durationMs)
  try {
    mkdirSync(path.dirname(FILE), { recursive: true })
    writeFileSync(FILE, JSON.stringify(timings))
  } catch {
    // A read-only tree runs its tests in another order, that is all.
  }
}

function read(): Timings {
  try {
    return existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Timings) : {}
  } catch {
    return {}
  }
}

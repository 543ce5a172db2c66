import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'

/** What a measurement prints: where and when it was taken, its rows, and whether the target is met. */

export type Row = { what: string; value: string }

export function printHeading(title: string): void {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  const others = loadavg()[0]?.toFixed(1) ?? '?'
  console.log(`${title}, ${new Date().toISOString().slice(0, 10)}, commit ${commit()}`)
  console.log(`${availableParallelism()} × ${model}, ${memory}, load before: ${others}\n`)
}

export function printRows(rows: readonly Row[]): void {
  const width = Math.max(...rows.map(({ what }) => what.length))
  for (const { what, value } of rows) console.log(`${what.padEnd(width)}  ${value.padStart(10)}`)
}

/** @returns whether the target is met */
export function judge(what: string, value: number, limit: number, unit: string): boolean {
  const met = value < limit
  const verdict = met ? 'met' : 'MISSED'
  console.log(
    `\n${what}: ${value.toPrecision(3)} ${unit}, target below ${limit} ${unit}: ${verdict}`,
  )
  return met
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** @param share such as 0.99 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
export const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}

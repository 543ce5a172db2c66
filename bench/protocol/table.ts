import type { Figures } from './measure.ts'
import { OPERATIONS } from './operations.ts'

/** What was measured, as Markdown: one table of costs beside the baseline, one of everything else. */

export type Results = {
  /** By operation, then by provider; undefined where it has no such operation. */
  figures: Record<string, Record<string, Figures | undefined>>
  providers: readonly string[]
  baseline: string
  /** Milliseconds of CPU of one password hash, which only those that are `hashed` make. */
  hashMs: number
  hashed: readonly string[]
  /** Why an operation is not measured there. */
  reasons: readonly { operation: string; provider: string; reason: string }[]
  atRest: Record<string, { readyMs: number; residentBytes: number }>
}

/** Operations that are told twice: with and without the hash. */
const HASHED = 'sign_in'

export function costTable({
  figures,
  providers,
  baseline,
  hashMs,
  hashed,
  atRest,
}: Results): string {
  const rows = Object.entries(figures).flatMap(([name, byProvider]) => {
    const base = byProvider[baseline]
    const row = (title: string, minusMs: number) => [
      title,
      ...providers.map((provider) => {
        const own = hashed.includes(provider) ? minusMs : 0
        return cost(byProvider[provider], provider === baseline ? undefined : base, own)
      }),
    ]
    const { title } = OPERATIONS[name]!
    if (name !== HASHED) return [row(title, 0)]
    return [row(title, 0), row(`${title}, without the hash`, hashMs)]
  })
  const rest = [
    'ready after / memory at rest',
    ...providers.map((provider) => {
      const { readyMs, residentBytes } = atRest[provider]!
      return `${(readyMs / 1000).toFixed(2)} s / ${(residentBytes / 2 ** 20).toFixed(0)} MiB`
    }),
  ]
  return markdown(['CPU ms per operation', ...providers], [...rows, rest])
}

function cost(own: Figures | undefined, base: Figures | undefined, minusMs: number): string {
  if (!own) return '–'
  const cpuMs = own.cpuMs - minusMs
  const text = digits(cpuMs)
  return base ? `${text} (${(cpuMs / base.cpuMs).toFixed(2)}×)` : text
}

/** One line for each dash of the table. */
export function reasonList({ reasons }: Results): string {
  return reasons
    .map(
      ({ operation, provider, reason }) =>
        `- ${provider}, ${OPERATIONS[operation]!.title}: ${reason}`,
    )
    .join('\n')
}

export function detailTable({ figures, providers }: Results): string {
  const rows = Object.entries(figures).flatMap(([name, byProvider]) =>
    providers.flatMap((provider) => {
      const own = byProvider[provider]
      if (!own) return []
      return [
        [
          OPERATIONS[name]!.title,
          provider,
          own.perS.toFixed(0),
          own.p50Ms.toFixed(1),
          own.p95Ms.toFixed(1),
          own.p99Ms.toFixed(1),
          digits(own.serverMs),
          digits(own.postgresMs),
          digits(own.redisMs),
          own.statements.toFixed(1),
          own.commands.toFixed(1),
          (own.peakBytes / 2 ** 20).toFixed(0),
        ],
      ]
    }),
  )
  return markdown(DETAILS, rows)
}

const DETAILS = [
  'operation',
  'provider',
  'per s',
  'p50 ms',
  'p95 ms',
  'p99 ms',
  'server CPU ms',
  'PostgreSQL CPU ms',
  'Redis CPU ms',
  'statements',
  'Redis commands',
  'peak MiB',
]

const digits = (ms: number) => (ms === 0 ? '0' : ms.toPrecision(ms >= 1 ? 3 : 2))

function markdown(head: readonly string[], rows: readonly string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

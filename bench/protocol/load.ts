import { OPERATIONS, openStage } from './operations.ts'
import type { ProviderDescription } from './provider.ts'

/**
 * The process that asks. It prepares, warms up, says `ready`, and once told `go` lets so many lanes
 * repeat an operation for so long or so often, whichever ends first.
 */

export type LoadOrder = {
  provider: ProviderDescription
  operation: string
  concurrency: number
  seconds: number
  atMost: number
  warmUps: number
  firstPerson: number
}
export type LoadResult = {
  count: number
  errors: number
  firstError?: string
  seconds: number
  p50Ms: number
  p95Ms: number
  p99Ms: number
}

if (process.send) {
  process.once('message', (order: LoadOrder) => {
    run(order).then(
      (result) => process.send!({ result }, () => process.exit(0)),
      (error: Error) => process.send!({ error: String(error.stack) }, () => process.exit(1)),
    )
  })
}

async function run(order: LoadOrder): Promise<LoadResult> {
  const { provider, operation, concurrency, firstPerson } = order
  const stage = await openStage(provider, { connections: concurrency, firstPerson })
  const { prepare } = OPERATIONS[operation]!
  const lanes = await Promise.all(
    Array.from({ length: concurrency }, (_, lane) => prepare(stage, lane)),
  )
  await repeat(lanes, { atMost: order.warmUps, seconds: 60 })
  const told = new Promise((resolve) => process.once('message', resolve))
  process.send!({ ready: true })
  await told
  return await repeat(lanes, order)
}

async function repeat(
  lanes: readonly (() => Promise<void>)[],
  { atMost, seconds }: { atMost: number; seconds: number },
): Promise<LoadResult> {
  const took: number[] = []
  let errors = 0
  let firstError: string | undefined
  let begun = 0
  const startedAt = performance.now()
  const until = startedAt + seconds * 1000
  const work = async (lane: () => Promise<void>) => {
    while (begun < atMost && performance.now() < until) {
      begun += 1
      const at = performance.now()
      try {
        await lane()
        took.push(performance.now() - at)
      } catch (error) {
        errors += 1
        firstError ??= String(error)
        if (errors > 50) return
      }
    }
  }
  await Promise.all(lanes.map(work))
  const sorted = took.sort((a, b) => a - b)
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return {
    count: took.length,
    errors,
    ...(firstError === undefined ? {} : { firstError }),
    seconds: (performance.now() - startedAt) / 1000,
    p50Ms: at(0.5),
    p95Ms: at(0.95),
    p99Ms: at(0.99),
  }
}

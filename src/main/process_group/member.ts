import type { Config } from '../../platform/config/schema.ts'
import { createLogger } from '../../platform/observability/logger.ts'
import {
  createMetrics,
  type Metrics,
  type ProcessMetrics,
  scrapeOf,
} from '../../platform/observability/metrics.ts'
import { serve } from '../serve.ts'
import type { FromMember, ToMember } from './messages.ts'

/**
 * One of several server processes. It serves as a lone one does; beyond that it says to its
 * supervisor that it lives, and knows what all of them have measured, because a scrape reaches one of
 * them. Without its supervisor it ends at once: Node does that.
 */
export async function serveAsMember(config: Config): Promise<void> {
  const { number, database } = await theBeginning()
  const metrics = createMetrics({ process: String(number) })
  const log = createLogger(config.server).child({ process: number, process_pid: process.pid })
  const place = { log, database, first: number === 1, metrics: metricsOfAll(metrics) }
  await serve(config, config.server.role, place)
  tell({ kind: 'serving' })
}

function theBeginning(): Promise<ToMember & { kind: 'begin' }> {
  return new Promise((resolve) => {
    process.once('message', (message) => resolve(message as ToMember & { kind: 'begin' }))
  })
}

/** Answers what the supervisor asks from now on. */
function metricsOfAll(own: Metrics): Metrics {
  const waiting = new Map<number, (measured: ProcessMetrics[]) => void>()
  let questions = 0
  const measure = async (question: number) =>
    tell({ kind: 'measured', question, metrics: await own.measure() })
  process.on('message', (message: ToMember) => {
    if (message.kind === 'are_you_there') tell({ kind: 'here' })
    // Who cannot is left out of the scrape.
    if (message.kind === 'measure') measure(message.question).catch(() => {})
    if (message.kind === 'all_measured') {
      waiting.get(message.question)?.(message.measured)
      waiting.delete(message.question)
    }
  })
  return {
    ...own,
    scrape: async () =>
      await scrapeOf(
        await new Promise<ProcessMetrics[]>((resolve) => {
          questions += 1
          waiting.set(questions, resolve)
          tell({ kind: 'measure_all', question: questions })
        }),
      ),
  }
}

/** A supervisor that is gone has no use for an answer. */
function tell(message: FromMember): void {
  process.send?.(message, undefined, undefined, () => {})
}

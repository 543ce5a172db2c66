import type { Clock } from '../../core/clock.ts'
import { messageBounced, messageDelivered } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import { type Report, recordReport } from './message_store.ts'

export type ReportDeps = { db: Db; clock: Clock }

/** Believes what the provider of this transport told; the first report of an end stands. */
export async function reportDelivery(
  { db, clock }: ReportDeps,
  report: Omit<Report, 'at'>,
): Promise<void> {
  await inTransaction(db, async (tx) => {
    const message = await recordReport(tx, { ...report, at: clock.now() })
    if (!message) return
    const { id: messageId, kind, channel, accountId } = message
    const facts = { messageId, kind, channel, accountId, transport: report.transport }
    const event = report.outcome === 'delivered' ? messageDelivered : messageBounced
    await appendEvent(tx, event(facts))
  })
}

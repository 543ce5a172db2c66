import type { Clock } from '../../core/clock.ts'
import { messageBounced, messageDelivered } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import { type Report, recordReport } from './message_store.ts'
import { type Addresses, suppressAddress } from './undeliverable.ts'
import { insertReportToken, type UndeliverableReason } from './undeliverable_store.ts'

export type ReportDeps = Addresses & { db: Db; clock: Clock }

export type DeliveryReport = Omit<Report, 'id' | 'at' | 'outcome'> & {
  /** Undefined where it is about no message of ours. */
  id: string | undefined
  /** Undefined for what is no end of it. */
  outcome: Report['outcome'] | undefined
  /** Of a mail: its address is not to be written to again. */
  undeliverable?: UndeliverableReason | undefined
  /** What the report can be told again by, where its signature covers nothing else. */
  token?: { value: string; expiresAt: Date } | undefined
}

/**
 * Believes what the provider of this transport told; the first report of an end stands, and a token
 * counts once.
 */
export async function reportDelivery(deps: ReportDeps, report: DeliveryReport): Promise<void> {
  const { id: messageId, undeliverable: reason, transport, token } = report
  const at = deps.clock.now()
  await inTransaction(deps.db, async (tx) => {
    if (token && !(await insertReportToken(tx, tokenOf(deps, transport, token)))) return
    if (messageId === undefined) return
    await settle(tx, report, messageId, at)
    if (reason) await suppressAddress(deps, tx, { messageId, reason, transport, at })
  })
}

async function settle(
  tx: Transaction,
  report: DeliveryReport,
  id: string,
  at: Date,
): Promise<void> {
  const { channel: by, transport, outcome } = report
  const message = outcome && (await recordReport(tx, { id, channel: by, transport, outcome, at }))
  if (!message) return
  const { id: messageId, kind, channel, accountId } = message
  const facts = { messageId, kind, channel, accountId, transport }
  await appendEvent(tx, outcome === 'delivered' ? messageDelivered(facts) : messageBounced(facts))
}

function tokenOf(
  { keyring }: ReportDeps,
  transport: string,
  { value, expiresAt }: { value: string; expiresAt: Date },
) {
  return { tokenHash: keyring.hash(`delivery_report:${transport}`, value), expiresAt }
}

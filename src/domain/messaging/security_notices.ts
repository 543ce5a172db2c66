import { isId } from '../../core/ids.ts'
import { approvalRequested, tokenReuseDetected } from '../../platform/events/catalogue.ts'
import type { EventSink, StoredEvent } from '../../platform/events/relay.ts'
import type { Transaction } from '../../platform/persistence/db.ts'
import { findAddressee } from './message_store.ts'
import { type QueueDeps, queueMessage } from './queue_message.ts'

type Deps = QueueDeps & {
  /** Where a person answers applications that ask for approval. */
  approvalsUri: string
}

/**
 * Tells people what happened to their account, and what waits for them; an event sink, so that no
 * request waits for it. Nothing happens for an account without an address, or for an event that was
 * told before.
 */
export function createSecurityNotices(deps: Deps): EventSink {
  return {
    name: 'security_notices',
    async deliver(tx, events) {
      for (const event of events) await tell(deps, tx, event)
    },
  }
}

async function tell(deps: Deps, tx: Transaction, event: StoredEvent): Promise<void> {
  if (event.type !== tokenReuseDetected.type && event.type !== approvalRequested.type) return
  const { accountId, clientId } = event.data as { accountId?: unknown; clientId?: unknown }
  if (typeof accountId !== 'string' || !isId(accountId)) return
  const addressee = await findAddressee(tx, { accountId, clientId: String(clientId) })
  if (!addressee) return
  const client = addressee.clientName.slice(0, 200) || 'AuthCore'
  const { email: recipient, locale } = addressee
  const message = { recipient, accountId, locale, idempotencyKey: `event:${event.id}` }
  if (event.type === tokenReuseDetected.type) {
    await queueMessage(deps, tx, { ...message, kind: 'token_reuse', fields: { client } })
  } else {
    const fields = { client, link: deps.approvalsUri }
    await queueMessage(deps, tx, { ...message, kind: 'approval_requested', fields })
  }
}

import { isId } from '../../core/ids.ts'
import { approvalRequested, tokenReuseDetected } from '../../platform/events/catalogue.ts'
import type { EventSink, StoredEvent } from '../../platform/events/relay.ts'
import type { MessageKind } from './kinds.ts'
import { insertNotice } from './message_store.ts'

/** Tells people what happened to their account, and what waits for them; an event sink, so that no request waits for it. */
export const securityNotices: EventSink = {
  name: 'security_notices',
  async deliver(tx, events) {
    for (const event of events) {
      const notice = noticeOf(event)
      if (notice) await insertNotice(tx, notice)
    }
  },
}

const KINDS: Readonly<Record<string, MessageKind>> = {
  [tokenReuseDetected.type]: 'token_reuse',
  [approvalRequested.type]: 'approval_requested',
}

function noticeOf({ id, type, data, occurredAt }: StoredEvent) {
  const { accountId, clientId } = data as { accountId?: unknown; clientId?: unknown }
  const kind = KINDS[type]
  if (!kind || typeof accountId !== 'string' || !isId(accountId)) {
    return undefined
  }
  return { eventId: id, kind, accountId, clientId: String(clientId), at: occurredAt }
}

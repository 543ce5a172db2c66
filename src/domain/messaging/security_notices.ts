import { isId } from '../../core/ids.ts'
import { tokenReuseDetected } from '../../platform/events/catalogue.ts'
import type { EventSink, StoredEvent } from '../../platform/events/relay.ts'
import { insertTokenReuseNotice } from './message_store.ts'

/** Tells people what happened to their account; an event sink, so that no request waits for it. */
export const securityNotices: EventSink = {
  name: 'security_notices',
  async deliver(tx, events) {
    for (const event of events) {
      const notice = noticeOf(event)
      if (notice) await insertTokenReuseNotice(tx, notice)
    }
  },
}

function noticeOf({ id, type, data, occurredAt }: StoredEvent) {
  const { accountId, clientId } = data as { accountId?: unknown; clientId?: unknown }
  if (type !== tokenReuseDetected.type || typeof accountId !== 'string' || !isId(accountId)) {
    return undefined
  }
  return { eventId: id, accountId, clientId: String(clientId), at: occurredAt }
}

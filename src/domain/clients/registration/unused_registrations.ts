import { tokenIssued } from '../../../platform/events/catalogue.ts'
import type { EventSink } from '../../../platform/events/relay.ts'
import { type Db, inTransaction } from '../../../platform/persistence/db.ts'
import { deleteClientIn, type EndClientAccess } from '../block_client.ts'
import { lockUnusedRegistrations, markRegistrationsUsed } from './client_registration_store.ts'

/**
 * Anybody may register, so what registered and never came back is removed. That a client obtained a
 * token is learnt from the event that tells so: no token request pays a statement for it.
 */

const BATCH = 100

export const registeredClientUse: EventSink = {
  name: 'registered_client_use',
  async deliver(tx, events) {
    const issued = events.filter(({ type }) => type === tokenIssued.type)
    const clientIds = [...new Set(issued.map(({ data }) => String(data['clientId'])))]
    if (clientIds.length > 0) await markRegistrationsUsed(tx, clientIds, issued[0]!.occurredAt)
  },
}

/** Removes one batch of clients that registered before and were never used; how many went. */
export async function deleteUnusedRegistrations(
  db: Db,
  { before, endAccess }: { before: Date; endAccess: EndClientAccess },
): Promise<number> {
  return await inTransaction(db, async (tx) => {
    const clientIds = await lockUnusedRegistrations(tx, { before, limit: BATCH })
    for (const clientId of clientIds) {
      await deleteClientIn(tx, clientId, { by: 'housekeeping', endAccess })
    }
    return clientIds.length
  })
}

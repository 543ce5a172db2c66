import { DomainError } from '../../core/errors.ts'
import { resourceServerDeleted } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import { deleteResourceServerRow } from './resource_server_store.ts'

/** No further token names it; those that do run out by themselves. @throws DomainError `not_found` */
export async function deleteResourceServer(
  { db }: { db: Db },
  identifier: string,
  { by }: { by?: string } = {},
): Promise<void> {
  await inTransaction(db, async (tx) => {
    if (!(await deleteResourceServerRow(tx, identifier))) {
      throw new DomainError('not_found', 'There is no such resource server.')
    }
    await appendEvent(tx, resourceServerDeleted({ identifier, ...(by ? { by } : {}) }))
    await notifyChange(tx, 'resource_server', identifier)
  })
}

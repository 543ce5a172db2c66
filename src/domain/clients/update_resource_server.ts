import type { Clock } from '../../core/clock.ts'
import { DomainError } from '../../core/errors.ts'
import { resourceServerUpdated } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import type { ResourceServerToCreate } from './create_resource_server.ts'
import { assertTypesAreFree } from './details_types_free.ts'
import { parseResourceServer, type ResourceServer } from './resource_server.ts'
import {
  findResourceServer,
  lockResourceServers,
  updateResourceServerRow,
} from './resource_server_store.ts'

export type ResourceServerChanges = Partial<Omit<ResourceServerToCreate, 'identifier'>>

/**
 * Changes what is given and leaves the rest; a list takes the place of the old one.
 *
 * @throws DomainError `not_found`, `invalid_input`, or `conflict` for a type of another API
 */
export async function updateResourceServer(
  { db, clock }: { db: Db; clock: Clock },
  identifier: string,
  changes: ResourceServerChanges,
  { by }: { by?: string } = {},
): Promise<ResourceServer> {
  return await inTransaction(db, async (tx) => {
    await lockResourceServers(tx)
    const before = await findResourceServer(tx, identifier)
    if (!before) throw new DomainError('not_found', 'There is no such resource server.')
    const { createdAt, updatedAt: _, ...known } = before
    const after = {
      ...parseResourceServer({ ...known, ...changes } as ResourceServerToCreate),
      createdAt,
      updatedAt: clock.now(),
    }
    await assertTypesAreFree(tx, after)
    await updateResourceServerRow(tx, after)
    await appendEvent(tx, resourceServerUpdated({ identifier, ...(by ? { by } : {}) }))
    await notifyChange(tx, 'resource_server', identifier)
    return after
  })
}

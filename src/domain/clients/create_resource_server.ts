import type { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { resourceServerCreated } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import { assertTypesAreFree } from './details_types_free.ts'
import {
  parseResourceServer,
  type ResourceServer,
  type resourceServerSchema,
} from './resource_server.ts'
import { insertResourceServer } from './resource_server_store.ts'

export type ResourceServerToCreate = z.input<typeof resourceServerSchema>

/** @throws DomainError `invalid_input`, or `conflict` where the identifier is taken */
export async function createResourceServer(
  { db, clock }: { db: Db; clock: Clock },
  input: ResourceServerToCreate,
  { by, tx }: { by?: string; tx?: Transaction } = {},
): Promise<ResourceServer> {
  const now = clock.now()
  const server = { ...parseResourceServer(input), createdAt: now, updatedAt: now }
  const { identifier } = server
  const create = async (tx: Transaction): Promise<ResourceServer> => {
    await assertTypesAreFree(tx, server)
    await insertResourceServer(tx, server)
    await appendEvent(tx, resourceServerCreated({ identifier, ...(by ? { by } : {}) }))
    await notifyChange(tx, 'resource_server', identifier)
    return server
  }
  return tx ? await create(tx) : await inTransaction(db, create)
}

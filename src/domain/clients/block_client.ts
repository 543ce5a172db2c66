import { clientDeleted, clientDisabled, clientEnabled } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import type { Client, ClientStatus } from './client.ts'
import {
  deleteClientRow,
  getClient,
  getClientForUpdate,
  updateClientStatus,
} from './client_store.ts'
import type { ClientDeps } from './create_client.ts'

type Deps = Pick<ClientDeps, 'db' | 'clock'>

/** Ends the grants and tokens of a client, in the transaction that takes its access away. */
export type EndClientAccess = (tx: Transaction, clientId: string) => Promise<void>
type Options = { by?: string | undefined; endAccess?: EndClientAccess | undefined }

/** Refused from now on, everywhere; doing it twice is no fault. @throws DomainError `not_found` */
export async function disableClient(
  deps: Deps,
  clientId: string,
  { by, endAccess }: Options = {},
): Promise<Client> {
  return await changeStatus(deps, clientId, 'disabled', { by, endAccess })
}

/** @throws DomainError `not_found` */
export async function enableClient(
  deps: Deps,
  clientId: string,
  { by }: { by?: string } = {},
): Promise<Client> {
  return await changeStatus(deps, clientId, 'active', { by, endAccess: undefined })
}

async function changeStatus(
  { db, clock }: Deps,
  clientId: string,
  status: ClientStatus,
  { by, endAccess }: { by: string | undefined; endAccess: EndClientAccess | undefined },
): Promise<Client> {
  const happened = status === 'active' ? clientEnabled : clientDisabled
  return await inTransaction(db, async (tx) => {
    const changed = await updateClientStatus(tx, clientId, status, clock.now())
    const client = await getClient(tx, clientId)
    if (changed) {
      await appendEvent(tx, happened({ clientId, ...(by ? { by } : {}) }))
      await notifyChange(tx, 'client', clientId)
    }
    await endAccess?.(tx, clientId)
    return client
  })
}

/** Its secrets and the consents given to it go with it. @throws DomainError `not_found` */
export async function deleteClient(
  { db }: Pick<Deps, 'db'>,
  clientId: string,
  { by, endAccess }: Options = {},
): Promise<void> {
  await inTransaction(db, (tx) => deleteClientIn(tx, clientId, { by, endAccess }))
}

/** The same in a transaction of the caller. @throws DomainError `not_found` */
export async function deleteClientIn(
  tx: Transaction,
  clientId: string,
  { by, endAccess }: Options,
): Promise<void> {
  await getClientForUpdate(tx, clientId)
  await endAccess?.(tx, clientId)
  await deleteClientRow(tx, clientId)
  await appendEvent(tx, clientDeleted({ clientId, ...(by ? { by } : {}) }))
  await notifyChange(tx, 'client', clientId)
}

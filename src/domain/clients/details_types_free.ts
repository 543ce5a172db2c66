import { DomainError } from '../../core/errors.ts'
import type { Transaction } from '../../platform/persistence/db.ts'
import type { ResourceServer } from './resource_server.ts'
import { listAuthorizationDetailsTypes, lockResourceServers } from './resource_server_store.ts'

/**
 * A request names a type and no API: each type is of one API only. Whoever registers another at the
 * same time waits.
 *
 * @throws DomainError `conflict`
 */
export async function assertTypesAreFree(
  tx: Transaction,
  { identifier, authorizationDetailsTypes }: ResourceServer,
): Promise<void> {
  if (authorizationDetailsTypes.length === 0) return
  await lockResourceServers(tx)
  const known = await listAuthorizationDetailsTypes(
    tx,
    authorizationDetailsTypes.map(({ type }) => type),
  )
  const taken = known.find(({ resource }) => resource !== identifier)
  if (!taken) return
  throw new DomainError(
    'conflict',
    `The authorization details type ${taken.type} belongs to ${taken.resource}.`,
  )
}

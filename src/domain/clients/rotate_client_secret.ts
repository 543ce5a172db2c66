import { DomainError } from '../../core/errors.ts'
import { clientSecretRotated } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { inTransaction } from '../../platform/persistence/db.ts'
import { needsSecret } from './client_metadata.ts'
import { generateClientSecret, liveSecrets } from './client_secret.ts'
import { deleteOtherClientSecrets, expireClientSecret } from './client_secret_store.ts'
import { getClient, getClientForUpdate } from './client_store.ts'
import { addSecret, type ClientDeps, type ClientWithSecret } from './create_client.ts'

const OVERLAP_MAX_S = 30 * 86_400

/**
 * Makes a new secret. The newest one before it works for `overlapS` seconds more, so that a
 * deployment can change over; any older one ends at once. There are never more than two.
 *
 * @throws DomainError `not_found`, `invalid_input` where the client has no secret
 */
export async function rotateClientSecret(
  deps: ClientDeps,
  clientId: string,
  { overlapS, by }: { overlapS: number; by?: string },
): Promise<Required<ClientWithSecret>> {
  if (!Number.isInteger(overlapS) || overlapS < 0 || overlapS > OVERLAP_MAX_S) {
    throw new DomainError('invalid_input', 'The overlap must be 0 seconds to 30 days.')
  }
  return await inTransaction(deps.db, async (tx) => {
    const before = await getClientForUpdate(tx, clientId)
    if (!needsSecret(before.metadata)) {
      throw new DomainError('invalid_input', 'This client does not authenticate with a secret.')
    }
    const now = deps.clock.now()
    const newest = overlapS > 0 ? liveSecrets(before, now)[0] : undefined
    await deleteOtherClientSecrets(tx, clientId, newest?.id)
    if (newest) {
      await expireClientSecret(tx, newest.id, new Date(now.getTime() + overlapS * 1000))
    }
    const secret = generateClientSecret()
    await addSecret(tx, deps, clientId, secret)
    await appendEvent(tx, clientSecretRotated({ clientId, overlapS, ...(by ? { by } : {}) }))
    await notifyChange(tx, 'client', clientId)
    return { client: await getClient(tx, clientId), secret }
  })
}

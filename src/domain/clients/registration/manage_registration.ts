import { DomainError } from '../../../core/errors.ts'
import { type Origin, registrationAccessRevoked } from '../../../platform/events/catalogue.ts'
import { appendEvent } from '../../../platform/events/outbox.ts'
import { inTransaction } from '../../../platform/persistence/db.ts'
import type { EndClientAccess } from '../block_client.ts'
import type { Client } from '../client.ts'
import type { ClientPreset } from '../client_presets.ts'
import { findClient } from '../client_store.ts'
import type { ClientDeps, ClientWithSecret } from '../create_client.ts'
import { type ClientChanges, updateClient } from '../update_client.ts'
import { endRegistrationAccess, findRegistrationByToken } from './client_registration_store.ts'
import { asRefusal, BY_REGISTRATION, hashRegistrationAccess } from './register_client.ts'
import { type Chosen, OWN_MEMBERS } from './registered_metadata.ts'

/** RFC 7592: a client reads, changes and deletes its own registration. */

export type Managed = { client: Client; presets: readonly ClientPreset[] }

/**
 * The client, where the registration access token is its own. One that is shown at another client is
 * in wrong hands, and ends.
 *
 * @throws DomainError `unauthenticated`
 */
export async function authenticateRegistration(
  deps: ClientDeps,
  { clientId, token, origin }: { clientId: string; token: string; origin: Origin },
): Promise<Managed> {
  const hash = hashRegistrationAccess(deps.keyring, token)
  const owner = await findRegistrationByToken(deps.db, hash)
  if (owner && owner.clientId !== clientId) await burn(deps, hash, owner.clientId, clientId, origin)
  const client = owner?.clientId === clientId ? await findClient(deps.db, clientId) : undefined
  if (!owner || client?.status !== 'active') {
    throw new DomainError('unauthenticated', 'The registration access token is not valid here.')
  }
  return { client, presets: owner.presets }
}

async function burn(
  { db }: ClientDeps,
  hash: Buffer,
  clientId: string,
  shownAt: string,
  origin: Origin,
): Promise<void> {
  await inTransaction(db, async (tx) => {
    if (!(await endRegistrationAccess(tx, hash))) return
    await appendEvent(
      tx,
      registrationAccessRevoked({ clientId, shownAt: shownAt.slice(0, 255), ...origin }),
    )
  })
}

/**
 * Puts a new description in the place of the old one (RFC 7592 §2.2): what it leaves out is gone.
 * What an operator gave the client stays.
 *
 * @throws RegistrationRefused
 */
export async function replaceRegistration(
  deps: ClientDeps,
  clientId: string,
  { preset, name, metadata }: Chosen,
  endCodes: EndClientAccess,
): Promise<ClientWithSecret> {
  const replaced = Object.fromEntries(
    OWN_MEMBERS.map((member) => [member, metadata[member] ?? null]),
  ) as ClientChanges['metadata'] & object
  return await updateClient(deps, clientId, {
    name,
    preset,
    metadata: replaced,
    by: BY_REGISTRATION,
    endCodes,
  }).catch(asRefusal)
}

import { clientUpdated } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { inTransaction } from '../../platform/persistence/db.ts'
import type { EndClientAccess } from './block_client.ts'
import type { Client } from './client.ts'
import { type ClientMetadataInput, needsSecret } from './client_metadata.ts'
import { assertClientName } from './client_name.ts'
import type { ClientPreset } from './client_presets.ts'
import { generateClientSecret } from './client_secret.ts'
import { deleteOtherClientSecrets } from './client_secret_store.ts'
import { getClient, getClientForUpdate, updateClientRow } from './client_store.ts'
import { addSecret, type ClientDeps, type ClientWithSecret } from './create_client.ts'
import { parseClientMetadata } from './parse_client_metadata.ts'
import { assertSectorIdentifier, assertSectorUnchanged } from './sector_identifier.ts'

export type ClientChanges = {
  name?: string | undefined
  firstParty?: boolean | undefined
  preset?: ClientPreset | undefined
  /** Goes over what is there; null takes a member away (RFC 7396). */
  metadata?: { [Member in keyof ClientMetadataInput]?: ClientMetadataInput[Member] | null }
  by?: string | undefined
  /** Ends the pending codes of the client: called where one of its redirect_uris is taken away. */
  endCodes?: EndClientAccess | undefined
}

/**
 * Changes a client. Where it begins to authenticate with a secret, one is made and returned; where
 * it ceases to, its secrets are deleted.
 *
 * @throws DomainError `not_found`, `invalid_input`
 */
export async function updateClient(
  deps: ClientDeps,
  clientId: string,
  changes: ClientChanges,
): Promise<ClientWithSecret> {
  const seen = await getClient(deps.db, clientId)
  const { metadata: verified } = changed(seen, changes, deps.clock.now())
  await assertSectorIdentifier(deps.outbound, verified, seen.metadata)
  return await inTransaction(deps.db, async (tx) => {
    const before = await getClientForUpdate(tx, clientId)
    const after = changed(before, changes, deps.clock.now())
    assertSectorUnchanged(verified, after.metadata)
    await updateClientRow(tx, after)
    if (losesRedirectUri(before, after)) await changes.endCodes?.(tx, clientId)
    const secret = await alignSecrets(tx, deps, before, after)
    await appendEvent(tx, clientUpdated({ clientId, ...(changes.by ? { by: changes.by } : {}) }))
    await notifyChange(tx, 'client', clientId)
    const client = await getClient(tx, clientId)
    return { client, ...(secret === undefined ? {} : { secret }) }
  })
}

function changed(before: Client, changes: ClientChanges, updatedAt: Date): Client {
  const { name = before.name, firstParty = before.firstParty, preset = before.preset } = changes
  assertClientName(name)
  const merged = Object.entries({ ...before.metadata, ...changes.metadata })
  const metadata = parseClientMetadata(
    Object.fromEntries(merged.filter(([, value]) => value !== null)),
    preset,
  )
  return { ...before, name, firstParty, preset, metadata, updatedAt }
}

/** A code on its way there would arrive after all. */
function losesRedirectUri(before: Client, after: Client): boolean {
  const kept = new Set(after.metadata.redirect_uris)
  return before.metadata.redirect_uris.some((uri) => !kept.has(uri))
}

async function alignSecrets(
  tx: ClientDeps['db'],
  deps: ClientDeps,
  before: Client,
  after: Client,
): Promise<string | undefined> {
  const needs = needsSecret(after.metadata)
  if (needs === needsSecret(before.metadata)) return undefined
  await deleteOtherClientSecrets(tx, after.clientId)
  if (!needs) return undefined
  const secret = generateClientSecret()
  await addSecret(tx, deps, after.clientId, secret)
  return secret
}

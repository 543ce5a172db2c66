import type { Clock } from '../../core/clock.ts'
import { DomainError } from '../../core/errors.ts'
import { newId } from '../../core/ids.ts'
import { clientCreated } from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { type Db, inTransaction, type Transaction } from '../../platform/persistence/db.ts'
import type { Client, ClientOrigin } from './client.ts'
import { type ClientMetadata, type ClientMetadataInput, needsSecret } from './client_metadata.ts'
import { assertClientName } from './client_name.ts'
import { type ClientPreset, presetDefaults } from './client_presets.ts'
import { generateClientSecret, hashClientSecret } from './client_secret.ts'
import { insertClientSecret } from './client_secret_store.ts'
import { insertClient } from './client_store.ts'
import { parseClientMetadata } from './parse_client_metadata.ts'
import { assertSectorIdentifier, type Caller } from './sector_identifier.ts'

export type ClientDeps = {
  db: Db
  keyring: Keyring
  clock: Clock
  /** Needed where metadata name a `sector_identifier_uri`, which is then read. */
  outbound?: Caller | undefined
}

export type ClientToCreate = {
  clientId?: string | undefined
  name: string
  firstParty?: boolean | undefined
  preset: ClientPreset
  /** By default an operator registers it. */
  origin?: ClientOrigin | undefined
  metadata?: ClientMetadataInput | undefined
  /** For configured and imported clients; otherwise one is generated where the client needs it. */
  secret?: string | undefined
  by?: string | undefined
}

/** The secret in clear is here once and never again. */
export type ClientWithSecret = { client: Client; secret?: string }

/**
 * @throws DomainError `invalid_input` naming the member that is not acceptable, `conflict` where the
 *   client_id is taken
 */
export async function createClient(
  deps: ClientDeps,
  input: ClientToCreate,
  tx?: Transaction,
): Promise<ClientWithSecret> {
  const metadata = parseClientMetadata(
    { ...presetDefaults(input.preset), ...input.metadata },
    input.preset,
  )
  // Whoever brings a transaction has asked before it began: it waits for nobody.
  if (!tx) await assertSectorIdentifier(deps.outbound, metadata)
  const secret = secretFor(metadata, input.secret)
  const client = newClient(deps.clock.now(), input, metadata)
  const create = async (tx: Transaction): Promise<ClientWithSecret> => {
    await insertClient(tx, client)
    const secrets = secret === undefined ? [] : [await addSecret(tx, deps, client.clientId, secret)]
    const { clientId } = client
    await appendEvent(tx, clientCreated({ clientId, ...(input.by ? { by: input.by } : {}) }))
    await notifyChange(tx, 'client', clientId)
    return { client: { ...client, secrets }, ...(secret === undefined ? {} : { secret }) }
  }
  return tx ? await create(tx) : await inTransaction(deps.db, create)
}

function newClient(
  now: Date,
  input: ClientToCreate,
  metadata: ClientMetadata,
): Omit<Client, 'secrets'> {
  const { clientId = newId(now.getTime()), name, firstParty = false } = input
  if (!/^[\x21-\x7e]{1,255}$/.test(clientId)) {
    throw new DomainError('invalid_input', 'client_id must be printable ASCII without spaces.')
  }
  assertClientName(name)
  const { preset, origin = 'operator' } = input
  const times = { createdAt: now, updatedAt: now }
  return { clientId, name, status: 'active', firstParty, preset, origin, metadata, ...times }
}

function secretFor(metadata: ClientMetadata, given: string | undefined): string | undefined {
  if (!needsSecret(metadata)) {
    if (given === undefined) return undefined
    throw new DomainError(
      'invalid_input',
      `A client with ${metadata.token_endpoint_auth_method} has no secret.`,
    )
  }
  if (given !== undefined && !/^[\x21-\x7e]{16,256}$/.test(given)) {
    throw new DomainError(
      'invalid_input',
      'A client secret must have 16 to 256 printable ASCII characters.',
    )
  }
  return given ?? generateClientSecret()
}

/** Stores the hash of a further secret; the caller keeps them at two. */
export async function addSecret(
  tx: Db,
  { keyring, clock }: Pick<ClientDeps, 'keyring' | 'clock'>,
  clientId: string,
  secret: string,
): Promise<Client['secrets'][number]> {
  const createdAt = clock.now()
  const stored = {
    id: newId(createdAt.getTime()),
    hash: hashClientSecret(keyring, secret),
    createdAt,
  }
  await insertClientSecret(tx, { ...stored, clientId })
  return { ...stored, expiresAt: null }
}

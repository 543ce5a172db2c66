import { z } from 'zod'
import type { Clock } from '../../core/clock.ts'
import { DomainError } from '../../core/errors.ts'
import { newId } from '../../core/ids.ts'
import {
  connectionCreated,
  connectionDeleted,
  connectionDisabled,
  connectionEnabled,
  connectionUpdated,
} from '../../platform/events/catalogue.ts'
import { appendEvent } from '../../platform/events/outbox.ts'
import type { Keyring } from '../../platform/keys/keyring.ts'
import { notifyChange } from '../../platform/persistence/change_feed.ts'
import { type Db, inTransaction } from '../../platform/persistence/db.ts'
import { uniqueViolation } from '../../platform/persistence/sql_errors.ts'
import { type Connection, connectionName, type Definition, definitionSchema } from './connection.ts'
import { sealSecrets } from './connection_secrets.ts'
import {
  deleteConnectionRow,
  getConnectionForUpdate,
  insertConnection,
  listConnections,
  updateConnectionRow,
  updateConnectionStatus,
} from './connection_store.ts'
import type { ConnectorKind } from './connector.ts'
import type { Kinds } from './kinds.ts'

/** Setting connections up, changing them and taking them away. A running server knows at once. */

export type ManageDeps = { db: Db; clock: Clock; keyring: Keyring; kinds: Kinds }

/** A file as it was written, its secrets resolved: `resolveSecrets`. */
export type ConnectionToSet = {
  content: unknown
  secrets: Readonly<Record<string, string>>
  /** Of the secrets. */
  faults?: readonly string[]
}

const headSchema = z.object({ name: connectionName, kind: z.string().max(40) })

/** @throws DomainError `invalid_input` naming every fault, `conflict` where the name is taken */
export async function createConnection(
  deps: ManageDeps,
  input: ConnectionToSet,
  { by }: { by?: string } = {},
): Promise<Connection> {
  const parsed = await parseConnection(deps.kinds, input)
  const now = deps.clock.now()
  const fresh: Connection = {
    ...parsed,
    id: newId(now.getTime()),
    status: 'active',
    createdAt: now,
    updatedAt: now,
  }
  try {
    await inTransaction(deps.db, async (tx) => {
      // First: a file that is there already has its own domains, and its name says more.
      await insertConnection(tx, fresh, sealSecrets(deps.keyring, fresh.id, input.secrets))
      await assertDomainsFree(tx, fresh)
      await appendEvent(tx, connectionCreated({ connection: fresh.name, ...byWhom(by) }))
      await notifyChange(tx, 'connection', fresh.name)
    })
  } catch (error) {
    if (uniqueViolation(error) === undefined) throw error
    throw new DomainError('conflict', `There is a connection ${fresh.name} already.`, {
      hint: `See it with: authcore connection show ${fresh.name}`,
      cause: error,
    })
  }
  return fresh
}

/**
 * What the file says takes the place of what was there. Another host with the secret of the one before
 * would be sent it: so all secrets come with the file again.
 *
 * @throws DomainError `not_found`, `invalid_input`
 */
export async function updateConnection(
  deps: ManageDeps,
  input: ConnectionToSet,
  { by }: { by?: string } = {},
): Promise<Connection> {
  const parsed = await parseConnection(deps.kinds, input)
  return await inTransaction(deps.db, async (tx) => {
    const before = await getConnectionForUpdate(tx, parsed.name)
    if (before.kind !== parsed.kind) {
      throw new DomainError('invalid_input', `The connection ${before.name} is of another kind.`, {
        hint: 'Whoever is linked there would be somebody else: make a connection of another name.',
      })
    }
    const after = { ...before, definition: parsed.definition, updatedAt: deps.clock.now() }
    await assertDomainsFree(tx, after)
    await updateConnectionRow(tx, after, sealSecrets(deps.keyring, before.id, input.secrets))
    await appendEvent(tx, connectionUpdated({ connection: after.name, ...byWhom(by) }))
    await notifyChange(tx, 'connection', after.name)
    return after
  })
}

/** @throws DomainError `not_found` */
export async function setConnectionStatus(
  { db, clock }: Pick<ManageDeps, 'db' | 'clock'>,
  { name, status, by }: { name: string; status: Connection['status']; by?: string },
): Promise<Connection> {
  return await inTransaction(db, async (tx) => {
    const before = await getConnectionForUpdate(tx, name)
    if (before.status === status) return before
    const now = clock.now()
    await updateConnectionStatus(tx, { id: before.id, status, now })
    const event = status === 'active' ? connectionEnabled : connectionDisabled
    await appendEvent(tx, event({ connection: name, ...byWhom(by) }))
    await notifyChange(tx, 'connection', name)
    return { ...before, status, updatedAt: now }
  })
}

/** With it go the links of the people who came from there; their accounts stay. @throws DomainError `not_found` */
export async function deleteConnection(
  { db }: Pick<ManageDeps, 'db'>,
  { name, by }: { name: string; by?: string },
): Promise<void> {
  await inTransaction(db, async (tx) => {
    const { id } = await getConnectionForUpdate(tx, name)
    await deleteConnectionRow(tx, id)
    await appendEvent(tx, connectionDeleted({ connection: name, ...byWhom(by) }))
    await notifyChange(tx, 'connection', name)
  })
}

type Parsed = Pick<Connection, 'name' | 'kind' | 'definition'>

/**
 * All faults at once, each naming its place in the file.
 *
 * @throws DomainError `invalid_input`
 */
async function parseConnection(
  kinds: Kinds,
  { content, secrets, faults: ofSecrets = [] }: ConnectionToSet,
): Promise<Parsed> {
  const { name, kind: kindName, ...rest } = membersOf(content)
  const head = headSchema.safeParse({ name, kind: kindName })
  const definition = definitionSchema.safeParse(rest)
  const faults = [...faultsIn(head), ...faultsIn(definition), ...ofSecrets]
  const kind = head.data && (await kinds.get(head.data.kind)?.())
  if (kind && definition.data) {
    const { settings } = definition.data
    faults.push(...faultsOfKind(kind, { settings, secrets, ofSecrets }))
    faults.push(...syncFaults(head.data.kind, kind, definition.data))
  } else if (head.data && !kind) {
    const all = [...kinds.keys()].join(', ')
    faults.push(`kind: there is no kind ${JSON.stringify(head.data.kind)}, but ${all}`)
  }
  if (faults.length > 0 || !head.data || !definition.data) throw faulty(faults)
  return { ...head.data, definition: definition.data }
}

/** Where nothing could be gone through, or nobody made. */
function syncFaults(
  kindName: string,
  kind: ConnectorKind,
  { sync, provisioning, settings }: Definition,
): string[] {
  if (!sync) return []
  const parsed = kind.settings.safeParse(settings)
  const fault = kind.listingLacks
    ? parsed.success && kind.listingLacks(parsed.data)
    : `is for directories; a connection of the kind ${kindName} does not tell who there is`
  return [
    ...(fault ? [`sync: ${fault}`] : []),
    ...(sync.create && provisioning === 'none'
      ? ['sync.create: contradicts provisioning, which is none']
      : []),
  ]
}

function membersOf(content: unknown): Record<string, unknown> {
  if (typeof content === 'object' && content !== null && !Array.isArray(content)) {
    return content as Record<string, unknown>
  }
  throw faulty(['the file: must have members such as name and kind'])
}

/** Of what the kind alone understands. What a faulty secret would lead to is not told besides. */
function faultsOfKind(
  kind: ConnectorKind,
  input: Pick<ConnectionToSet, 'secrets'> & { settings: unknown; ofSecrets: readonly string[] },
): readonly string[] {
  const { secrets, ofSecrets } = input
  const settings = kind.settings.safeParse(input.settings)
  const faults = [...faultsIn(settings, ['settings']), ...missingSecrets(kind, input)]
  if (!settings.success || faults.length + ofSecrets.length > 0) return faults
  return kind.contradictions?.({ settings: settings.data, secrets }) ?? []
}

function missingSecrets(
  kind: ConnectorKind,
  { secrets, ofSecrets }: Pick<ConnectionToSet, 'secrets'> & { ofSecrets: readonly string[] },
): string[] {
  return Object.entries(kind.secrets)
    .filter(([name, need]) => need === 'required' && !secrets[name])
    .map(([name]) => `settings.${name}: `)
    .filter((place) => !ofSecrets.some((fault) => fault.startsWith(place)))
    .map((place) => `${place}is missing: name where it is, { env: NAME } or { file: /path }`)
}

function faultsIn(result: z.ZodSafeParseResult<unknown>, at: readonly string[] = []): string[] {
  return (result.error?.issues ?? []).map(
    ({ path, message }) => `${[...at, ...path].join('.') || 'the file'}: ${message}`,
  )
}

function faulty(faults: readonly string[]): DomainError {
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`
  const lines = faults.map((fault) => `  - ${fault}`)
  return new DomainError('invalid_input', `The connection has ${count}:\n${lines.join('\n')}`, {
    hint: 'See docs/federation.',
  })
}

/** Whoever has an address there would not know where they are sent. */
async function assertDomainsFree(db: Db, { id, definition }: Connection): Promise<void> {
  const others = (await listConnections(db)).filter((other) => other.id !== id)
  for (const domain of definition.domains) {
    const other = others.find((each) => each.definition.domains.includes(domain))
    if (!other) continue
    throw new DomainError('conflict', `${domain} leads to the connection ${other.name} already.`, {
      hint: 'A mail domain leads to one connection.',
    })
  }
}

function byWhom(by: string | undefined): { by?: string } {
  return by === undefined ? {} : { by }
}

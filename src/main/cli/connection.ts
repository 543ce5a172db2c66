import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { DomainError } from '../../core/errors.ts'
import { loadProfile } from '../../domain/accounts/profile/load_profile.ts'
import { previewAdmission } from '../../domain/authentication/preview_admission.ts'
import { findLastRun, type SyncRun } from '../../domain/directory_sync/sync_run_store.ts'
import {
  type Connection,
  type Definition,
  definitionSchema,
} from '../../domain/federation/connection.ts'
import { resolveSecrets } from '../../domain/federation/connection_secrets.ts'
import { listConnections } from '../../domain/federation/connection_store.ts'
import type { Connector, DirectoryEntry } from '../../domain/federation/connector.ts'
import { KINDS } from '../../domain/federation/kinds.ts'
import {
  createConnection,
  deleteConnection,
  setConnectionStatus,
  updateConnection,
} from '../../domain/federation/manage_connections.ts'
import { environmentVariable } from '../../platform/config/load_config.ts'
import { OutboundError } from '../../platform/outbound/outbound_error.ts'
import type { CliCommand } from './cli_command.ts'
import { BY, type Workplace, withDatabase } from './command_database.ts'
import { confirm } from './confirm.ts'
import { defineSync, runData, runRows } from './connection_sync.ts'
import { getConnection, kindOf, withConnector } from './open_connection.ts'
import { readYamlFile, withoutLineBreak } from './option_values.ts'
import type { Answer } from './output.ts'
import { fields, table, visible } from './text.ts'

/** `authcore connection`: the sources that people sign in at. */

export function defineConnectionCommands(group: CliCommand): void {
  group.asGroup()
  group
    .command('create <file>')
    .summary('let people sign in at a source')
    .description(
      'Makes a connection of a YAML or JSON file (see docs/federation). Secrets are named in it, { env: NAME } or { file: /path }, and read by this command. A running server knows at once.',
    )
    .examples('authcore connection create works.yaml')
    .answers(([file]) => create(file!))
  group
    .command('update <file>')
    .summary('change a connection')
    .description(
      'What the file says takes the place of what was there, secrets as well. Whoever is linked stays linked.',
    )
    .examples('authcore connection update works.yaml')
    .answers(([file]) => update(file!))
  group
    .command('list')
    .summary('list all connections')
    .description('Lists the connections, also those that are disabled.')
    .answers(() => withDatabase(async ({ db }) => listAnswer(await listConnections(db))))
  group
    .command('show <name>')
    .summary('show one connection')
    .description(
      'Shows one connection as its file says it, without secrets, and when its directory was last gone through.',
    )
    .answers(([name]) => show(name!))
  group
    .command('test <name>')
    .summary('see whether a connection works')
    .description(
      'Asks the source whether it answers and takes our credentials. With --user a directory is asked for somebody, and what would become of them here is told; nobody is made or signed in.',
    )
    .option('--user <login>', 'the name that somebody would sign in with')
    .examples('authcore connection test works', 'authcore connection test works --user ada')
    .answers(([name], options: { user?: string }) => test(name!, options))
  defineSync(group)
  group
    .command('disable <name>')
    .summary('let nobody sign in there')
    .description('Nobody signs in there from now on; who is signed in stays so.')
    .answers(([name]) => setStatus(name!, 'disabled'))
  group
    .command('enable <name>')
    .summary('let people sign in there again')
    .description('Takes the disabling back.')
    .answers(([name]) => setStatus(name!, 'active'))
  group
    .command('delete <name>')
    .summary('delete a connection')
    .description(
      'Deletes a connection and the links of the people who came from there. Their accounts stay; who has no other way to sign in needs an operator.',
    )
    .option('--yes', 'do not ask')
    .answers(([name], { yes }: { yes?: boolean }) => remove(name!, yes))
}

async function create(file: string): Promise<Answer> {
  const input = await readConnection(file)
  return await withDatabase(async (place) =>
    connectionAnswer(await createConnection(managing(place), input, { by: BY })),
  )
}

async function update(file: string): Promise<Answer> {
  const input = await readConnection(file)
  return await withDatabase(async (place) =>
    connectionAnswer(await updateConnection(managing(place), input, { by: BY })),
  )
}

async function show(name: string): Promise<Answer> {
  return await withDatabase(async (place) => {
    const connection = await getConnection(place, name)
    return connectionAnswer(connection, await findLastRun(place.db, connection.id))
  })
}

function managing(place: Workplace) {
  return { ...place, keyring: place.keyring(), kinds: KINDS }
}

async function readConnection(file: string) {
  return await resolveSecrets(KINDS, readYamlFile('<file>', file), (reference) =>
    'env' in reference ? environmentVariable(reference.env) : secretIn(reference.file),
  )
}

function secretIn(path: string): string | undefined {
  try {
    return withoutLineBreak(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

async function test(name: string, { user }: { user?: string }): Promise<Answer> {
  return await withDatabase(async (place) => {
    const connection = await getConnection(place, name)
    return await withConnector(place, connection, async (connector) => {
      const detail = await probe(connector)
      return user === undefined
        ? { data: { name, ok: true, detail }, text: `The connection ${name} works.\n${detail}` }
        : await lookUp(place, { connection, connector, user })
    })
  })
}

/** @returns what works, and what of it does not */
async function probe(connector: Connector): Promise<string> {
  const probed = await connector.probe()
  if (probed.ok) return probed.detail
  throw new DomainError('unavailable', 'The source does not answer as it should.', {
    hint: probed.reason,
  })
}

async function lookUp(
  place: Workplace,
  { connection, connector, user }: { connection: Connection; connector: Connector; user: string },
): Promise<Answer> {
  const entry = await entryOf(connector, user)
  const kind = await kindOf(connection)
  const connections = { kindOf: () => kind }
  const profile = await loadProfile(place.config)
  const { person, fault } = entry
  const { outcome, accountId, claims, attributes } = await previewAdmission(
    { db: place.db, connections, profile },
    connection,
    entry,
  )
  const data = {
    name: connection.name,
    ok: true,
    subject: person.subject,
    username: person.username ?? null,
    email: person.email ?? null,
    email_verified: person.emailVerified,
    groups: person.groups,
    fault: fault ?? null,
    outcome,
    account_id: accountId ?? null,
    claims,
    attributes,
  }
  return { data, text: fields(Object.entries(data).filter(([name]) => name !== 'ok')) }
}

async function entryOf({ directory }: Connector, user: string): Promise<DirectoryEntry> {
  if (!directory) {
    throw new DomainError('unsupported', 'This source cannot be asked for somebody.', {
      hint: 'Only a directory with an account of ours (bind_dn) can. Sign in there to see what becomes of somebody.',
    })
  }
  const entry = await directory.lookUp(user).catch((error: unknown) => {
    if (!(error instanceof OutboundError)) throw error
    throw new DomainError('unavailable', 'The source could not be asked for somebody.', {
      hint: error.message,
      cause: error,
    })
  })
  if (entry) return entry
  throw new DomainError('not_found', 'Nobody there has this name, or more than one.')
}

async function setStatus(name: string, status: Connection['status']): Promise<Answer> {
  return await withDatabase(async (place) =>
    connectionAnswer(await setConnectionStatus(place, { name, status, by: BY })),
  )
}

async function remove(name: string, yes: boolean | undefined): Promise<Answer> {
  const warning = `Deleting the connection ${name} cannot be undone: nobody is linked there any more.`
  await confirm({ warning, word: name, yes })
  return await withDatabase(async ({ db }) => {
    await deleteConnection({ db }, { name, by: BY })
    return { data: { name, deleted: true }, text: `The connection ${name} is deleted.` }
  })
}

function connectionAnswer(connection: Connection, lastRun?: SyncRun): Answer {
  const { name, kind, status, definition, createdAt, updatedAt } = connection
  const about = fields([
    ['status', status],
    ['created', createdAt],
    ['updated', updatedAt],
    ...(lastRun ? runRows(lastRun) : []),
  ])
  const file = asYaml({ name, kind, ...inOrder(definition) })
  const data = connectionData(connection)
  return {
    data: lastRun ? { ...data, last_run: runData(lastRun) } : data,
    text: `${about}\n\n${file}`,
  }
}

/** As the documentation lists the members: the database keeps them in an order of its own. */
function inOrder(definition: Definition): Partial<Definition> {
  const names = Object.keys(definitionSchema.shape) as (keyof Definition)[]
  return Object.fromEntries(
    names.flatMap((name) => (definition[name] === undefined ? [] : [[name, definition[name]]])),
  )
}

function asYaml(value: object): string {
  const { stringify } = createRequire(import.meta.url)('yaml') as typeof import('yaml')
  return stringify(value).split('\n').map(visible).join('\n')
}

function listAnswer(connections: readonly Connection[]): Answer {
  const rows = connections.map(({ name, kind, status, definition }) => [
    name,
    kind,
    status,
    definition.title ?? '-',
    definition.domains.join(' ') || '-',
  ])
  const heads = ['name', 'kind', 'status', 'title', 'domains']
  return {
    data: { connections: connections.map(connectionData) },
    text: table(heads, rows, 'There are no connections.'),
  }
}

function connectionData({ id, name, kind, status, definition, createdAt, updatedAt }: Connection) {
  return { id, name, kind, status, ...definition, created_at: createdAt, updated_at: updatedAt }
}

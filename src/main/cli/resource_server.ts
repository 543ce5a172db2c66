import { InvalidArgumentError, Option } from 'commander'
import { formatDurationS } from '../../core/duration.ts'
import { DomainError } from '../../core/errors.ts'
import type { AuthorizationDetailsType } from '../../domain/clients/authorization_details.ts'
import {
  createResourceServer,
  type ResourceServerToCreate,
} from '../../domain/clients/create_resource_server.ts'
import { deleteResourceServer } from '../../domain/clients/delete_resource_server.ts'
import type {
  AccessTokenFormat,
  ResourceScope,
  ResourceServer,
  SigningAlgorithm,
} from '../../domain/clients/resource_server.ts'
import {
  findResourceServer,
  listResourceServers,
} from '../../domain/clients/resource_server_store.ts'
import { updateResourceServer } from '../../domain/clients/update_resource_server.ts'
import type { Db } from '../../platform/persistence/db.ts'
import type { CliCommand } from './cli_command.ts'
import { BY, withDatabase } from './command_database.ts'
import { confirm } from './confirm.ts'
import { collect, duration, readJsonFile } from './option_values.ts'
import type { Answer } from './output.ts'
import { fields, table } from './text.ts'

/** `authcore resource-server`: the APIs that accept our access tokens (RFC 8707). */

const PAGE = 500

type UpdateOptions = {
  name?: string
  scope?: ResourceScope[]
  format?: AccessTokenFormat
  ttl?: number
  alg?: SigningAlgorithm
  /** Files; false where all types are taken away. */
  authorizationType?: string[] | false
}
type CreateOptions = UpdateOptions & { identifier: string; name: string }

export function defineResourceServerCommands(group: CliCommand): void {
  group.asGroup()
  group
    .command('create')
    .summary('register an API')
    .description('Registers an API. Clients name it as `resource`; its tokens carry it as `aud`.')
    .requiredOption('--identifier <uri>', 'absolute URI, compared byte for byte')
    .requiredOption('--name <name>', 'the name people read')
    .option(
      '--scope <name=description>',
      'a scope and what it lets an application do, as people read it; may be repeated',
      scope,
    )
    .addOption(formatOption().default('jwt'))
    .option(
      '--ttl <duration>',
      'lifetime of its access tokens (default: the configured one)',
      duration,
    )
    .addOption(algOption().default('ES256'))
    .option(...AUTHORIZATION_TYPE)
    .examples(
      'authcore resource-server create --identifier https://api.example.com --name "Example API" --scope "read=See your data" --scope "write=Change your data"',
    )
    .answers((_, options: CreateOptions) => create(options))
  group
    .command('update <identifier>')
    .summary('change an API')
    .description(
      'Changes what is given and leaves the rest; a list takes the place of the old one. A running server knows at once.',
    )
    .option('--name <name>', 'the name people read')
    .option('--scope <name=description>', 'a scope of it from now on; may be repeated', scope)
    .addOption(formatOption())
    .option('--ttl <duration>', 'lifetime of its access tokens', duration)
    .addOption(algOption())
    .option(...AUTHORIZATION_TYPE)
    .option('--no-authorization-type', 'it understands no authorization details any more')
    .examples(
      'authcore resource-server update https://api.example.com --authorization-type payment.json',
    )
    .answers(([identifier], options: UpdateOptions) => update(identifier!, options))
  group
    .command('list')
    .summary('list all APIs')
    .description('Lists all resource servers.')
    .answers(() => withDatabase(async ({ db }) => listAnswer(await everyServer(db))))
  group
    .command('show <identifier>')
    .summary('show one API')
    .description('Shows one resource server.')
    .answers(([identifier]) => withDatabase(({ db }) => show(db, identifier!)))
  group
    .command('delete <identifier>')
    .summary('delete an API')
    .description(
      'Deletes a resource server: no further token names it, those that do run out by themselves.',
    )
    .option('--yes', 'do not ask')
    .answers(([identifier], { yes }: { yes?: boolean }) => remove(identifier!, yes))
}

const AUTHORIZATION_TYPE = [
  '--authorization-type <file>',
  'a type of authorization details (RFC 9396) that it understands, a JSON object; may be repeated',
  collect,
] as const

function formatOption(): Option {
  return new Option(
    '--format <format>',
    'jwt, which the API checks itself, or opaque, which it asks about',
  ).choices(['jwt', 'opaque'])
}

function algOption(): Option {
  return new Option('--alg <algorithm>', 'what its JWTs are signed with').choices([
    'ES256',
    'RS256',
    'EdDSA',
  ])
}

function scope(value: string, previous: readonly ResourceScope[] = []): ResourceScope[] {
  const at = value.indexOf('=')
  if (at === 0) throw new InvalidArgumentError('Write it as "read=See your data".')
  const parsed =
    at < 0 ? { name: value } : { name: value.slice(0, at), description: value.slice(at + 1) }
  return [...previous, parsed]
}

async function create(options: CreateOptions): Promise<Answer> {
  const { identifier, name } = options
  const input = { ...membersOf(options), identifier, name }
  return await withDatabase(async (place) => {
    const server = await createResourceServer(place, input, { by: BY }).catch(async (error) => {
      const known = await findResourceServer(place.db, identifier)
      throw known ? taken(error, identifier) : error
    })
    return serverAnswer(server)
  })
}

async function update(identifier: string, options: UpdateOptions): Promise<Answer> {
  const changes = membersOf(options)
  return await withDatabase(async (place) =>
    serverAnswer(await updateResourceServer(place, identifier, changes, { by: BY })),
  )
}

/** What the options say of it, and no more. */
function membersOf({
  name,
  scope: scopes,
  format,
  ttl,
  alg,
  authorizationType: files,
}: UpdateOptions): Partial<ResourceServerToCreate> {
  const members = {
    name,
    scopes,
    accessTokenFormat: format,
    accessTokenTtlS: ttl,
    signingAlgorithm: alg,
    authorizationDetailsTypes: files === false ? [] : files?.map(readType),
  }
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

/** Checked with the rest of the resource server. */
function readType(file: string): AuthorizationDetailsType {
  return readJsonFile('--authorization-type', file) as AuthorizationDetailsType
}

function taken(error: unknown, identifier: string): unknown {
  if (!(error instanceof DomainError) || error.code !== 'conflict') return error
  return new DomainError('conflict', `There is a resource server ${identifier} already.`, {
    hint: `See it with: authcore resource-server show ${identifier}`,
    cause: error,
  })
}

async function everyServer(db: Db): Promise<ResourceServer[]> {
  const all: ResourceServer[] = []
  for (;;) {
    const page = await listResourceServers(db, { after: all.at(-1)?.identifier, limit: PAGE })
    all.push(...page)
    if (page.length < PAGE) return all
  }
}

async function show(db: Db, identifier: string): Promise<Answer> {
  const server = await findResourceServer(db, identifier)
  if (server) return serverAnswer(server)
  throw new DomainError('not_found', 'There is no such resource server.', {
    hint: 'See all of them with: authcore resource-server list',
  })
}

async function remove(identifier: string, yes: boolean | undefined): Promise<Answer> {
  const warning = `Deleting the resource server ${identifier} cannot be undone.`
  await confirm({ warning, word: identifier, yes })
  return await withDatabase(async ({ db }) => {
    await deleteResourceServer({ db }, identifier, { by: BY })
    return {
      data: { identifier, deleted: true },
      text: `The resource server ${identifier} is deleted.`,
    }
  })
}

function serverAnswer(server: ResourceServer): Answer {
  const text = fields([
    ['identifier', server.identifier],
    ['name', server.name],
    ['scopes', server.scopes.map(({ name, description }) => withReason(name, description))],
    ['format', server.accessTokenFormat],
    ['ttl', lifetime(server)],
    ['alg', server.signingAlgorithm],
    ['authorization types', server.authorizationDetailsTypes.map(({ type }) => type)],
    ['created', server.createdAt],
    ['updated', server.updatedAt],
  ])
  return { data: serverData(server), text }
}

function withReason(name: string, description: string | undefined): string {
  return description === undefined ? name : `${name} = ${description}`
}

function lifetime({ accessTokenTtlS }: ResourceServer): string {
  return accessTokenTtlS === null ? 'as configured' : formatDurationS(accessTokenTtlS)
}

function listAnswer(servers: readonly ResourceServer[]): Answer {
  const rows = servers.map((server) => [
    server.identifier,
    server.name,
    server.accessTokenFormat,
    server.signingAlgorithm,
    lifetime(server),
    server.scopes.map(({ name }) => name).join(' '),
  ])
  const heads = ['identifier', 'name', 'format', 'alg', 'ttl', 'scopes']
  return {
    data: { resource_servers: servers.map(serverData) },
    text: table(heads, rows, 'There are no resource servers.'),
  }
}

function serverData(server: ResourceServer) {
  return {
    identifier: server.identifier,
    name: server.name,
    scopes: server.scopes,
    access_token_format: server.accessTokenFormat,
    access_token_ttl_s: server.accessTokenTtlS,
    signing_algorithm: server.signingAlgorithm,
    authorization_details_types: server.authorizationDetailsTypes,
    created_at: server.createdAt,
    updated_at: server.updatedAt,
  }
}

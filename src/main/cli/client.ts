import { Option } from 'commander'
import { DomainError } from '../../core/errors.ts'
import {
  deleteClient,
  disableClient,
  type EndClientAccess,
  enableClient,
} from '../../domain/clients/block_client.ts'
import type { Client } from '../../domain/clients/client.ts'
import type { ClientMetadataInput } from '../../domain/clients/client_metadata.ts'
import {
  assertPresetAllowed,
  CLIENT_PRESETS,
  type ClientPreset,
} from '../../domain/clients/client_presets.ts'
import { getClient, listClients } from '../../domain/clients/client_store.ts'
import { createClient } from '../../domain/clients/create_client.ts'
import { assertCertificatesTaken } from '../../domain/clients/mutual_tls_rules.ts'
import { rotateClientSecret } from '../../domain/clients/rotate_client_secret.ts'
import { type ClientChanges, updateClient } from '../../domain/clients/update_client.ts'
import type { Db } from '../../platform/persistence/db.ts'
import {
  deleteCodesOfClient,
  deleteRecordsOfClient,
} from '../../surfaces/oidc/adapters/postgres_records.ts'
import type { CliCommand } from './cli_command.ts'
import { addClientOptions, type ClientOptions, metadataOf } from './client_options.ts'
import { BY, type Workplace, withDatabase } from './command_database.ts'
import { confirm } from './confirm.ts'
import { collect, duration, readSecretFile } from './option_values.ts'
import type { Answer } from './output.ts'
import { clientAnswer, clientListAnswer } from './present_client.ts'

/** `authcore client`: registering applications and services, and taking their access away. */

const DAY_S = 86_400
const PAGE = 500

export function defineClientCommands(group: CliCommand): void {
  group.asGroup()
  defineCreate(group)
  defineRead(group)
  defineUpdate(group)
  defineRotate(group)
  defineAccess(group)
}

function defineCreate(group: CliCommand): void {
  addClientOptions(
    group
      .command('create')
      .summary('register a client')
      .description(
        'Registers a client. Its preset gives it the usual grants and way to authenticate, and refuses what is weaker; a client that authenticates with a secret gets one, printed once.',
      )
      .requiredOption('--name <name>', 'the name people read')
      .addOption(
        new Option('--preset <preset>', 'what kind of application it is')
          .choices(CLIENT_PRESETS)
          .makeOptionMandatory(),
      )
      .option('--id <client_id>', 'its client_id (default: a new UUID)')
      .option('--first-party', 'belongs to the house: nobody is asked for consent')
      .option('--secret-file <file>', 'a secret it has already, instead of a new one'),
  )
    .examples(
      'authcore client create --name Shop --preset web --redirect-uri https://shop.example/callback',
      'authcore client create --name Reports --preset service --resource https://api.example.com=read',
      'authcore client create --name Phone --preset native --redirect-uri com.example.phone:/callback',
    )
    .answers((_, options: CreateOptions) => create(options))
}

function defineRead(group: CliCommand): void {
  group.command('list').summary('list all clients').description('Lists all clients.').answers(list)
  group
    .command('show <client_id>')
    .summary('show one client')
    .description('Shows everything about a client but its secrets, which nobody can read.')
    .answers(([id]) => withDatabase(async ({ db }) => clientAnswer(await getClient(db, id!))))
}

function defineUpdate(group: CliCommand): void {
  addClientOptions(
    group
      .command('update <client_id>')
      .summary('change a client')
      .description(
        'Changes what is given and leaves the rest; a list takes the place of the old one. A running server knows at once.',
      )
      .option('--name <name>', 'the name people read')
      .addOption(
        new Option('--preset <preset>', 'what kind of application it is from now on').choices(
          CLIENT_PRESETS,
        ),
      )
      .option('--first-party', 'belongs to the house: nobody is asked for consent')
      .option('--no-first-party', 'people are asked for consent'),
  )
    .option('--unset <member>', 'metadata to take away, by its RFC name; may be repeated', collect)
    .examples(
      'authcore client update shop --redirect-uri https://shop.example/cb --redirect-uri https://www.shop.example/cb',
      'authcore client update shop --unset backchannel_logout_uri',
    )
    .answers(([id], options: UpdateOptions) => update(id!, options))
}

function defineRotate(group: CliCommand): void {
  group
    .command('rotate-secret <client_id>')
    .summary('give a client a new secret')
    .description(
      'Makes a new secret and prints it once. The old one works for the overlap, so that a deployment can change over.',
    )
    .addOption(
      new Option('--overlap <duration>', 'how long the old secret works; 0 ends it at once')
        .argParser(duration)
        .default(DAY_S, '24h'),
    )
    .examples(
      'authcore client rotate-secret shop',
      'authcore client rotate-secret shop --overlap 0   # it leaked',
    )
    .answers(([id], { overlap }: { overlap: number }) =>
      withDatabase(async (place) => {
        const rotated = await rotateClientSecret(depsOf(place), id!, { overlapS: overlap, by: BY })
        return clientAnswer(rotated.client, rotated.secret)
      }),
    )
}

function defineAccess(group: CliCommand): void {
  group
    .command('disable <client_id>')
    .summary('refuse a client everywhere')
    .description('Refuses a client everywhere, and ends its grants and tokens.')
    .answers(([id]) => withDatabase((place) => disable(place, id!)))
  group
    .command('enable <client_id>')
    .summary('let a disabled client work again')
    .description('Lets a disabled client work again. Grants that ended stay ended.')
    .answers(([id]) =>
      withDatabase(async (place) => clientAnswer(await enableClient(place, id!, { by: BY }))),
    )
  group
    .command('delete <client_id>')
    .summary('delete a client')
    .description(
      'Deletes a client with its secrets, the consents given to it, its grants and tokens.',
    )
    .option('--yes', 'do not ask')
    .examples('authcore client delete shop --yes')
    .answers(([id], { yes }: { yes?: boolean }) => remove(id!, yes))
}

type CreateOptions = ClientOptions & {
  name: string
  preset: ClientPreset
  id?: string
  firstParty?: boolean
  secretFile?: string
}

async function create(options: CreateOptions): Promise<Answer> {
  const { name, preset, id: clientId, firstParty, secretFile } = options
  const given = secretFile === undefined ? undefined : readSecretFile('--secret-file', secretFile)
  // The domain reads metadata with a schema; what a person wrote needs no type before.
  const metadata = metadataOf(options) as ClientMetadataInput
  return await withDatabase(async (place) => {
    assertPresetAllowed(preset, place.config.protocols)
    assertCertificatesTaken(metadata, place.config.protocols)
    const input = { clientId, name, preset, firstParty, metadata, secret: given, by: BY }
    const { client, secret } = await createClient(depsOf(place), input).catch((error) => {
      throw taken(error, clientId)
    })
    return clientAnswer(client, given === undefined ? secret : undefined)
  })
}

function taken(error: unknown, clientId: string | undefined): unknown {
  if (!(error instanceof DomainError) || error.code !== 'conflict') return error
  return new DomainError('conflict', `There is a client ${clientId} already.`, {
    hint: `See it with: authcore client show ${clientId}`,
    cause: error,
  })
}

function list(): Promise<Answer> {
  return withDatabase(async ({ db }) => clientListAnswer(await everyClient(db)))
}

async function everyClient(db: Db): Promise<Client[]> {
  const all: Client[] = []
  for (;;) {
    const page = await listClients(db, { after: all.at(-1)?.clientId, limit: PAGE })
    all.push(...page)
    if (page.length < PAGE) return all
  }
}

type UpdateOptions = ClientOptions & {
  name?: string
  preset?: ClientPreset
  firstParty?: boolean
}

async function update(id: string, options: UpdateOptions): Promise<Answer> {
  const { name, firstParty, preset } = options
  const metadata = withoutOtherKeys(metadataOf(options))
  const others = [name, firstParty, preset]
  if (others.every((each) => each === undefined) && Object.keys(metadata).length === 0) {
    throw new DomainError('invalid_input', 'Nothing to change was given.', {
      hint: 'See: authcore client update --help',
    })
  }
  return await withDatabase(async (place) => {
    if (preset) assertPresetAllowed(preset, place.config.protocols)
    assertCertificatesTaken(metadata, place.config.protocols)
    const changes = {
      name,
      firstParty,
      preset,
      metadata: metadata as ClientChanges['metadata'],
      by: BY,
      endCodes: deleteCodesOfClient,
    }
    const { client, secret } = await updateClient(depsOf(place), id, changes as ClientChanges)
    return clientAnswer(client, secret)
  })
}

/** A client has its keys in one place: naming the new one takes the other away. */
function withoutOtherKeys(metadata: Record<string, unknown>): Record<string, unknown> {
  if ('jwks' in metadata && 'jwks_uri' in metadata) return metadata
  if (metadata['jwks']) return { ...metadata, jwks_uri: null }
  return metadata['jwks_uri'] ? { ...metadata, jwks: null } : metadata
}

const endAccess: EndClientAccess = (tx, clientId) => deleteRecordsOfClient(tx, clientId)

async function disable(place: Workplace, id: string): Promise<Answer> {
  return clientAnswer(await disableClient(place, id, { by: BY, endAccess }))
}

async function remove(id: string, yes: boolean | undefined): Promise<Answer> {
  const warning = `Deleting the client ${id} cannot be undone.`
  await confirm({ warning, word: id, yes })
  return await withDatabase(async ({ db }) => {
    await deleteClient({ db }, id, { by: BY, endAccess })
    return { data: { client_id: id, deleted: true }, text: `The client ${id} is deleted.` }
  })
}

function depsOf({ db, clock, keyring, outbound }: Workplace) {
  return { db, clock, keyring: keyring(), outbound }
}

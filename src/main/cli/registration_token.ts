import { InvalidArgumentError, Option } from 'commander'
import {
  assertPresetAllowed,
  CLIENT_PRESETS,
  type ClientPreset,
} from '../../domain/clients/client_presets.ts'
import {
  createRegistrationToken,
  type RegistrationToken,
  revokeRegistrationToken,
} from '../../domain/clients/registration/registration_token.ts'
import { listRegistrationTokens } from '../../domain/clients/registration/registration_token_store.ts'
import type { CliCommand } from './cli_command.ts'
import { BY, withDatabase } from './command_database.ts'
import { collect, duration, wholeNumber } from './option_values.ts'
import type { Answer } from './output.ts'
import { fields, table } from './text.ts'

/** `authcore registration-token`: who may register clients (RFC 7591 §3, initial access tokens). */

const WEEK_S = 7 * 86_400

type CreateOptions = { uses: number; expires: number; preset?: string[] }

export function defineRegistrationTokenCommands(group: CliCommand): void {
  group.asGroup()
  group
    .command('create')
    .summary('let somebody register clients')
    .description(
      'Makes an initial access token and prints it once. Whoever holds it may register so many clients until it expires.',
    )
    .addOption(
      new Option('--uses <number>', 'how many clients it registers')
        .argParser(wholeNumber(1, 100_000))
        .default(1),
    )
    .addOption(
      new Option('--expires <duration>', 'how long it can be used')
        .argParser(duration)
        .default(WEEK_S, '7d'),
    )
    .option(
      '--preset <preset>',
      `a preset its clients may have; may be repeated: ${CLIENT_PRESETS.join(', ')} (default: those of AUTHCORE_REGISTRATION_PRESETS)`,
      preset,
    )
    .examples(
      'authcore registration-token create',
      'authcore registration-token create --uses 20 --expires 24h --preset fapi2',
    )
    .answers((_, options: CreateOptions) => create(options))
  group
    .command('list')
    .summary('list all registration tokens')
    .description('Lists the initial access tokens; the tokens themselves cannot be shown again.')
    .answers(() => withDatabase(async ({ db }) => listAnswer(await listRegistrationTokens(db))))
  group
    .command('revoke <id>')
    .summary('end a registration token')
    .description('Ends an initial access token. Clients that were registered with it stay.')
    .answers(([id]) =>
      withDatabase(async ({ db }) => {
        await revokeRegistrationToken({ db }, id!, { by: BY })
        return { data: { id, revoked: true }, text: `The registration token ${id} is revoked.` }
      }),
    )
}

function preset(value: string, previous?: readonly string[]): string[] {
  if ((CLIENT_PRESETS as readonly string[]).includes(value)) return collect(value, previous)
  throw new InvalidArgumentError(`Allowed choices are ${CLIENT_PRESETS.join(', ')}.`)
}

async function create({ uses, expires: lifeS, preset }: CreateOptions): Promise<Answer> {
  const presets = preset as ClientPreset[] | undefined
  return await withDatabase(async ({ config, db, clock, keyring }) => {
    for (const each of presets ?? []) assertPresetAllowed(each, config.protocols)
    const deps = { db, clock, keyring: keyring() }
    const made = await createRegistrationToken(deps, { uses, lifeS, presets, by: BY })
    const { registrationToken, token } = made
    return {
      data: { ...tokenData(registrationToken), token },
      text: `${tokenText(registrationToken)}\n\n${fields([['token', token]])}\n${SHOWN_ONCE}`,
    }
  })
}

const SHOWN_ONCE = 'Keep the token now: it is stored as a hash and cannot be shown again.'

function tokenText(token: RegistrationToken): string {
  return fields([
    ['id', token.id],
    ['uses_left', token.usesLeft],
    ['presets', presetsOf(token)],
    ['expires', token.expiresAt],
  ])
}

function presetsOf({ presets }: RegistrationToken): string {
  return presets?.join(' ') ?? 'as configured'
}

function listAnswer(tokens: readonly RegistrationToken[]): Answer {
  const rows = tokens.map((token) => [
    token.id,
    String(token.usesLeft),
    presetsOf(token),
    token.createdAt.toISOString(),
    token.expiresAt.toISOString(),
  ])
  const heads = ['id', 'uses left', 'presets', 'created', 'expires']
  return {
    data: { registration_tokens: tokens.map(tokenData) },
    text: table(heads, rows, 'There are no registration tokens.'),
  }
}

function tokenData(token: RegistrationToken) {
  return {
    id: token.id,
    uses_left: token.usesLeft,
    presets: token.presets,
    created_at: token.createdAt,
    expires_at: token.expiresAt,
  }
}

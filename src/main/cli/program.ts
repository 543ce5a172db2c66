import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Option } from 'commander'
import type { ServeOptions } from '../process_group/serve_as_told.ts'
import { CliCommand } from './cli_command.ts'
import { wholeNumber } from './option_values.ts'

/**
 * Every command there is. A group is known here by its name only; its file is loaded when it is
 * called, so that `serve` does not carry what only an operator needs.
 */

type Group = { name: string; summary: string; load(): Promise<(group: CliCommand) => void> }

const GROUPS: readonly Group[] = [
  {
    name: 'client',
    summary: 'the applications and services that may ask for tokens',
    load: async () => (await import('./client.ts')).defineClientCommands,
  },
  {
    name: 'registration-token',
    summary: 'the tokens with which clients may register themselves',
    load: async () => (await import('./registration_token.ts')).defineRegistrationTokenCommands,
  },
  {
    name: 'resource-server',
    summary: 'the APIs that accept our access tokens, and their scopes',
    load: async () => (await import('./resource_server.ts')).defineResourceServerCommands,
  },
  {
    name: 'user',
    summary: 'the accounts of people',
    load: async () => (await import('./user.ts')).defineUserCommands,
  },
  {
    name: 'invitation',
    summary: 'the invitations to make an account',
    load: async () => (await import('./invitation.ts')).defineInvitationCommands,
  },
  {
    name: 'connection',
    summary: 'the sources that people sign in at with what they have elsewhere',
    load: async () => (await import('./connection.ts')).defineConnectionCommands,
  },
  {
    name: 'keys',
    summary: 'the keys that sign tokens',
    load: async () => (await import('./keys.ts')).defineKeysCommands,
  },
  {
    name: 'message',
    summary: 'what is sent to people by mail and SMS',
    load: async () => (await import('./message.ts')).defineMessageCommands,
  },
  {
    name: 'migrate',
    summary: 'the database schema',
    load: async () => (await import('./migrate.ts')).defineMigrateCommands,
  },
  {
    name: 'config',
    summary: 'the configuration',
    load: async () => (await import('./config.ts')).defineConfigCommands,
  },
  {
    name: 'audit',
    summary: 'the audit trail',
    load: async () => (await import('./audit.ts')).defineAuditCommands,
  },
  {
    name: 'doctor',
    summary: 'check everything this deployment rests on',
    load: async () => (await import('./doctor.ts')).defineDoctor,
  },
]

export function createProgram(): CliCommand {
  const program = new CliCommand('authcore')
    .description('OpenID Connect and OAuth 2.0 authorization server')
    .version(productVersion(), '-V, --version', 'print the version')
    .option('--json', 'print JSON for programs')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .enablePositionalOptions()
  addServe(program)
  for (const { name, summary } of GROUPS) program.command(name).summary(summary)
  addHelp(program)
  return program.hook('preSubcommand', (_, command) => loadGroup(command as CliCommand))
}

/** Brings in what a group consists of; one that is there already is left as it is. */
async function loadGroup(command: CliCommand): Promise<void> {
  const group = GROUPS.find(({ name }) => name === command.path.replace(/^authcore /, ''))
  if (!group || command.description()) return
  const define = await group.load()
  command.description(`${group.summary.charAt(0).toUpperCase()}${group.summary.slice(1)}.`)
  define(command)
}

function addServe(program: CliCommand): void {
  program
    .command('serve')
    .summary('start the server')
    .description('Starts the server and runs until it is told to stop (SIGTERM, Ctrl-C).')
    .addOption(
      new Option('--role <role>', 'which part runs in this process').choices([
        'all',
        'web',
        'worker',
      ]),
    )
    .addOption(
      new Option(
        '--workers <number>',
        'how many processes serve; auto is one for each core',
      ).argParser(numberOfWorkers),
    )
    .examples('authcore serve', 'authcore serve --role worker', 'authcore serve --workers auto')
    .action(async (options: ServeOptions) => {
      const { serveAsTold } = await import('../process_group/serve_as_told.ts')
      await serveAsTold(options)
    })
}

function numberOfWorkers(text: string): number {
  return text === 'auto' ? availableParallelism() : wholeNumber(1, 64)(text)
}

function addHelp(program: CliCommand): void {
  program
    .command('help [command...]')
    .summary('show the help of a command')
    .description('Shows the help of a command.')
    .addOption(new Option('--markdown', 'print docs/CLI.md').hideHelp())
    .examples('authcore help client create')
    .action(async (names: string[], { markdown }: { markdown?: boolean }) => {
      const { cliReference, helpOf } = await import('./help.ts')
      process.stdout.write(
        await (markdown ? cliReference(program, loadGroup) : helpOf(program, names, loadGroup)),
      )
    })
}

function productVersion(): string {
  const file = new URL('../../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

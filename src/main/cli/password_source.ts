import { Writable } from 'node:stream'
import { Option } from 'commander'
import { DomainError } from '../../core/errors.ts'
import { readableSecret } from '../../core/secrets.ts'
import type { CliCommand } from './cli_command.ts'
import { ask } from './confirm.ts'
import { readSecretFile, withoutLineBreak } from './option_values.ts'

/**
 * The ways to hand over a password. Never as an argument: everybody on the machine reads those in
 * the list of processes, and the shell keeps them.
 */

export type PasswordOptions = {
  passwordFile?: string
  passwordStdin?: boolean
  generatePassword?: boolean
}

export type GivenPassword = {
  text: string
  /** Made here: the caller prints it, once. */
  generated: boolean
}

export function addPasswordOptions(command: CliCommand): CliCommand {
  return command
    .addOption(
      new Option('--password-file <file>', 'read the password from a file').conflicts([
        'passwordStdin',
        'generatePassword',
      ]),
    )
    .addOption(
      new Option(
        '--password-stdin',
        'read the password from stdin; at a terminal it is asked for',
      ).conflicts('generatePassword'),
    )
    .option('--generate-password', 'make a password and print it once')
}

/** Undefined where no way was chosen. @throws DomainError `invalid_input` where it is empty */
export async function readPassword(options: PasswordOptions): Promise<GivenPassword | undefined> {
  if (options.generatePassword) return { text: readableSecret(), generated: true }
  const text = await givenText(options)
  if (text === '') throw new DomainError('invalid_input', 'The password is empty.')
  return text === undefined ? undefined : { text, generated: false }
}

async function givenText({
  passwordFile,
  passwordStdin,
}: PasswordOptions): Promise<string | undefined> {
  if (passwordFile !== undefined) return readSecretFile('--password-file', passwordFile)
  if (!passwordStdin) return undefined
  return process.stdin.isTTY ? await askUnseen() : withoutLineBreak(await readAll(process.stdin))
}

async function readAll(stream: NodeJS.ReadStream): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

/** The question is written past readline, which otherwise shows what is typed. */
async function askUnseen(): Promise<string> {
  process.stderr.write('Password: ')
  const output = new Writable({ write: (_chunk, _encoding, done) => done() })
  const typed = await ask('', { input: process.stdin, output })
  process.stderr.write('\n')
  if (typed === undefined) throw new DomainError('invalid_input', 'Nothing was changed.')
  return typed
}

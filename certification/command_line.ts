import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { InvalidArgumentError, Option } from 'commander'
import { CliCommand } from '../src/main/cli/cli_command.ts'
import { wholeNumber } from '../src/main/cli/option_values.ts'
import type { CertifyOptions } from './options.ts'
import { PROFILE_NAMES, PROFILES, type ProfileName } from './tables/profiles.ts'

/** What `npm run certify` takes, and how it explains itself. */

const HERE = import.meta.dirname
const PROFILES_TEXT = PROFILE_NAMES.map(
  (name) => `  ${name.padEnd(16)} ${PROFILES[name].title}`,
).join('\n')

const MORE = `
Profiles:
${PROFILES_TEXT}

What happens:
  A server is started from this working copy, with TLS, in the configuration that the profile needs;
  or with --op one is taken that runs already. An account and the clients of each plan are made with
  the product's own command line, in the database that DATABASE_URL names, or an embedded one below
  the output folder. The suite gets each plan's configuration, with the script of its browser, and
  runs the modules. What comes out is held against the expectations.

Output folder:
  report.md, report.json, report.xml (JUnit)   what came of it
  exports/                                     what the suite exports of each plan, for a submission
  plans/                                       what the suite was told
  server/                                      log, certificate and keys of the server that was started
  credentials/                                 secrets of the account and the clients

Exit code:
  0  everything as expected   1  something unexpected, or an expectation out of date   2  not run
`

function defineCertify(): CliCommand {
  return new CliCommand('certify')
    .description('Runs plans of the OpenID conformance suite against this server.')
    .usage('--suite <url> --profile <names> [options]')
    .requiredOption('--suite <url>', 'the suite, as the server and this machine reach it', address)
    .requiredOption(
      '--profile <names>',
      'what to certify, comma separated, or all; see below',
      profiles,
    )
    .option('--op <url>', 'the issuer of a server that runs already, instead of a new one', address)
    .addOption(
      new Option('--issuer <url>', 'the address of the new server, which the suite must reach')
        .argParser(address)
        .default('https://localhost:5443'),
    )
    .option('--token-file <file>', "a bearer token from the suite's pages; none in its devmode")
    .option('--suite-ca <file>', 'the authority of the suite’s certificate, in PEM')
    .option(
      '--alias <prefix>',
      'begins the aliases in the suite, which everybody shares',
      alias,
      'authcore',
    )
    .option('--one-alias', 'use one alias for all plans; they then wait for one another')
    .option('--concurrency <count>', 'plans at a time', wholeNumber(1, 16), 2)
    .option(
      '--module <pattern>',
      'only modules whose name matches this regular expression',
      pattern,
    )
    .option('--timeout <seconds>', 'until a module is given up', wholeNumber(1, 3600), 300)
    .addOption(
      new Option('--poll <milliseconds>', 'between two looks at a module that waits')
        .argParser(wholeNumber(10, 30_000))
        .default(10_000)
        .hideHelp(),
    )
    .option('--chromium <file>', 'a Chromium, for pictures that no script of the browser takes')
    .option(
      '--expectations <file>',
      'what is known not to pass',
      path.relative(process.cwd(), path.join(HERE, 'expectations.json')),
    )
    .option(
      '--out <folder>',
      'where everything is written',
      path.relative(process.cwd(), path.join(HERE, '.run')),
    )
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', MORE)
    .examples(
      'npm run certify -- --suite https://localhost.emobix.co.uk:8443 --profile basic,config',
      'npm run certify -- --suite https://www.certification.openid.net --token-file ./token --op https://login.example.com --profile fapi2-sp',
      'npm run certify -- --suite https://localhost.emobix.co.uk:8443 --profile basic --module prompt-login',
    )
}

type Parsed = {
  suite: string
  profile: ProfileName[]
  op?: string
  issuer: string
  tokenFile?: string
  suiteCa?: string
  alias: string
  oneAlias?: boolean
  concurrency: number
  module?: RegExp
  timeout: number
  poll: number
  chromium?: string
  expectations: string
  out: string
}

/** @throws DomainError `invalid_input` where the line cannot be read */
export function readCommandLine(
  argv: readonly string[],
  say: CertifyOptions['say'],
): CertifyOptions {
  const command = defineCertify().parse(argv, { from: 'user' })
  const given = command.opts<Parsed>()
  for (const file of [given.tokenFile, given.suiteCa, given.chromium, given.expectations]) {
    if (file !== undefined && !existsSync(file)) command.error(`error: there is no file ${file}`)
  }
  return {
    profiles: given.profile,
    suite: given.suite,
    suiteCaFile: given.suiteCa,
    token: given.tokenFile && readFileSync(given.tokenFile, 'utf8').trim(),
    op: given.op,
    issuer: given.issuer,
    out: path.resolve(given.out),
    expectations: given.expectations,
    aliasPrefix: given.alias,
    oneAlias: given.oneAlias ?? false,
    concurrency: given.concurrency,
    timeoutMs: given.timeout * 1000,
    pollMs: given.poll,
    only: given.module,
    chromium: given.chromium,
    say,
  }
}

/** Without the slash that addresses are often copied with. */
function address(text: string): string {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol) && url.pathname === '/' && !url.search)
    return url.origin
  throw new InvalidArgumentError('Write an origin such as https://localhost:8443.')
}

function profiles(text: string): ProfileName[] {
  const names = text === 'all' ? PROFILE_NAMES : text.split(',').map((name) => name.trim())
  const unknown = names.filter((name) => !Object.hasOwn(PROFILES, name))
  if (unknown.length === 0) return [...new Set(names)] as ProfileName[]
  throw new InvalidArgumentError(`Known are ${PROFILE_NAMES.join(', ')}.`)
}

function alias(text: string): string {
  if (/^[A-Za-z0-9_-]{1,60}$/.test(text)) return text
  throw new InvalidArgumentError('Letters, digits, - and _ only.')
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text)
  } catch {
    throw new InvalidArgumentError('This is no regular expression.')
  }
}

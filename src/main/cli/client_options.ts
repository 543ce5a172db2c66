import { InvalidArgumentError, Option } from 'commander'
import { DomainError } from '../../core/errors.ts'
import {
  AUTH_METHODS,
  clientMetadataShape,
  DEVICE_CODE_GRANT,
  GRANT_TYPES,
} from '../../domain/clients/client_metadata.ts'
import type { CliCommand } from './cli_command.ts'
import { collect, readJsonFile } from './option_values.ts'

/** The options that say what a client is, and the metadata they come to. */

export type ClientOptions = {
  redirectUri?: string[]
  postLogoutRedirectUri?: string[]
  grant?: string[]
  authMethod?: string
  backchannelLogoutUri?: string
  jwksFile?: string
  jwksUri?: string
  resource?: Record<string, string[]>
  introspection?: string
  metadataFile?: string
  unset?: string[]
}

export function addClientOptions(command: CliCommand): CliCommand {
  return command
    .option('--redirect-uri <uri>', 'where codes are sent, exactly; may be repeated', collect)
    .option(
      '--post-logout-redirect-uri <uri>',
      'where people go after logging out; may be repeated',
      collect,
    )
    .option('--grant <type>', `a grant it may use; may be repeated: ${GRANTS.join(', ')}`, grant)
    .addOption(new Option('--auth-method <method>', 'how it authenticates').choices(AUTH_METHODS))
    .option('--backchannel-logout-uri <uri>', 'where we tell it that a session has ended')
    .addOption(new Option('--jwks-file <file>', 'its public keys, a JWK Set').conflicts('jwksUri'))
    .option('--jwks-uri <uri>', 'where its public keys are')
    .option(
      '--resource <identifier=scopes>',
      'an API and the scopes it may have there, comma separated; may be repeated',
      resource,
    )
    .addOption(
      new Option('--introspection <whose>', 'whose tokens it may introspect').choices([
        'own',
        'any',
      ]),
    )
    .option(
      '--metadata-file <file>',
      'a JSON object of client metadata (RFC 7591) for everything else; options go over it',
    )
}

const SHORT_NAMES: Readonly<Record<string, string>> = { device_code: DEVICE_CODE_GRANT }
const GRANTS = GRANT_TYPES.map((type) => (type === DEVICE_CODE_GRANT ? 'device_code' : type))

function grant(value: string, previous: readonly string[] = []): string[] {
  const type = SHORT_NAMES[value] ?? value
  if (!(GRANT_TYPES as readonly string[]).includes(type)) {
    throw new InvalidArgumentError(`Allowed choices are ${GRANTS.join(', ')}.`)
  }
  return [...previous, type]
}

function resource(
  value: string,
  previous: Record<string, string[]> = {},
): Record<string, string[]> {
  // A scope may not stand before the last equals sign, but an address may hold others.
  const at = value.lastIndexOf('=')
  const scopes = value
    .slice(at + 1)
    .split(/[ ,]+/)
    .filter(Boolean)
  if (at < 1 || scopes.length === 0) {
    throw new InvalidArgumentError('Write it as https://api.example.com=read,write.')
  }
  return { ...previous, [value.slice(0, at)]: scopes }
}

/** The members that were given, under their wire names; null takes one away. Not checked yet. */
export function metadataOf(options: ClientOptions): Record<string, unknown> {
  const file = options.metadataFile
  const written = {
    ...(file === undefined ? {} : readJsonFile('--metadata-file', file)),
    ...Object.fromEntries((options.unset ?? []).map((member) => [knownMember(member), null])),
    ...given(options),
  }
  const grants = options.grant
  // Which response type there is follows from the grants (RFC 7591 §2.1).
  if (!grants || 'response_types' in written) return written
  return { ...written, response_types: grants.includes('authorization_code') ? ['code'] : [] }
}

function given(options: ClientOptions): Record<string, unknown> {
  const { jwksFile, jwksUri } = options
  const members = {
    redirect_uris: options.redirectUri,
    post_logout_redirect_uris: options.postLogoutRedirectUri,
    grant_types: options.grant,
    token_endpoint_auth_method: options.authMethod,
    backchannel_logout_uri: options.backchannelLogoutUri,
    jwks: jwksFile === undefined ? undefined : readJwks(jwksFile),
    jwks_uri: jwksUri,
    resource_scopes: options.resource,
    introspection: options.introspection,
  }
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}

/** A single key will do too. */
function readJwks(file: string): unknown {
  const content = readJsonFile('--jwks-file', file)
  return 'kty' in content ? { keys: [content] } : content
}

function knownMember(member: string): string {
  if (Object.hasOwn(clientMetadataShape.shape, member)) return member
  throw new DomainError('invalid_input', `There is no client metadata ${member}.`, {
    hint: `Known are ${Object.keys(clientMetadataShape.shape).join(', ')}.`,
  })
}

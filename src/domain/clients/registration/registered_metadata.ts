import type { z } from 'zod'
import {
  CIBA_GRANT,
  type ClientMetadata,
  type ClientMetadataInput,
  clientMetadataShape,
  JWT_BEARER_GRANT,
  TOKEN_EXCHANGE_GRANT,
} from '../client_metadata.ts'
import { type ClientPreset, presetDefaults } from '../client_presets.ts'
import { OPENID_SCOPES } from '../openid_scopes.ts'
import { clientMetadataSchema } from '../parse_client_metadata.ts'

/**
 * What a client that describes itself becomes: members of it that we know, completed by the defaults
 * of the RFCs, under a preset that it may have. Nobody looked at it, so whatever would give it
 * something is for an operator to add.
 */

/** Grants that act for people who are not there: a stranger is not handed them. */
const GRANTS_OF_TRUST = [TOKEN_EXCHANGE_GRANT, JWT_BEARER_GRANT, CIBA_GRANT]

/**
 * What a client may say of itself, under the names of the specifications. Any other member that
 * clients can have gives it something: a new one is an operator's to give until it is listed here.
 */
export const OWN_MEMBERS = [
  'redirect_uris',
  'post_logout_redirect_uris',
  'grant_types',
  'response_types',
  'token_endpoint_auth_method',
  'token_endpoint_auth_signing_alg',
  'jwks',
  'jwks_uri',
  'scope',
  'application_type',
  'client_uri',
  'logo_uri',
  'policy_uri',
  'tos_uri',
  'contacts',
  'default_max_age',
  'require_auth_time',
  'default_acr_values',
  'id_token_signed_response_alg',
  'userinfo_signed_response_alg',
  'introspection_signed_response_alg',
  'backchannel_logout_uri',
  'backchannel_logout_session_required',
  'frontchannel_logout_uri',
  'frontchannel_logout_session_required',
  'dpop_bound_access_tokens',
  'require_pushed_authorization_requests',
  'initiate_login_uri',
  'subject_type',
  'sector_identifier_uri',
  'request_object_signing_alg',
  'require_signed_request_object',
  'request_uris',
  'authorization_signed_response_alg',
  'tls_client_auth_subject_dn',
  'tls_client_auth_san_dns',
  'tls_client_auth_san_uri',
  'tls_client_auth_san_ip',
  'tls_client_auth_san_email',
  'tls_client_certificate_bound_access_tokens',
  'id_token_encrypted_response_alg',
  'id_token_encrypted_response_enc',
  'userinfo_encrypted_response_alg',
  'userinfo_encrypted_response_enc',
  'introspection_encrypted_response_alg',
  'introspection_encrypted_response_enc',
  'authorization_encrypted_response_alg',
  'authorization_encrypted_response_enc',
  'authorization_details_types',
] as const satisfies (keyof ClientMetadataInput)[]

const GIVEN_BY_OPERATOR = Object.keys(clientMetadataShape.shape).filter(
  (member) => !(OWN_MEMBERS as readonly string[]).includes(member),
)

export type RegistrationFault = {
  error:
    | 'invalid_redirect_uri'
    | 'invalid_client_metadata'
    | 'invalid_software_statement'
    | 'unapproved_software_statement'
  /** One sentence that names the member. */
  description: string
}

export type Chosen = { preset: ClientPreset; name: string; metadata: ClientMetadata }

/** The error word and its description as RFC 7591 §3.2.2 has them. */
export class RegistrationRefused extends Error {
  readonly fault: RegistrationFault
  constructor(error: RegistrationFault['error'], description: string) {
    super(description)
    this.name = 'RegistrationRefused'
    this.fault = { error, description }
  }
}

/**
 * @param presets those it may have, the preferred one first
 * @throws RegistrationRefused
 */
export function chooseRegistration(
  described: Readonly<Record<string, unknown>>,
  presets: readonly ClientPreset[],
): Chosen {
  // RFC 7592 §2.2: null is as good as nothing.
  const said = Object.fromEntries(
    Object.entries(described).filter(([, value]) => value !== null && value !== undefined),
  )
  if (isDeeperThan(said, DEPTH_MAX)) {
    throw new RegistrationRefused('invalid_client_metadata', 'The metadata are nested too deeply.')
  }
  refuseStatement(said['software_statement'])
  refuseGifts(said)
  const own = withoutForeignScopes(
    Object.fromEntries(
      OWN_MEMBERS.filter((member) => Object.hasOwn(said, member)).map((m) => [m, said[m]]),
    ),
  )
  const { preset, metadata } = fitting(own, said['preset'], presets)
  return { preset, metadata, name: nameOf(said, metadata) }
}

const DEPTH_MAX = 8

/** Goes no deeper than it asks for: what is nested without end would end in the stack. */
function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1))
}

/** RFC 7591 §2.3: there is no issuer of statements that this server trusts. */
function refuseStatement(statement: unknown): void {
  if (statement === undefined) return
  if (typeof statement !== 'string' || !/^[\w-]+\.[\w-]+\.[\w-]*$/.test(statement)) {
    throw new RegistrationRefused('invalid_software_statement', 'software_statement is not a JWT.')
  }
  throw new RegistrationRefused(
    'unapproved_software_statement',
    'This server takes software statements of nobody.',
  )
}

function refuseGifts(said: Record<string, unknown>): void {
  const { grant_types: grants } = said
  const gift =
    GIVEN_BY_OPERATOR.find((member) => Object.hasOwn(said, member)) ??
    (Array.isArray(grants) ? GRANTS_OF_TRUST.find((grant) => grants.includes(grant)) : undefined)
  if (!gift) return
  throw new RegistrationRefused(
    'invalid_client_metadata',
    gift in said
      ? `${gift} cannot be registered: an operator of this server gives it.`
      : `grant_types cannot hold ${gift}: an operator of this server gives it.`,
  )
}

/**
 * Scopes of an API are not registered: each request asks for them, and a person allows them. Clients
 * that name them are answered with the scopes that were registered (RFC 7591 §3.2.1).
 */
function withoutForeignScopes(own: Record<string, unknown>): Record<string, unknown> {
  const { scope, ...others } = own
  if (typeof scope !== 'string') return own
  const known = scope.split(' ').filter((name) => OPENID_SCOPES.has(name))
  return known.length > 0 ? { ...others, scope: known.join(' ') } : others
}

type Fit = { preset: ClientPreset; metadata: ClientMetadata }

/**
 * The preset it names, or the first whose demands it meets with what the RFCs say of members that
 * are left out. Where that fits none, the way to authenticate is the one of the preset (RFC 7591 §2:
 * the server may replace what was asked for, and all the more what was not).
 */
function fitting(
  own: Record<string, unknown>,
  named: unknown,
  presets: readonly ClientPreset[],
): Fit {
  const candidates = named === undefined ? presets : presets.filter((preset) => preset === named)
  if (candidates.length === 0) {
    const choices = presets.join(', ') || 'none'
    throw new RegistrationRefused(
      'invalid_client_metadata',
      `preset must be one of those that can be registered here: ${choices}.`,
    )
  }
  const grants = { ...rfcGrants(own), ...own }
  const written =
    named === undefined
      ? [{ token_endpoint_auth_method: 'client_secret_basic', ...grants }, grants]
      : [own]
  const failures: z.core.$ZodIssue[][] = []
  for (const input of written) {
    for (const preset of candidates) {
      const result = clientMetadataSchema(preset).safeParse({
        ...defaultsOf(preset, input),
        ...input,
      })
      if (result.success) return { preset, metadata: result.data }
      failures.push(result.error.issues)
    }
  }
  throw refusalFor(failures)
}

/** RFC 7591 §2 */
function rfcGrants({ grant_types = ['authorization_code'] }: Record<string, unknown>) {
  return { grant_types, response_types: responseTypesFor(grant_types) }
}

/**
 * OpenID Connect Registration §2 has RS256 for ID tokens where ours is ES256: whoever asks for
 * nothing gets what the specification promises, unless the preset has an algorithm of its own.
 */
function defaultsOf(
  preset: ClientPreset,
  { grant_types }: Record<string, unknown>,
): Record<string, unknown> {
  return {
    id_token_signed_response_alg: 'RS256',
    ...presetDefaults(preset),
    // Those of the preset do not go with other grants than its own.
    ...(grant_types === undefined ? {} : { response_types: responseTypesFor(grant_types) }),
  }
}

function responseTypesFor(grants: unknown): string[] {
  return Array.isArray(grants) && grants.includes('authorization_code') ? ['code'] : []
}

/** The preset that came nearest says it best. */
function refusalFor(failures: readonly z.core.$ZodIssue[][]): RegistrationRefused {
  const [nearest] = [...failures].sort((a, b) => a.length - b.length)
  const [issue] = nearest!
  const member = issue!.path.map(String)
  return new RegistrationRefused(
    member[0] === 'redirect_uris' ? 'invalid_redirect_uri' : 'invalid_client_metadata',
    `${member.join('.') || 'The metadata'} ${issue!.message}.`,
  )
}

/** RFC 7591 §2 lets client_name be left out; a consent page has to say something. */
function nameOf(said: Record<string, unknown>, metadata: ClientMetadata): string {
  const { client_name: name } = said
  if (typeof name === 'string') return name
  if (name !== undefined) {
    throw new RegistrationRefused('invalid_client_metadata', 'client_name must be a text.')
  }
  const web = [metadata.client_uri, ...metadata.redirect_uris].find((uri) =>
    /^https:/.test(uri ?? ''),
  )
  return web ? new URL(web).hostname.slice(0, 100) : 'Unnamed application'
}

import type { Variant } from './profiles.ts'

/**
 * The clients of each plan, as data: what `authcore client create` is told about them, under the
 * names of RFC 7591. Addresses, secrets and keys are added where they are seeded. This file alone
 * knows how a kind of client is chosen on the command line.
 */

/** Where a client stands in the plan's configuration. */
export type ClientMember = 'client' | 'client2' | 'client_secret_post'

export type ClientRow = {
  member: ClientMember
  kind: ClientKind
  proves: 'secret' | 'key' | 'certificate'
  metadata: Readonly<Record<string, unknown>>
}

type ClientKind = 'legacy' | 'fapi2'

/** The arguments of `client create` that choose the kind. */
export const KIND_ARGUMENTS: Readonly<Record<ClientKind, readonly string[]>> = {
  legacy: ['--preset', 'legacy'],
  fapi2: ['--preset', 'fapi2'],
}

const CODE = {
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  // OpenID Connect Core §15.1: the one algorithm that every deployment knows.
  id_token_signed_response_alg: 'RS256',
  scope: 'openid profile email address phone offline_access',
}

const IMPLICIT = {
  ...CODE,
  grant_types: ['implicit'],
  response_types: ['id_token', 'id_token token'],
}

const HYBRID = {
  ...CODE,
  grant_types: ['authorization_code', 'implicit', 'refresh_token'],
  response_types: ['code id_token', 'code token', 'code id_token token'],
}

const FAPI2 = {
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  id_token_signed_response_alg: 'ES256',
  require_pushed_authorization_requests: true,
  scope: CODE.scope,
}

/** JAR and JARM (RFC 9101, JARM §4), of FAPI 2.0 Message Signing. */
const SIGNED = {
  require_signed_request_object: true,
  request_object_signing_alg: 'PS256',
  authorization_signed_response_alg: 'ES256',
}

const TABLES = {
  code: () => withSecrets(CODE, { post: true }),
  implicit: () => withSecrets(IMPLICIT),
  hybrid: () => withSecrets(HYBRID, { post: true }),
  rp_logout: () => withSecrets(CODE),
  backchannel: () => withSecrets({ ...CODE, backchannel_logout_session_required: true }),
  frontchannel: () => withSecrets({ ...CODE, frontchannel_logout_session_required: true }),
  fapi2: (variant: Variant) => fapi2(variant, FAPI2),
  fapi2_signed: (variant: Variant) => fapi2(variant, { ...FAPI2, ...SIGNED }),
} satisfies Record<string, (variant: Variant) => ClientRow[]>

export type ClientTable = keyof typeof TABLES

export function clientsOf(table: ClientTable | undefined, variant: Variant): ClientRow[] {
  return table === undefined ? [] : TABLES[table](variant)
}

function withSecrets(metadata: ClientRow['metadata'], { post = false } = {}): ClientRow[] {
  const row = (member: ClientMember, method: string): ClientRow => ({
    member,
    kind: 'legacy',
    proves: 'secret',
    metadata: { ...metadata, token_endpoint_auth_method: method },
  })
  const both = (['client', 'client2'] as const).map((member) => row(member, 'client_secret_basic'))
  return post ? [...both, row('client_secret_post', 'client_secret_post')] : both
}

function fapi2(variant: Variant, metadata: ClientRow['metadata']): ClientRow[] {
  const byKey = variant['client_auth_type'] === 'private_key_jwt'
  const auth = byKey
    ? { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'PS256' }
    : { token_endpoint_auth_method: 'self_signed_tls_client_auth' }
  const bound =
    variant['sender_constrain'] === 'dpop'
      ? { dpop_bound_access_tokens: true }
      : { dpop_bound_access_tokens: false, tls_client_certificate_bound_access_tokens: true }
  return (['client', 'client2'] as const).map((member) => ({
    member,
    kind: 'fapi2',
    proves: byKey ? 'key' : 'certificate',
    metadata: { ...metadata, ...auth, ...bound },
  }))
}

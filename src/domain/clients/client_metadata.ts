import { z } from 'zod'
import { isOwnScope } from '../../core/own_scope.ts'
import { publicJwkFault } from './client_jwks.ts'
import { clientUriFault, requestUriFault } from './client_uri.ts'
import { OPENID_SCOPES } from './openid_scopes.ts'

/**
 * What a client registers, under the names of RFC 7591, OpenID Connect Registration and their
 * extensions: the one place that knows these wire names. The shape of each member is here; the rules
 * between them are the table in `metadata_rules.ts`; `parse_client_metadata.ts` applies both.
 */

export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
export const TOKEN_EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const JWT_BEARER_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
export const CIBA_GRANT = 'urn:openid:params:grant-type:ciba'
export const GRANT_TYPES = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'implicit',
  DEVICE_CODE_GRANT,
  TOKEN_EXCHANGE_GRANT,
  JWT_BEARER_GRANT,
  CIBA_GRANT,
] as const
/** OAuth 2.0 Multiple Response Type Encoding Practices; all but `code` for the preset `legacy` only. */
export const RESPONSE_TYPES = [
  'code',
  'id_token',
  'id_token token',
  'code id_token',
  'code token',
  'code id_token token',
] as const
export const AUTH_METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
  'none',
] as const
const SIGNING_ALGS = ['ES256', 'RS256', 'EdDSA'] as const
/** RFC 7518 without what is old: no RSA1_5, no RSA-OAEP with SHA-1, no CBC, no direct keys. */
export const KEY_ENCRYPTION_ALGS = ['ECDH-ES', 'ECDH-ES+A256KW', 'RSA-OAEP-256'] as const
export const CONTENT_ENCRYPTION_ALGS = ['A256GCM', 'A128GCM'] as const
/** Clients may sign their assertions with the older and the PSS algorithms too; never with HMAC. */
export const ASSERTION_ALGS = [
  'ES256',
  'ES384',
  'ES512',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
  'EdDSA',
  'Ed25519',
] as const

const MAX_URIS = 50
const MAX_KEYS = 20
const MAX_AGE_S = 10 * 365 * 86_400

const checked = (fault: (value: string) => string | undefined) =>
  z.string().superRefine((value, ctx) => {
    const message = fault(value)
    if (message) ctx.addIssue({ code: 'custom', message })
  })
const distinct = <T extends z.ZodType>(element: T, max: number) =>
  z
    .array(element)
    .max(max, { error: `must not have more than ${max} entries` })
    .refine((list) => new Set(list).size === list.length, { error: 'must not repeat an entry' })

const webUri = checked(clientUriFault)
const httpsUri = webUri.refine((uri) => uri.startsWith('https:'), {
  error: 'must begin with https://',
})
/** Whether they are acceptable depends on application_type: see the rules. */
const redirectUris = distinct(z.string(), MAX_URIS).default([])

const scope = checked((text) => {
  const foreign = text.split(' ').find((name) => !OPENID_SCOPES.has(name) && !isOwnScope(name))
  return foreign === undefined
    ? undefined
    : `can name ${[...OPENID_SCOPES].join(', ')} only: the scopes of an API belong to its resource server`
})

const jwks = z.strictObject({
  keys: z
    .array(
      z.record(z.string(), z.unknown()).superRefine((jwk, ctx) => {
        const message = publicJwkFault(jwk)
        if (message) ctx.addIssue({ code: 'custom', message })
      }),
    )
    .min(1, { error: 'must hold a key' })
    .max(MAX_KEYS, { error: `must not hold more than ${MAX_KEYS} keys` }),
})

const contact = z
  .string()
  .max(254)
  .regex(/^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9-]+(?:\.[a-zA-Z0-9-]+)*$/, {
    error: 'must be an e-mail address',
  })

/** RFC 6749 §3.3 */
const scopeToken = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,255}$/, {
  error: 'must be a scope token',
})

/** Of our own: what a client may do with the grant of RFC 8693. Left out, it may do the least. */
const tokenExchange = z.strictObject({
  modes: distinct(z.enum(['delegation', 'impersonation']), 2)
    .min(1, { error: 'must hold a mode' })
    .default(['delegation']),
  subject_clients: z
    .union([z.enum(['own', 'any']), distinct(z.string().min(1).max(255), 50)])
    .default('own'),
  audiences: distinct(z.string().max(2_000), 50).optional(),
  // Whose tokens it may have, of those that a source gave for the person.
  connections: distinct(z.string().min(1).max(40), 20).optional(),
})

/** Of our own: whose assertions stand for people (RFC 7523 §2.1), and whom their `sub` names. */
const assertionIssuer = z
  .strictObject({
    issuer: z.string().regex(/^[\x21-\x7e]{1,500}$/, { error: 'must be printable ASCII' }),
    jwks: jwks.optional(),
    jwks_uri: webUri.optional(),
    subject: z.enum(['account_id', 'username', 'email']),
    algs: distinct(z.enum(ASSERTION_ALGS), 20).min(1, { error: 'must hold one' }).optional(),
  })
  .refine((trusted) => (trusted.jwks === undefined) !== (trusted.jwks_uri === undefined), {
    error: 'must have either jwks or jwks_uri',
  })

const acr = z.string().regex(/^[\x21-\x7e]{1,255}$/, { error: 'must be printable ASCII' })

export const clientMetadataShape = z.strictObject({
  redirect_uris: redirectUris,
  post_logout_redirect_uris: redirectUris,
  grant_types: distinct(z.enum(GRANT_TYPES), 10).default(['authorization_code']),
  response_types: distinct(z.enum(RESPONSE_TYPES), 6).default(['code']),
  token_endpoint_auth_method: z.enum(AUTH_METHODS).default('client_secret_basic'),
  token_endpoint_auth_signing_alg: z.enum(ASSERTION_ALGS).optional(),
  jwks: jwks.optional(),
  jwks_uri: webUri.optional(),
  scope: scope.optional(),
  application_type: z.enum(['web', 'native']).default('web'),
  client_uri: webUri.optional(),
  logo_uri: webUri.optional(),
  policy_uri: webUri.optional(),
  tos_uri: webUri.optional(),
  contacts: distinct(contact, 20).optional(),
  default_max_age: z.int().min(0).max(MAX_AGE_S).optional(),
  require_auth_time: z.boolean().optional(),
  default_acr_values: distinct(acr, 20).optional(),
  id_token_signed_response_alg: z.enum(SIGNING_ALGS).default('ES256'),
  userinfo_signed_response_alg: z.enum(SIGNING_ALGS).optional(),
  introspection_signed_response_alg: z.enum(SIGNING_ALGS).optional(),
  backchannel_logout_uri: webUri.optional(),
  backchannel_logout_session_required: z.boolean().optional(),
  dpop_bound_access_tokens: z.boolean().optional(),
  require_pushed_authorization_requests: z.boolean().optional(),
  // OpenID Connect Registration §2: "initiate_login_uri … MUST use the https scheme".
  initiate_login_uri: httpsUri.optional(),
  subject_type: z.enum(['public', 'pairwise']).default('public'),
  sector_identifier_uri: httpsUri.optional(),
  // RFC 9101
  request_object_signing_alg: z.enum(ASSERTION_ALGS).optional(),
  require_signed_request_object: z.boolean().optional(),
  request_uris: distinct(checked(requestUriFault), MAX_URIS).optional(),
  // JARM
  authorization_signed_response_alg: z.enum(SIGNING_ALGS).optional(),
  // RFC 8705
  tls_client_auth_subject_dn: z.string().min(1).max(1_000).optional(),
  tls_client_auth_san_dns: z.string().min(1).max(255).optional(),
  tls_client_auth_san_uri: z.string().min(1).max(2_000).optional(),
  tls_client_auth_san_ip: z.string().min(1).max(45).optional(),
  tls_client_auth_san_email: z.string().min(1).max(254).optional(),
  tls_client_certificate_bound_access_tokens: z.boolean().optional(),
  // JSON Web Encryption (RFC 7516) of what we issue
  id_token_encrypted_response_alg: z.enum(KEY_ENCRYPTION_ALGS).optional(),
  id_token_encrypted_response_enc: z.enum(CONTENT_ENCRYPTION_ALGS).optional(),
  userinfo_encrypted_response_alg: z.enum(KEY_ENCRYPTION_ALGS).optional(),
  userinfo_encrypted_response_enc: z.enum(CONTENT_ENCRYPTION_ALGS).optional(),
  introspection_encrypted_response_alg: z.enum(KEY_ENCRYPTION_ALGS).optional(),
  introspection_encrypted_response_enc: z.enum(CONTENT_ENCRYPTION_ALGS).optional(),
  authorization_encrypted_response_alg: z.enum(KEY_ENCRYPTION_ALGS).optional(),
  authorization_encrypted_response_enc: z.enum(CONTENT_ENCRYPTION_ALGS).optional(),
  // RFC 9396
  authorization_details_types: distinct(z.string().min(1).max(255), 50).optional(),
  // OpenID Connect CIBA Core §4
  backchannel_token_delivery_mode: z.enum(['poll', 'ping']).optional(),
  backchannel_client_notification_endpoint: httpsUri.optional(),
  backchannel_authentication_request_signing_alg: z.enum(ASSERTION_ALGS).optional(),
  // OpenID Connect Front-Channel Logout §2
  frontchannel_logout_uri: webUri.optional(),
  frontchannel_logout_session_required: z.boolean().optional(),
  // Not of any RFC: the scopes of each resource server that this client may have, and whose tokens
  // it may introspect.
  resource_scopes: z.record(z.string().max(2_000), distinct(scopeToken, 200)).optional(),
  introspection: z.enum(['own', 'any']).optional(),
  // Whoever signs in at this client does it at least like this, whatever the request says.
  minimum_acr: acr.optional(),
  // When a second factor is asked for at this client, in place of what the deployment says.
  mfa_policy: z
    .enum(['never', 'when_enrolled', 'optional', 'required', 'phishing_resistant'])
    .optional(),
  // Where people sign in to come here, and nowhere else: the name of a connection.
  connection: z
    .string()
    .regex(/^[a-z][a-z0-9-]{1,39}$/, { error: 'must be the name of a connection' })
    .optional(),
  token_exchange: tokenExchange.optional(),
  assertion_issuers: distinct(assertionIssuer, 20).optional(),
})

export type TokenExchangePolicy = z.output<typeof tokenExchange>
export type AssertionIssuer = z.output<typeof assertionIssuer>
export type ClientMetadata = z.output<typeof clientMetadataShape>
/** As it is written by whoever registers: everything has a default. */
export type ClientMetadataInput = z.input<typeof clientMetadataShape>

/** The client proves who it is with a secret that we keep the hash of. */
export function needsSecret({
  token_endpoint_auth_method: method,
}: Pick<ClientMetadata, 'token_endpoint_auth_method'>): boolean {
  return method === 'client_secret_basic' || method === 'client_secret_post'
}

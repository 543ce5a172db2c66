import { z } from 'zod'
import { publicJwkFault } from './client_jwks.ts'
import { clientUriFault } from './client_uri.ts'
import { OPENID_SCOPES } from './openid_scopes.ts'

/**
 * What a client registers, under the names of RFC 7591, OpenID Connect Registration and their
 * extensions: the one place that knows these wire names. The shape of each member is here; the rules
 * between them are the table in `metadata_rules.ts`; `parse_client_metadata.ts` applies both.
 */

export const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
export const GRANT_TYPES = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  DEVICE_CODE_GRANT,
] as const
export const AUTH_METHODS = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'none',
] as const
const SIGNING_ALGS = ['ES256', 'RS256', 'EdDSA'] as const
/** Clients may sign their assertions with the older and the PSS algorithms too; never with HMAC. */
const ASSERTION_ALGS = [
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
/** Whether they are acceptable depends on application_type: see the rules. */
const redirectUris = distinct(z.string(), MAX_URIS).default([])

const scope = checked((text) => {
  const foreign = text.split(' ').find((name) => !OPENID_SCOPES.has(name))
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

const acr = z.string().regex(/^[\x21-\x7e]{1,255}$/, { error: 'must be printable ASCII' })

export const clientMetadataShape = z.strictObject({
  redirect_uris: redirectUris,
  post_logout_redirect_uris: redirectUris,
  grant_types: distinct(z.enum(GRANT_TYPES), 10).default(['authorization_code']),
  response_types: distinct(z.literal('code'), 1).default(['code']),
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
  initiate_login_uri: webUri
    .refine((uri) => uri.startsWith('https:'), { error: 'must begin with https://' })
    .optional(),
  subject_type: z.literal('public').default('public'),
  // Not of any RFC: the scopes of each resource server that this client may have, and whose tokens
  // it may introspect.
  resource_scopes: z.record(z.string().max(2_000), distinct(scopeToken, 200)).optional(),
  introspection: z.enum(['own', 'any']).optional(),
})

export type ClientMetadata = z.output<typeof clientMetadataShape>
/** As it is written by whoever registers: everything has a default. */
export type ClientMetadataInput = z.input<typeof clientMetadataShape>

/** The client proves who it is with a secret that we keep the hash of. */
export function needsSecret({
  token_endpoint_auth_method: method,
}: Pick<ClientMetadata, 'token_endpoint_auth_method'>): boolean {
  return method === 'client_secret_basic' || method === 'client_secret_post'
}

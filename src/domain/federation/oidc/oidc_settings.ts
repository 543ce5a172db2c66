import { z } from 'zod'

/**
 * What a connection's file says about an OpenID provider, by the names of the file. Secrets
 * (`client_secret`, `private_key`) are given by reference beside these and never pass through here.
 */

/** RFC 7518 §3.1, RFC 8037, RFC 9864: those that a public key of the provider verifies. */
export const ASYMMETRIC_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const

/** Those that the client secret verifies. `none` is in neither list and never accepted. */
const SYMMETRIC_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const

export const CLIENT_AUTHENTICATIONS = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'none',
] as const

export type ClientAuthentication = (typeof CLIENT_AUTHENTICATIONS)[number]

/** What the connector fixes itself: a file that set one of these would take a check away. */
const OWN_PARAMETERS = new Set([
  'acr_values',
  'client_id',
  'client_secret',
  'code_challenge',
  'code_challenge_method',
  'login_hint',
  'max_age',
  'nonce',
  'redirect_uri',
  'request',
  'request_uri',
  'response_mode',
  'response_type',
  'scope',
  'state',
  'ui_locales',
])

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname)
}

/** Plain http is for a provider on this machine. */
export function mayBePlain(url: URL): boolean {
  return url.protocol === 'http:' && isLoopback(url)
}

function faultOfIssuer(text: string): string | undefined {
  const url = URL.parse(text)
  if (!url) return 'must be a URL, such as https://idp.example.com'
  if (url.protocol !== 'https:' && !mayBePlain(url)) return 'must be an https URL'
  if (url.username || url.password) return 'must not carry a user name or a password'
  if (url.search || url.hash) return 'must have neither a query nor a fragment'
  if (text.includes('/.well-known/')) {
    return 'must be the issuer alone, without /.well-known/openid-configuration'
  }
  return undefined
}

/** An issuer identifier (OpenID Connect Discovery §4.3), kept letter for letter. */
export const issuerUrl = z.string().superRefine((text, ctx) => {
  const message = faultOfIssuer(text)
  if (message) ctx.addIssue({ code: 'custom', message })
})

/** RFC 6749 §3.3. */
export const scopeToken = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, {
  error: 'must be one scope, without spaces or quotes',
})

const claimName = z.string().min(1).max(200)

/**
 * Which claim fills which of our words. A name is looked for as it is written, then as a path with
 * dots (`realm_access.roles`).
 */
export const claimMapping = z.strictObject({
  /** Never given to anybody else there; a claim that people can change takes accounts over. */
  subject: claimName.default('sub'),
  username: claimName.default('preferred_username'),
  email: claimName.default('email'),
  email_verified: claimName.default('email_verified'),
  phone: claimName.default('phone_number'),
  groups: claimName.default('groups'),
  /** Standard claims (OpenID Connect Core §5.1) that the provider calls something else. */
  claims: z.record(z.string(), claimName).default({}),
})

export type ClaimMapping = z.output<typeof claimMapping>

export const authorizationParameters = z
  .record(z.string(), z.string().max(2000))
  .default({})
  .superRefine((parameters, ctx) => {
    for (const name of Object.keys(parameters).filter((each) => OWN_PARAMETERS.has(each))) {
      ctx.addIssue({ code: 'custom', path: [name], message: 'is set by AuthCore itself' })
    }
  })

/** Of every connection by OpenID Connect, presets included. */
export const commonSettings = {
  client_id: z.string().min(1).max(500),
  scopes: z.array(scopeToken).optional(),
  acr_values: z.array(z.string().regex(/^\S+$/)).default([]),
  authorization_parameters: authorizationParameters,
  /** Whether the provider's tokens are handed on to be kept. */
  keep_tokens: z.boolean().default(false),
}

export const oidcSettings = z
  .strictObject({
    ...commonSettings,
    issuer: issuerUrl,
    scopes: z
      .array(scopeToken)
      .default(['openid', 'profile', 'email'])
      .refine((scopes) => scopes.includes('openid'), { error: 'must hold openid' }),
    client_authentication: z.enum(CLIENT_AUTHENTICATIONS).default('client_secret_basic'),
    /** `kid` of the private key, where the provider knows several of ours. */
    key_id: z.string().min(1).max(200).optional(),
    response_mode: z.enum(['query', 'form_post']).default('query'),
    id_token_signed_response_alg: z
      .array(z.enum([...ASYMMETRIC_ALGORITHMS, ...SYMMETRIC_ALGORITHMS]))
      .min(1)
      .default([...ASYMMETRIC_ALGORITHMS]),
    /** Whether UserInfo is asked besides the ID token. */
    userinfo: z.boolean().default(false),
    mapping: claimMapping.prefault({}),
  })
  .superRefine((settings, ctx) => {
    const { client_authentication, id_token_signed_response_alg } = settings
    if (client_authentication.startsWith('client_secret_')) return
    if (!id_token_signed_response_alg.some((alg) => alg.startsWith('HS'))) return
    ctx.addIssue({
      code: 'custom',
      path: ['id_token_signed_response_alg'],
      message: 'HS256, HS384 and HS512 need a client_authentication by client_secret',
    })
  })

export type OidcSettings = z.output<typeof oidcSettings>

import { z } from 'zod'
import { DomainError } from '../../core/errors.ts'
import { isOwnScope } from '../../core/own_scope.ts'
import {
  type AuthorizationDetailsType,
  authorizationDetailsTypeSchema,
} from './authorization_details.ts'
import { OPENID_SCOPES } from './openid_scopes.ts'

/** An API that accepts our access tokens: what RFC 8707 calls a resource. */
export type ResourceServer = {
  /** Absolute URI without fragment, compared byte for byte; the `aud` of its tokens. */
  readonly identifier: string
  readonly name: string
  readonly scopes: readonly ResourceScope[]
  readonly accessTokenFormat: AccessTokenFormat
  /** Null for the lifetime that the configuration gives. */
  readonly accessTokenTtlS: number | null
  readonly signingAlgorithm: SigningAlgorithm
  /** RFC 9396: the details that it understands. */
  readonly authorizationDetailsTypes: readonly AuthorizationDetailsType[]
  readonly createdAt: Date
  readonly updatedAt: Date
}

export type ResourceScope = { name: string; description?: string | undefined }
export type AccessTokenFormat = 'jwt' | 'opaque'
export type SigningAlgorithm = 'ES256' | 'RS256' | 'EdDSA'

const IDENTIFIER_MAX = 500
/** RFC 6749 §3.3: printable ASCII but space, quote and backslash. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]{1,255}$/

/** RFC 8707 §2: an absolute URI without fragment. Anything else names none and is not looked for. */
export function isResourceIdentifier(text: string): boolean {
  if (text.length > IDENTIFIER_MAX || !/^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/.test(text)) return false
  return !text.includes('#') && URL.canParse(text)
}

const scopeSchema = z.strictObject({
  name: z
    .string()
    .regex(SCOPE_TOKEN, { error: 'must be printable ASCII without spaces, quotes or backslashes' })
    .refine((name) => !OPENID_SCOPES.has(name) && !isOwnScope(name), {
      error: 'is a scope of the server itself',
    }),
  description: z.string().min(1).max(500).optional(),
})

export const resourceServerSchema = z.strictObject({
  identifier: z
    .string()
    .refine(isResourceIdentifier, { error: 'must be an absolute URI without fragment' }),
  name: z.string().min(1).max(200),
  scopes: z
    .array(scopeSchema)
    .max(200)
    .refine((scopes) => new Set(scopes.map(({ name }) => name)).size === scopes.length, {
      error: 'must not name a scope twice',
    })
    .default([]),
  accessTokenFormat: z.enum(['jwt', 'opaque']).default('jwt'),
  accessTokenTtlS: z.int().min(60).max(86_400).nullable().default(null),
  signingAlgorithm: z.enum(['ES256', 'RS256', 'EdDSA']).default('ES256'),
  authorizationDetailsTypes: z
    .array(authorizationDetailsTypeSchema)
    .max(50)
    .refine((types) => new Set(types.map(({ type }) => type)).size === types.length, {
      error: 'must not name a type twice',
    })
    .default([]),
})

/** @throws DomainError `invalid_input` naming the first member that is not acceptable */
export function parseResourceServer(
  input: z.input<typeof resourceServerSchema>,
): z.output<typeof resourceServerSchema> {
  const result = resourceServerSchema.safeParse(input)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const member = issue?.path.join('.') || 'The resource server'
  throw new DomainError('invalid_input', `${member} ${issue?.message ?? 'is not acceptable'}.`)
}

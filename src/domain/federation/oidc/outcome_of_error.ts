import { errors as jose } from 'jose'
import * as oidc from 'openid-client'
import type { RedirectResult, Unavailable } from '../connector.ts'
import { outboundErrorIn, ProviderFault } from './provider.ts'

/** What went wrong at a provider, as one of the outcomes that a caller knows. */

export type Failure = Extract<RedirectResult, { kind: 'refused' }> | Unavailable

/** RFC 6749 §4.1.2.1: the provider's own trouble, not its answer. */
const PASSING_ERRORS = new Set(['server_error', 'temporarily_unavailable'])

/** RFC 6749 §5.2: it is we who are not welcome, and no person can help that. */
const CREDENTIAL_ERRORS = new Set(['invalid_client', 'unauthorized_client'])

/** What openid-client says of a response that is no answer at all. */
const BROKEN_RESPONSES = new Set([
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_TIMEOUT',
  'OAUTH_ABORT',
  'OAUTH_HTTP_REQUEST_FORBIDDEN',
  'OAUTH_MISSING_SERVER_METADATA',
  'OAUTH_INVALID_SERVER_METADATA',
])

const MAX_DETAIL_LENGTH = 300

/**
 * A stranger's words for the trail: the characters that RFC 6749 §4.1.2.1 allows, without those that
 * open a tag, and not many.
 */
function strangersText(text: string): string {
  return text.replace(/[^\x20\x21\x23-\x25\x27-\x3b\x3d\x3f-\x5b\x5d-\x7e]/g, '?').slice(0, 200)
}

export function refused(reason: 'denied' | 'invalid' | 'too_weak', detail: string): Failure {
  return { kind: 'refused', reason, detail: detail.slice(0, MAX_DETAIL_LENGTH) }
}

function unavailable(reason: string): Unavailable {
  return { kind: 'unavailable', reason: reason.slice(0, MAX_DETAIL_LENGTH) }
}

function described({ error, error_description: text }: oidc.AuthorizationResponseError) {
  return strangersText(text ? `${error}: ${text}` : error)
}

function ofAuthorizationError(error: oidc.AuthorizationResponseError): Failure {
  const detail = described(error)
  if (PASSING_ERRORS.has(error.error)) return unavailable(`the provider answered ${detail}`)
  // OpenID Connect Core Unmet Authentication Requirements 1.0 §3.
  if (error.error === 'unmet_authentication_requirements') return refused('too_weak', detail)
  return refused('denied', detail)
}

function ofTokenError({ error, error_description: text, status }: oidc.ResponseBodyError): Failure {
  const detail = strangersText(text ? `${error}: ${text}` : error)
  if (CREDENTIAL_ERRORS.has(error) || PASSING_ERRORS.has(error) || status >= 500) {
    return unavailable(`the token endpoint answered ${detail}`)
  }
  return refused('invalid', `the token endpoint answered ${detail}`)
}

/**
 * The innermost message says which check failed. Those of openid-client and jose hold no value; that of
 * a SyntaxError quotes what could not be read, which may be a token.
 */
function innermost({ message, cause }: Error): string {
  if (cause instanceof Response) return `${message} (${cause.status})`
  return cause instanceof Error && !(cause instanceof SyntaxError) ? innermost(cause) : message
}

/** Of an error of openid-client, or of the library beneath it, which some functions let through. */
function protocolCodeOf(error: unknown): string | undefined {
  if (error instanceof oidc.ClientError) return error.code ?? ''
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' && code.startsWith('OAUTH_') ? code : undefined
}

function ofJoseError(error: jose.JOSEError): Failure {
  // Of the key set rather than of the token.
  const isOfKeys =
    error instanceof jose.JWKSInvalid ||
    error instanceof jose.JWKSTimeout ||
    error.code === 'ERR_JOSE_GENERIC'
  if (isOfKeys) return unavailable(`the provider's keys: ${error.message}`)
  return refused('invalid', `token: ${error.message}`)
}

/**
 * @returns the outcome; a word of the source only as `strangersText`
 * @throws what is no fault of the provider, such as an error of ours
 */
export function outcomeOfError(error: unknown): Failure {
  const outbound = outboundErrorIn(error)
  if (outbound) return unavailable(outbound.message)
  if (error instanceof ProviderFault) return unavailable(error.message)
  if (error instanceof oidc.AuthorizationResponseError) return ofAuthorizationError(error)
  if (error instanceof oidc.ResponseBodyError) return ofTokenError(error)
  if (error instanceof oidc.WWWAuthenticateChallengeError) {
    return unavailable(`the provider refused our credentials with status ${error.status}`)
  }
  if (error instanceof jose.JOSEError) return ofJoseError(error)
  const code = protocolCodeOf(error)
  if (code !== undefined) {
    const words = innermost(error as Error)
    return BROKEN_RESPONSES.has(code) ? unavailable(words) : refused('invalid', words)
  }
  // What both libraries throw where a URL or a key of the provider cannot be read.
  if (error instanceof TypeError || error instanceof DOMException) {
    return unavailable(
      `the provider published what cannot be read: ${strangersText(error.message)}`,
    )
  }
  throw error
}

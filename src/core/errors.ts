/**
 * The one error vocabulary of the house. Stores and use-cases throw `DomainError`; only
 * `web/errors.ts` knows which HTTP status a code becomes, and only the log sees `debug` and `cause`.
 */
export const ERROR_CODES = [
  'invalid_input',
  'unauthenticated',
  'forbidden',
  'not_found',
  'conflict',
  'too_large',
  'unsupported',
  'rate_limited',
  'unavailable',
  'internal',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

export type ErrorVoices = {
  /** For the integrator: what to change so that the call succeeds. May leave the house. */
  hint?: string
  /** For the log only. */
  debug?: string
  /** Seconds after which trying again makes sense; becomes Retry-After. */
  retryAfterS?: number
  cause?: unknown
}

export class DomainError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly debug: string | undefined
  readonly retryAfterS: number | undefined

  /** @param message for the caller: one sentence, no secret, no internal name */
  constructor(code: ErrorCode, message: string, voices: ErrorVoices = {}) {
    super(message, voices.cause === undefined ? undefined : { cause: voices.cause })
    this.name = 'DomainError'
    this.code = code
    this.hint = voices.hint
    this.debug = voices.debug
    this.retryAfterS = voices.retryAfterS
  }
}

/** Closes a `switch` over a union: the compiler objects where a case is missing. */
export function unreachable(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`)
}

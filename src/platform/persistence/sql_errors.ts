import { DomainError } from '../../core/errors.ts'

/** Translates what PostgreSQL and its pool throw into the error vocabulary of the house. */

/** SQLSTATE classes and codes that mean "not now": connection loss, shutdown, too many clients, time-out. */
const UNAVAILABLE = /^(08|53|57P|57014|25006|40001|40P01|55P03|58)/
const UNAVAILABLE_SYSTEM = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
])
const CONNECTION_LOST =
  /Connection terminated|Timeout acquiring a connection|timeout exceeded when trying to connect|timeout expired|no answer within|Client has encountered a connection error|not queryable|Unable to acquire a connection/

type SqlError = Error & { code?: string; constraint?: string; table?: string; severity?: string }

/**
 * The error as a `DomainError`; one that already is passes through. The original is kept as `cause`
 * for the log and never shown.
 */
export function describeSqlError(error: unknown): unknown {
  if (error instanceof DomainError || !(error instanceof Error)) return error
  const { code = '', constraint } = error as SqlError
  if (code === '23505') {
    return new DomainError('conflict', 'This already exists.', {
      cause: error,
      ...(constraint ? { debug: constraint } : {}),
    })
  }
  if (
    UNAVAILABLE.test(code) ||
    UNAVAILABLE_SYSTEM.has(code) ||
    CONNECTION_LOST.test(error.message)
  ) {
    return new DomainError('unavailable', 'The service is temporarily unavailable.', {
      cause: error,
      debug: error.message,
      retryAfterS: 2,
    })
  }
  return error
}

/** The name of the unique constraint that an insert or update broke, or undefined for any other error. */
export function uniqueViolation(error: unknown): string | undefined {
  const source = error instanceof DomainError ? error.cause : error
  const { code, constraint } = (source ?? {}) as SqlError
  return code === '23505' ? (constraint ?? '') : undefined
}

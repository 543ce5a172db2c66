import { DomainError } from '../../core/errors.ts'
import { ConfigError } from '../../platform/config/config_error.ts'

/** Ends a command with what went wrong and what to do about it; never with a stack trace. */
export function fail(error: unknown): never {
  const lines =
    error instanceof ConfigError
      ? [error.message]
      : error instanceof DomainError
        ? [error.message, ...(error.hint ? [error.hint] : [])]
        : [error instanceof Error ? (error.stack ?? error.message) : String(error)]
  process.stderr.write(`${lines.join('\n')}\n`)
  process.exit(1)
}

import { inspect } from 'node:util'
import { DomainError } from '../src/core/errors.ts'
import { certify } from './certify.ts'
import { readCommandLine } from './command_line.ts'
import { SuiteError } from './suite/suite_api.ts'

/** `npm run certify`: reads the line, certifies, and tells by its exit code how it went. */

// What was started ends with us.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(2))

try {
  const options = readCommandLine(process.argv.slice(2), (line) => console.log(line))
  process.exitCode = (await certify(options)) ? 0 : 1
} catch (error) {
  console.error(wordsFor(error))
  process.exitCode = 2
}

function wordsFor(error: unknown): string {
  if (error instanceof DomainError) return [error.message, error.hint].filter(Boolean).join('\n')
  return error instanceof SuiteError ? error.message : inspect(error)
}

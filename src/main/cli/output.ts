import { DomainError } from '../../core/errors.ts'
import { ConfigError, type ConfigFault } from '../../platform/config/config_error.ts'
import { visible } from './text.ts'

/**
 * What a command says, and how it ends: the answer on stdout, for people or with `--json` for
 * programs; what went wrong on stderr, with what to do about it.
 */
export type Answer = {
  /** For programs; its names are those of the wire. */
  data: object
  /** For people. */
  text: string
  /** 1 where the answer is bad news. */
  exitCode?: 0 | 1
}

export function wantsJson(argv: readonly string[] = process.argv): boolean {
  const end = argv.indexOf('--')
  return (end < 0 ? argv : argv.slice(0, end)).includes('--json')
}

export function print({ data, text, exitCode = 0 }: Answer): void {
  // Whoever reads only the first lines closes the pipe: no fault of ours.
  process.stdout.once('error', () => process.exit(exitCode))
  process.stdout.write(`${wantsJson() ? JSON.stringify(data, null, 2) : text.trimEnd()}\n`)
  process.exitCode = exitCode
}

/** Ends the process with what went wrong; a stack only where nobody expected it. */
export function fail(error: unknown): never {
  const problem = describeProblem(error)
  process.stderr.write(
    wantsJson()
      ? `${JSON.stringify({ error: programmersView(problem) }, null, 2)}\n`
      : `${[problem.stack ?? problem.message, problem.hint].filter(Boolean).join('\n')}\n`,
  )
  process.exit(1)
}

type Problem = {
  code: string
  message: string
  hint?: string | undefined
  faults?: readonly ConfigFault[]
  stack?: string | undefined
}

function programmersView({ code, message, hint, faults }: Problem) {
  return { code, message, hint, faults }
}

function describeProblem(error: unknown): Problem {
  if (error instanceof ConfigError) {
    return { code: 'invalid_configuration', message: error.message, faults: error.faults }
  }
  if (error instanceof DomainError) return describeDomainError(error)
  if (!(error instanceof Error)) return { code: 'internal', message: String(error) }
  const { name, message, stack } = error
  if (name === 'ZodError' || name === '$ZodError') return describeZodError(error)
  // Only the database's own errors have a severity; they say in words what it refused.
  if ('severity' in error) {
    return { code: 'unavailable', message: `The database refused: ${visible(message)}.` }
  }
  return { code: 'internal', message, stack }
}

/** Who works at the command line is who would read the log: the cause of a failure is for them too. */
function describeDomainError({ code, message, hint, debug }: DomainError): Problem {
  const tellsCause = debug !== undefined && (code === 'internal' || code === 'unavailable')
  const cause = tellsCause ? ` (${visible(debug)})` : ''
  return { code, message: message + cause, hint }
}

function describeZodError(error: Error): Problem {
  const [issue] = (error as unknown as { issues: { path: PropertyKey[]; message: string }[] })
    .issues
  const where = issue?.path.map(String).join('.')
  return {
    code: 'invalid_input',
    message: `${where ? `${where}: ` : ''}${issue?.message ?? error.message}`,
  }
}

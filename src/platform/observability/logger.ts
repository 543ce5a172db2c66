import { type DestinationStream, type Logger, pino } from 'pino'
import type { Config } from '../config/schema.ts'
import { prettyStream } from './pretty_stream.ts'
import { scrubFields, scrubText } from './scrub.ts'

/**
 * The log: one JSON object per line, a sentence and fields. Whatever is handed to it goes through
 * `scrub.ts`, so that a careless caller cannot print a credential.
 */

export type { Logger }

/**
 * Lines are written together, a few times a second: a write for each would cost a request more than
 * the line itself. What an orderly end or an uncaught error finds here is written; what only `kill -9`
 * or a crash of the system can lose is the log's last quarter of a second.
 */
const STANDARD_OUTPUT = { dest: 1, sync: false, minLength: 4_096, periodicFlush: 250 }

export function createLogger(
  { logLevel, logPretty }: Pick<Config['server'], 'logLevel' | 'logPretty'>,
  destination?: DestinationStream,
): Logger {
  const logger = pino(
    {
      level: logLevel,
      base: null,
      messageKey: 'msg',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: {
        level: (label) => ({ level: label }),
        log: scrubFields,
      },
      // Errors are already plain objects when they get here.
      serializers: { err: (error: unknown) => error },
      hooks: {
        logMethod(args, method) {
          method.apply(this, scrubArguments(args) as Parameters<typeof method>)
        },
      },
    },
    destination ?? (logPretty ? prettyStream(process.stdout) : pino.destination(STANDARD_OUTPUT)),
  )
  return scrubBindings(logger)
}

/** A child inherits this `child`, so that its own children's fields are scrubbed too. */
function scrubBindings(logger: Logger): Logger {
  const makeChild = logger.child
  logger.child = function child(this: Logger, bindings, options) {
    return makeChild.call(this, scrubFields(bindings), options)
  } as Logger['child']
  return logger
}

/** Interpolated text is scrubbed here; fields are, later, by the formatters. */
function scrubArguments(args: readonly unknown[]): unknown[] {
  const [first] = args
  // An error logged alone would lend the line its message, unread.
  if (args.length === 1 && first instanceof Error) return [{ err: first }, scrubText(first.message)]
  if (args.length === 1 && typeof first === 'object' && first !== null && 'err' in first) {
    return [first, first.err instanceof Error ? scrubText(first.err.message) : '']
  }
  return args.map((argument) => (typeof argument === 'string' ? scrubText(argument) : argument))
}

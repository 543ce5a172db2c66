import type { Config } from '../platform/config/schema.ts'
import type { Logger } from '../platform/observability/logger.ts'

const SAME_SIGNAL_MS = 1_000
const JOBS_MS = 15_000

/** The longest that stopping in order takes: the drain, and then the jobs in work. */
export function stoppingMs({ drainDelayS, drainS }: Config['server']): number {
  return (drainDelayS + drainS) * 1000 + JOBS_MS
}

/**
 * How a process ends. The first SIGTERM or SIGINT stops it in order; a second one, or an order that
 * takes too long, ends it at once. What nobody caught is logged and ends it too: a server in an
 * unknown state answers nobody.
 */
export function endInOrder(
  log: Logger,
  stop: () => Promise<void>,
  { deadlineMs }: { deadlineMs: number },
): void {
  let stoppingSince: number | undefined
  const end = (reason: string, exitCode: number): void => {
    if (stoppingSince !== undefined) {
      // One Ctrl-C reaches a process twice where a wrapper passes it on.
      if (performance.now() - stoppingSince < SAME_SIGNAL_MS) return
      log.warn({ reason }, 'stopping at once')
      process.exit(1)
    }
    stoppingSince = performance.now()
    log.info({ reason }, 'stopping')
    setTimeout(() => {
      log.error({ deadline_ms: deadlineMs }, 'could not stop in time')
      process.exit(1)
    }, deadlineMs).unref()
    stop().then(
      () => {
        log.info('stopped')
        process.exit(exitCode)
      },
      (error) => {
        log.error({ err: error }, 'stopping failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', () => end('SIGTERM', 0))
  process.on('SIGINT', () => end('SIGINT', 0))
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'an error that nobody caught')
    end('uncaughtException', 1)
  })
  process.on('unhandledRejection', (error) => {
    log.fatal({ err: error }, 'a rejection that nobody handled')
    end('unhandledRejection', 1)
  })
}

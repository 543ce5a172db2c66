import { DomainError } from '../core/errors.ts'
import type { Config } from '../platform/config/schema.ts'
import { createLogger } from '../platform/observability/logger.ts'
import { createMetrics, type Metrics } from '../platform/observability/metrics.ts'
import { type DbConnection, observeStatements } from '../platform/persistence/db.ts'
import { compose, type Parts } from './compose.ts'
import { letHelpersYield } from './helper_threads.ts'
import { endInOrder, stoppingMs } from './process_lifetime.ts'
import { releaseMemoryWhenQuiet } from './release_memory.ts'
import { openStorage } from './storage.ts'

type Role = Config['server']['role']

/** Whoever waits for the server to start comes first. */
const JOBS_AFTER_MS = 100

/** What a server process knows beside its configuration: it may be one of several. */
export type Place = {
  log: Parts['log']
  metrics: Metrics
  /** An embedded database that another process of ours looks after. */
  database?: DbConnection | undefined
  /** Does what one process does for all of them. */
  first: boolean
}

/**
 * Starts a server process: the web part, the worker, or both, and in a demonstration its
 * application. What was started is stopped in the opposite order, also when a later part cannot
 * start.
 */
export async function serve(config: Config, role: Role, place = alone(config)): Promise<void> {
  const running = new AsyncDisposableStack()
  const stop = () => running.disposeAsync()
  try {
    const welcome = await start({ config, role, place, running })
    endInOrder(place.log, stop, { deadlineMs: stoppingMs(config.server) })
    welcome()
    void letHelpersYield()
    releaseMemoryWhenQuiet()
  } catch (error) {
    await stop()
    throw explained(error, config)
  }
}

function alone({ server }: Config): Place {
  return { log: createLogger(server), metrics: createMetrics(), first: true }
}

type Start = { config: Config; role: Role; place: Place; running: AsyncDisposableStack }

/** Returns what greets the person at the terminal. */
async function start({ config, role, place, running }: Start): Promise<() => void> {
  const { log, metrics, database } = place
  const storage = await openStorage(config, {
    stopAdopted: true,
    database,
    log: (message, fields) => log.info(fields ?? {}, message),
  })
  running.defer(() => storage.close())
  const parts = await compose({ config, log, metrics, storage })
  running.defer(() => parts.close())
  parts.metrics.observeDatabase(observeStatements)
  const { promise: serving, resolve: jobsMayBegin } = Promise.withResolvers<void>()
  parts.jobs.start(role, role === 'worker' ? undefined : serving)
  if (role !== 'web') {
    const worker = await (await import('./worker.ts')).startWorker(parts)
    running.defer(() => worker.stop())
  }
  if (role === 'worker') return logServing(parts, role)
  const demo =
    config.demo.enabled && place.first
      ? await (await import('./demo/demo.ts')).startDemo(parts)
      : undefined
  running.defer(async () => await demo?.stop())
  const { http, health } = await (await import('./server.ts')).startWebServer(parts)
  const { drainDelayS, drainS } = config.server
  running.defer(() => {
    health.enter('draining')
    return http.drain(drainS * 1000, drainDelayS * 1000)
  })
  const greet = logServing(parts, role)
  return () => {
    greet()
    demo?.welcome()
    setTimeout(jobsMayBegin, JOBS_AFTER_MS).unref()
  }
}

function logServing({ log, config }: Parts, role: Role): () => void {
  const ready_ms = Math.round(performance.now())
  return () => log.info({ issuer: config.server.issuer, role, ready_ms }, 'serving')
}

/** What commonly keeps a server from starting, in words. */
function explained(error: unknown, { server }: Config): unknown {
  const { code, port = server.port } = error as NodeJS.ErrnoException & { port?: number }
  if (code === 'EADDRINUSE') {
    return new DomainError('conflict', `Port ${port} on ${server.host} is taken.`, {
      hint: 'Stop what listens there, or choose another port: PORT=5101 npm start',
      cause: error,
    })
  }
  if (code === 'EACCES') {
    return new DomainError('forbidden', `Port ${port} may not be opened by this user.`, {
      hint: 'Choose a port above 1023 with PORT.',
      cause: error,
    })
  }
  return error
}

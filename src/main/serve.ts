import { DomainError } from '../core/errors.ts'
import { loadConfig } from '../platform/config/load_config.ts'
import { withSecrets } from '../platform/config/own_secrets.ts'
import type { Config } from '../platform/config/schema.ts'
import { createLogger } from '../platform/observability/logger.ts'
import { createMetrics } from '../platform/observability/metrics.ts'
import { observeStatements } from '../platform/persistence/db.ts'
import { compose, type Parts } from './compose.ts'
import { endInOrder } from './process_lifetime.ts'
import { releaseMemoryAfterStart } from './release_memory.ts'
import { openStorage } from './storage.ts'

/**
 * Starts a server process: the web part, the worker, or both, and in a demonstration its
 * application. What was started is stopped in the opposite order, also when a later part cannot
 * start.
 */
export async function serve(role?: Config['server']['role']): Promise<void> {
  const config = withSecrets(loadConfig())
  const runs = role ?? config.server.role
  const log = createLogger(config.server)
  const drainMs = config.server.drainS * 1000
  const running = new AsyncDisposableStack()
  const stop = () => running.disposeAsync()
  try {
    const welcome = await start({ config, log, runs, drainMs, running })
    endInOrder(log, stop, { deadlineMs: drainMs + 15_000 })
    welcome()
    releaseMemoryAfterStart()
  } catch (error) {
    await stop()
    throw explained(error, config)
  }
}

type Start = {
  config: Config
  log: Parts['log']
  runs: Config['server']['role']
  drainMs: number
  running: AsyncDisposableStack
}

/** Returns what greets the person at the terminal. */
async function start({ config, log, runs, drainMs, running }: Start): Promise<() => void> {
  const storage = await openStorage(config, {
    stopAdopted: true,
    log: (message, fields) => log.info(fields ?? {}, message),
  })
  running.defer(() => storage.close())
  const parts = await compose({ config, log, metrics: createMetrics(), storage })
  running.defer(() => parts.close())
  parts.metrics.observeDatabase(observeStatements)
  parts.jobs.start(runs)
  if (runs !== 'web') {
    const worker = await (await import('./worker.ts')).startWorker(parts)
    running.defer(() => worker.stop())
  }
  if (runs === 'worker') return logServing(parts, runs)
  const demo = config.demo.enabled
    ? await (await import('./demo/demo.ts')).startDemo(parts)
    : undefined
  running.defer(async () => await demo?.stop())
  const { http, health } = await (await import('./server.ts')).startWebServer(parts)
  running.defer(() => {
    health.enter('draining')
    return http.drain(drainMs)
  })
  const greet = logServing(parts, runs)
  return () => {
    greet()
    demo?.welcome()
  }
}

function logServing({ log, config }: Parts, role: string): () => void {
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

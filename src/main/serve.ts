import { loadConfig } from '../platform/config/load_config.ts'
import { withSecrets } from '../platform/config/own_secrets.ts'
import type { Config } from '../platform/config/schema.ts'
import { createLogger } from '../platform/observability/logger.ts'
import { createMetrics } from '../platform/observability/metrics.ts'
import { compose } from './compose.ts'
import { endInOrder } from './process_lifetime.ts'
import { openStorage } from './storage.ts'

/** Starts a server process: the web part, the worker, or both, and in a demonstration its application. */
export async function serve(role?: Config['server']['role']): Promise<void> {
  const startedAt = performance.now()
  const config = withSecrets(loadConfig())
  const runs = role ?? config.server.role
  const log = createLogger(config.server)
  const metrics = createMetrics()
  const storage = await openStorage(config, {
    stopAdopted: true,
    log: (message, fields) => log.info(fields ?? {}, message),
  })
  const parts = await compose({ config, log, metrics, storage })
  metrics.observeDatabase()
  await parts.jobs.start(runs)
  const demo = config.demo.enabled && runs !== 'worker' ? await import('./demo/demo.ts') : undefined
  const demonstration = await demo?.startDemo(parts)
  const web = runs === 'worker' ? undefined : (await import('./server.ts')).startWebServer(parts)
  const server = await web
  const worker = runs === 'web' ? undefined : await (await import('./worker.ts')).startWorker(parts)

  const drainMs = config.server.drainS * 1000
  endInOrder(
    log,
    async () => {
      server?.health.enter('draining')
      await server?.http.drain(drainMs)
      await demonstration?.stop()
      await worker?.stop()
      await parts.close()
    },
    { deadlineMs: drainMs + 15_000 },
  )
  log.info(
    {
      issuer: config.server.issuer,
      role: runs,
      ready_ms: Math.round(performance.now() - startedAt),
    },
    'serving',
  )
  demonstration?.welcome()
}

import type { Context } from 'koa'
import type { Health } from '../../platform/observability/health.ts'
import type { Metrics } from '../../platform/observability/metrics.ts'
import { addressMatcher } from '../../web/client_ip.ts'
import type { Surface } from '../../web/surface.ts'

/**
 * For those who run the server: probes and metrics. Anyone may ask whether it lives; what it depends
 * on and what it counts is for the addresses in `server.metricsAllow` only.
 */

export type OperationsDeps = {
  health: Health
  metrics: Pick<Metrics, 'contentType' | 'scrape'>
  metricsAllow: readonly string[]
  /** How the sources fare that people sign in at; none of them is needed to be ready. */
  connections?: { health(): Promise<Record<string, ConnectionState>> }
}

type ConnectionState = { state: string; since?: Date | undefined; endsAt?: Date | undefined }

type Handler = (ctx: Context, deps: OperationsDeps, trusted: boolean) => void | Promise<void>

export const LIVE_PATH = '/health/live'
export const READY_PATH = '/health/ready'
export const METRICS_PATH = '/metrics'

const ROUTES = new Map<string, { route: string; handle: Handler }>([
  [LIVE_PATH, { route: 'health_live', handle: showLive }],
  [READY_PATH, { route: 'health_ready', handle: showReady }],
  [METRICS_PATH, { route: 'metrics', handle: showMetrics }],
])

export function operationsSurface(deps: OperationsDeps): Surface {
  const isAllowed = addressMatcher(deps.metricsAllow)
  return {
    name: 'operations',
    mount(app) {
      app.use(async (ctx, next) => {
        const found = ROUTES.get(ctx.path)
        if (!found || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next()
        ctx.state.route = found.route
        ctx.state.quiet = true
        await found.handle(ctx, deps, isAllowed(ctx.state.clientIp))
      })
    },
  }
}

function showLive(ctx: Context, { health }: OperationsDeps): void {
  ctx.body = { status: health.live() ? 'up' : 'down' }
}

async function showReady(ctx: Context, { health, connections }: OperationsDeps, trusted: boolean) {
  const { ready, phase, dependencies } = await health.ready()
  ctx.status = ready ? 200 : 503
  if (!ready) ctx.set('Retry-After', '5')
  const status = ready ? 'ready' : 'not_ready'
  if (!trusted) {
    ctx.body = { status }
    return
  }
  // A database that does not answer is told of above.
  const sources = await connections?.health().catch(() => undefined)
  ctx.body = {
    status,
    phase,
    dependencies: present(dependencies),
    ...(sources && Object.keys(sources).length > 0
      ? { connections: presentConnections(sources) }
      : {}),
  }
}

function present(dependencies: Awaited<ReturnType<Health['ready']>>['dependencies']) {
  return Object.fromEntries(
    Object.entries(dependencies).map(([name, { state, durationMs }]) => [
      name,
      { state, duration_ms: durationMs },
    ]),
  )
}

function presentConnections(states: Record<string, ConnectionState>) {
  return Object.fromEntries(
    Object.entries(states).map(([name, { state, since, endsAt }]) => [
      name,
      { state, since, ends_at: endsAt },
    ]),
  )
}

async function showMetrics(ctx: Context, { metrics }: OperationsDeps, trusted: boolean) {
  // To everyone else there is no such page.
  if (!trusted) {
    ctx.status = 404
    return
  }
  const text = await metrics.scrape()
  ctx.set('Content-Type', metrics.contentType)
  ctx.body = text
}

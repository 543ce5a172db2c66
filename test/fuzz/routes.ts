import type Koa from 'koa'
import type { Parts } from '../../src/main/compose.ts'
import { createApp } from '../../src/main/server.ts'
import { createHealth } from '../../src/platform/observability/health.ts'
import { DEV_INBOX_PATH } from '../../src/surfaces/dev_inbox/mount.ts'
import { PREVIEWS_PATH } from '../../src/surfaces/dev_inbox/previews.ts'
import { STATUS_PATHS } from '../../src/surfaces/message_status/paths.ts'
import { DISCOVERY_PATHS, PATHS } from '../../src/surfaces/oidc/paths.ts'
import { LIVE_PATH, METRICS_PATH, READY_PATH } from '../../src/surfaces/operations/mount.ts'

/**
 * Every address that the product answers at, asked of the product: from the routers that the surfaces
 * have mounted, from the lists of those that have none, and from the engine.
 */
export type MountedRoute = {
  /** What metrics call it; undefined where they have no name for it, or one for several. */
  name: string | undefined
  methods: readonly string[]
  /** With `:name` where a part of it varies. */
  path: string
}

type Layer = { name?: string | null; methods: string[]; path: string | RegExp }
type Routed = { router?: { stack: Layer[] } }

export function mountedRoutes(parts: Parts): MountedRoute[] {
  const health = createHealth({ checks: {}, timeoutMs: 1_000 })
  const app: Koa = createApp(parts, health)
  const routed = app.middleware.flatMap((middleware) => {
    const stack = (middleware as Routed).router?.stack ?? []
    return stack.map(({ name, methods, path }) => ({
      name: name ?? undefined,
      methods,
      path: String(path),
    }))
  })
  const get = ['GET', 'HEAD']
  const listed: [string | undefined, readonly string[], readonly string[]][] = [
    ['health_live', get, [LIVE_PATH]],
    ['health_ready', get, [READY_PATH]],
    ['metrics', get, [METRICS_PATH]],
    ['home', get, ['/']],
    ['discovery', get, DISCOVERY_PATHS],
    ['assets', get, [...parts.renderer.assets.keys()].map((name) => `/assets/${name}`)],
    ['dev_inbox', get, [DEV_INBOX_PATH]],
    [undefined, get, [`${DEV_INBOX_PATH}/:id`, `${DEV_INBOX_PATH}/:id/html`]],
    ['dev_messages', get, [PREVIEWS_PATH]],
    [undefined, get, ['', '/html'].map((end) => `${PREVIEWS_PATH}/:kind/:channel/:locale${end}`)],
    ['message_status', ['POST'], STATUS_PATHS],
    ['jwks', get, [PATHS.jwks]],
  ]
  const engine = [
    ...Object.entries(PATHS),
    ['resume', `${PATHS.authorization}/:uid`],
    ['device_resume', `${PATHS.code_verification}/:uid`],
    ['end_session_confirm', `${PATHS.end_session}/confirm`],
    ['end_session_success', `${PATHS.end_session}/success`],
  ] as const
  return [
    ...routed,
    ...listed.flatMap(([name, methods, paths]) => paths.map((path) => ({ name, methods, path }))),
    ...engine.map(([name, path]) => ({ name, methods: ['GET', 'POST', 'OPTIONS'], path })),
  ]
}

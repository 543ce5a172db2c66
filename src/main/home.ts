import type Koa from 'koa'
import type { Parts } from './compose.ts'

/** What is at `/`: this is a sign-in service, and where to go from here. */
export function mountHome(app: Koa, { config, pages }: Parts): void {
  app.use((ctx, next) => {
    if (ctx.path !== '/' || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next()
    ctx.state.route = 'home'
    pages.send(ctx, 'home/index', {
      issuer: config.server.issuer,
      demoUri: config.demo.enabled ? `http://localhost:${config.demo.port}` : undefined,
      docsUri: undefined,
    })
    return
  })
}

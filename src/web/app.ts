import type Keygrip from 'keygrip'
import Koa from 'koa'
import type { Logger } from '../platform/observability/logger.ts'
import type { Metrics } from '../platform/observability/metrics.ts'
import { logAccess } from './access_log.ts'
import { type ClientCertificateOptions, findClientCertificate } from './client_certificate.ts'
import { findClientIp } from './client_ip.ts'
import { type ErrorOptions, mapErrors } from './errors.ts'
import { type GateOptions, gateRequests } from './gates.ts'
import { pinHost } from './pin_host.ts'
import { nameRequest } from './request_id.ts'
import { setSecurityHeaders } from './security_headers.ts'
import './request_context.ts'

/**
 * The web kit: a Koa application with what every surface stands on, one file per concern. A surface
 * mounts itself on it (`surface.ts`) and reads bodies, checks forms and sends pages with the kit's
 * other files. Control goes through the list below and then to the surfaces in the order mounted.
 */
export type WebAppOptions = {
  /** Origin under which people and clients reach this deployment. */
  issuer: string
  /** Addresses or CIDRs whose X-Forwarded-For is read. */
  trustedProxies: readonly string[]
  log: Logger
  metrics?: Metrics
  production: boolean
  /** Signs and verifies; the provider shares it. */
  cookieKeys: Keygrip
  crossOriginPaths?: ReadonlySet<string>
  /** Left out, no request has a client certificate. */
  clientCertificates?: ClientCertificateOptions | undefined
} & GateOptions &
  Omit<ErrorOptions, 'log'>

export function createWebApp(options: WebAppOptions): Koa {
  const { issuer, log, metrics } = options
  const app = new Koa({
    env: options.production ? 'production' : 'development',
    // Koa accepts a Keygrip here; its types know only lists of keys.
    keys: options.cookieKeys as unknown as string[],
    // Only `pinHost` writes the headers that this makes Koa read.
    proxy: true,
  })
  giveEachRequestALog(app, log)
  app.on('error', (error, ctx) => {
    log.error({ err: error, request_id: ctx?.state?.requestId }, 'response failed')
  })
  app.use(nameRequest)
  app.use(logAccess(log, metrics))
  app.use(findClientIp(options.trustedProxies))
  app.use(setSecurityHeaders(options))
  // The errors of the gates after it are answered like all others.
  app.use(mapErrors(options))
  // Before the host that was asked for is gone.
  if (options.clientCertificates) app.use(findClientCertificate(options.clientCertificates))
  app.use(pinHost(issuer))
  app.use(gateRequests(options))
  return app
}

function giveEachRequestALog(app: Koa, log: Logger): void {
  Object.defineProperty(app.context, 'log', {
    get(this: Koa.Context) {
      this.state.log ??= log.child({ request_id: this.state.requestId })
      return this.state.log
    },
  })
}

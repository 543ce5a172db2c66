import type { Logger } from '../platform/observability/logger.ts'

/**
 * What the web kit hangs on a request, declared once so that every handler sees the same types. The
 * kit knows HTTP and Koa and not one noun of the product; a surface builds on it and names things.
 */
declare module 'koa' {
  interface DefaultState {
    /** A UUID of ours; never taken from the request. */
    requestId: string
    /** The client's address after the walk over trusted proxies; an IPv4 one is never v4-mapped. */
    clientIp: string
    /** The name of the route that answers, for logs and metrics; a handler or its router sets it. */
    route?: string
    /** Logs the request at debug level only: for probes. */
    quiet?: boolean
    /** Made by `ctx.log` at its first use. */
    log?: Logger
  }
  interface DefaultContext {
    /** The log with the id of this request in every line. */
    readonly log: Logger
  }
}

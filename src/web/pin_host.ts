import type { Middleware } from 'koa'
import { DomainError } from '../core/errors.ts'

/**
 * Everything downstream sees the issuer's host and protocol, whatever the request said: links, cookies
 * and redirects are built from configuration. The headers by which a caller could say otherwise are
 * removed and the two that frameworks read are written anew, so that `ctx.protocol`, `ctx.secure`,
 * `ctx.host`, `ctx.href` and `ctx.ip` tell the truth behind `app.proxy = true`.
 */
export function pinHost(issuer: string): Middleware {
  const { host, protocol } = new URL(issuer)
  const scheme = protocol.slice(0, -1)
  return (ctx, next) => {
    assertOneHost(ctx.req.rawHeaders, ctx.req.headers.host)
    const headers = ctx.req.headers
    for (const name of Object.keys(headers)) {
      if (name.startsWith('x-forwarded-') || OVERRIDES.has(name)) delete headers[name]
    }
    headers.host = host
    headers['x-forwarded-proto'] = scheme
    if (ctx.state.clientIp) headers['x-forwarded-for'] = ctx.state.clientIp
    // Koa asks the socket before it asks the header; at the TLS listener that is not the issuer's.
    if ('encrypted' in ctx.req.socket) {
      Object.defineProperty(ctx.request, 'protocol', { value: scheme })
    }
    return next()
  }
}

const OVERRIDES = new Set([
  'forwarded',
  'x-host',
  'x-http-host-override',
  'x-original-host',
  'x-original-url',
  'x-rewrite-url',
  'x-url-scheme',
  'front-end-https',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'fastly-client-ip',
  // RFC 9110 has one method per request; nothing downstream may read another one from a header.
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
])

const HOST = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,255})(:\d{1,5})?$/i

/** RFC 9112 §3.2: more than one Host, or one that is no host, is answered with 400. */
function assertOneHost(rawHeaders: readonly string[], host: string | undefined): void {
  let seen = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.length === 4 && rawHeaders[i]!.toLowerCase() === 'host') seen++
  }
  if (seen > 1 || (host !== undefined && !HOST.test(host))) {
    throw new DomainError('invalid_input', 'The Host header is malformed.')
  }
}

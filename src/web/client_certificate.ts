import type { X509Certificate } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Context, Middleware } from 'koa'
import { DomainError } from '../core/errors.ts'
import { isIssuedByOneOf } from '../platform/certificates/trust.ts'
import { certificateFromHeader } from './certificate_header.ts'
import { addressMatcher } from './client_ip.ts'
import { type ClientCertificate, certificateOfSocket, isOfTlsListener } from './tls_listener.ts'

/**
 * Which certificate the client of a request holds: from the handshake of our own listener, or from
 * the header of a trusted proxy that terminated TLS. Whoever else sends such a header says nothing.
 */
export type ClientCertificateOptions = {
  /** The origin that asks for certificates, where it is not the issuer's. */
  origin?: string | undefined
  /** What is served there: the endpoints of programs. Pages and cookies belong to the issuer. */
  paths: ReadonlySet<string>
  /** How a proxy tells; left out where it cannot. */
  proxy?: ProxyContract | undefined
}

/** Names of headers are in lower case. */
export type ProxyContract = {
  trustedProxies: readonly string[]
  header: string
  /** Says SUCCESS for a certificate that the proxy verified. Without it we verify. */
  verifiedHeader?: string | undefined
  authorities: readonly X509Certificate[]
}

declare module 'koa' {
  interface DefaultState {
    /** What the client of this connection proved to hold the key of. */
    clientCertificate?: ClientCertificate | undefined
    /** The request came to the origin of `mtls_endpoint_aliases`. */
    atMutualTlsOrigin?: boolean
  }
}

export function findClientCertificate({
  origin,
  paths,
  proxy,
}: ClientCertificateOptions): Middleware {
  const host = origin === undefined ? undefined : new URL(origin).host
  const fromProxy = proxy && proxyReader(proxy)
  return (ctx, next) => {
    ctx.state.clientCertificate = fromProxy ? fromProxy(ctx) : certificateOfSocket(ctx.req.socket)
    ctx.state.atMutualTlsOrigin =
      isOfTlsListener(ctx.req.socket) || (host !== undefined && hostOf(ctx.req) === host)
    if (ctx.state.atMutualTlsOrigin && !paths.has(ctx.path)) {
      throw new DomainError('not_found', 'There is nothing here.')
    }
    return next()
  }
}

function hostOf({ headers }: IncomingMessage): string | undefined {
  return URL.parse(`https://${headers.host}`)?.host
}

function proxyReader(contract: ProxyContract): (ctx: Context) => ClientCertificate | undefined {
  const { header, verifiedHeader, authorities } = contract
  const isTrusted = addressMatcher(contract.trustedProxies)
  const take = ({ headers }: IncomingMessage, name: string): string => {
    const value = headers[name]
    delete headers[name]
    return typeof value === 'string' ? value : ''
  }
  return (ctx) => {
    const told = take(ctx.req, header)
    const verdict = verifiedHeader === undefined ? undefined : take(ctx.req, verifiedHeader)
    if (told === '' || !isTrusted(ctx.req.socket.remoteAddress ?? '')) return undefined
    const certificate = readable(ctx, told)
    if (!certificate) return undefined
    const verified =
      verdict === undefined
        ? isIssuedByOneOf(certificate, authorities, new Date())
        : verdict === 'SUCCESS'
    return { certificate, verified }
  }
}

function readable(ctx: Context, told: string): X509Certificate | undefined {
  try {
    return certificateFromHeader(told)
  } catch (error) {
    ctx.log.warn({ reason: (error as Error).message }, 'client certificate header not understood')
    return undefined
  }
}

import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../platform/observability/logger.ts'
import {
  createTlsServer,
  isOfTlsListener,
  secureContextOptions,
  type TlsMaterial,
} from './tls_listener.ts'

/**
 * The socket side of serving: how long a connection may dawdle, what a malformed request gets, and
 * how a process stops without dropping an answer.
 */

export type HttpServerOptions = {
  host: string
  port: number
  log: Logger
  /** For the whole head of a request. */
  headersTimeoutMs?: number
  /** For a whole request, head and body. */
  requestTimeoutMs?: number
  /** How long an idle connection is kept. */
  keepAliveTimeoutMs?: number
  maxHeaderBytes?: number
  maxRequestsPerSocket?: number
  maxConnections?: number
  /** Speaks TLS and asks for client certificates. */
  tls?: TlsMaterial
}

export type HttpServer = {
  /** The port is the real one where 0 was asked for. */
  readonly address: AddressInfo
  /**
   * Serves on for `delayMs` while every answer ends its connection; then accepts nothing new,
   * finishes what is in flight, and after `timeoutMs` cuts what is left.
   */
  drain(timeoutMs: number, delayMs?: number): Promise<void>
  /** Closes everything at once. */
  stop(): Promise<void>
  /** For connections from now on. Only for a server that speaks TLS. */
  renewTls(material: TlsMaterial): void
}

export async function startHttpServer(
  handler: RequestListener,
  options: HttpServerOptions,
): Promise<HttpServer> {
  const { server, inFlight } = buildServer(handler, options)
  await listen(server, options)
  const address = server.address() as AddressInfo
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= new Promise((resolve) => server.close(() => resolve()))
    return closed
  }
  return {
    address,
    async drain(timeoutMs, delayMs = 0) {
      inFlight.takeLeave()
      // Idle connections stay open: a request may be on its way on one of them.
      if (delayMs > 0) await sleep(delayMs)
      inFlight.drain()
      const finished = close()
      const cut = setTimeout(() => {
        options.log.warn({ in_flight: inFlight.size() }, 'connections cut at the end of the drain')
        server.closeAllConnections()
      }, timeoutMs)
      await finished
      clearTimeout(cut)
    },
    async stop() {
      const finished = close()
      server.closeAllConnections()
      await finished
    },
    renewTls(material) {
      if ('setSecureContext' in server) server.setSecureContext(secureContextOptions(material))
    },
  }
}

function buildServer(handler: RequestListener, options: HttpServerOptions) {
  const headersTimeout = options.headersTimeoutMs ?? 10_000
  const limits = {
    headersTimeout,
    requestTimeout: options.requestTimeoutMs ?? 30_000,
    keepAliveTimeout: options.keepAliveTimeoutMs ?? 5_000,
    maxHeaderSize: options.maxHeaderBytes ?? 16_384,
    connectionsCheckingInterval: Math.min(2_000, Math.ceil(headersTimeout / 2)),
    // Whatever the flags of the process: two readings of one request are one too many.
    insecureHTTPParser: false,
    requireHostHeader: true,
    noDelay: true,
  }
  const server = options.tls ? createTlsServer(limits, options.tls) : createServer(limits)
  server.maxRequestsPerSocket = options.maxRequestsPerSocket ?? 1_000
  server.maxConnections = options.maxConnections ?? 10_000
  const inFlight = trackInFlight(server)
  server.on('request', handler)
  // RFC 9110 §10.1.1 lets us overlook an expectation that nobody knows; Node would answer it alone,
  // without a header of ours and without a line in the log.
  server.on('checkExpectation', (req, res) => void server.emit('request', req, res))
  server.on('clientError', answerMalformed)
  server.on('error', (error) => options.log.error({ err: error }, 'http server failed'))
  return { server, inFlight }
}

/** Knows which responses are under way, so that a drain can ask their connections to close. */
function trackInFlight(server: Server) {
  const responses = new Set<ServerResponse>()
  let leaving = false
  let draining = false
  server.on('request', (_req, res) => {
    responses.add(res)
    if (leaving) res.shouldKeepAlive = false
    res.once('close', () => {
      responses.delete(res)
      // Its head may have promised to keep the connection before the drain began.
      if (draining) setImmediate(() => server.closeIdleConnections())
    })
  })
  return {
    size: () => responses.size,
    /** From now on every answer is the last one on its connection. */
    takeLeave() {
      leaving = true
      for (const res of responses) res.shouldKeepAlive = false
    },
    drain() {
      draining = true
    },
  }
}

function listen(server: Server, { host, port }: HttpServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: 1_024 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

const STATUS_OF_FAULT: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Content Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

/** A request that could not be read gets a bare status, and its connection ends. */
function answerMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  // Bytes of an answer may be out already; another status line among them would be read as its body.
  const answering = (socket as Socket & { _httpMessage?: ServerResponse })._httpMessage
  // Without a handshake nobody could read an answer.
  const handshaking = 'encrypted' in socket && !isOfTlsListener(socket)
  if (!socket.writable || handshaking || error.code === 'ECONNRESET' || answering?.headersSent) {
    socket.destroy()
    return
  }
  const status = STATUS_OF_FAULT[error.code ?? ''] ?? '400 Bad Request'
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nCache-Control: no-store\r\nContent-Length: 0\r\n\r\n`,
    () => socket.destroy(),
  )
}

import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { Certificate } from './certificates.ts'

/**
 * Ends TLS before the product, as the proxy of a deployment does: one hop, from a trusted address,
 * that says who called. A certificate that a client shows is passed on as RFC 9440 has it.
 */

export type TlsFront = { close(): Promise<void> }

/** BCP 195 (RFC 9325 §4.2): what FAPI 2.0 lets a server offer under TLS 1.2. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
].join(':')

export async function startTlsFront(
  { cert, key }: Certificate,
  { listenPort, upstreamPort }: { listenPort: number; upstreamPort: number },
): Promise<TlsFront> {
  const server = https.createServer({
    cert,
    key,
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS,
    // Asked for, never demanded, and not judged here: the product knows its clients.
    requestCert: true,
    rejectUnauthorized: false,
  })
  server.on('request', (request, response) => forward(request, response, upstreamPort))
  server.listen(listenPort)
  await once(server, 'listening')
  return {
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function forward(request: http.IncomingMessage, response: http.ServerResponse, port: number): void {
  const { method, url } = request
  const headers = headersFor(request)
  const onward = http.request({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.rawHeaders)
    answer.pipe(response)
  })
  onward.on('error', () => {
    if (!response.headersSent) response.writeHead(502)
    response.end()
  })
  response.on('close', () => onward.destroy())
  request.pipe(onward)
}

function headersFor({ headers, socket }: http.IncomingMessage): http.OutgoingHttpHeaders {
  const own = Object.entries(headers).filter(
    ([name]) => !/^(x-forwarded-|forwarded$|client-cert)/.test(name),
  )
  const shown = (socket as TLSSocket).getPeerCertificate()?.raw
  return {
    ...Object.fromEntries(own),
    'x-forwarded-for': socket.remoteAddress ?? '',
    'x-forwarded-proto': 'https',
    ...(shown ? { 'client-cert': `:${shown.toString('base64')}:` } : {}),
  }
}

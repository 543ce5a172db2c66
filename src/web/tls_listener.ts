import { constants, type X509Certificate } from 'node:crypto'
import { createServer, type Server, type ServerOptions } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

/**
 * TLS that asks clients for a certificate and goes on without one. What the handshake found is kept
 * by its socket, where no request can write.
 */

/** PEM each. */
export type TlsMaterial = {
  cert: string
  key: string
  /** Whose certificates count as verified; nobody's where it is left out. */
  ca?: string | undefined
}

export type ClientCertificate = {
  certificate: X509Certificate
  /** It was issued by an authority of ours. Without it the client only holds the key. */
  verified: boolean
}

/** RFC 9325 §4.2: forward secrecy and authenticated encryption. Those of TLS 1.3 all are. */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
]

const HANDSHAKE_TIMEOUT_MS = 10_000

export function createTlsServer(limits: ServerOptions, material: TlsMaterial): Server {
  const server = createServer({
    ...limits,
    ...secureContextOptions(material),
    requestCert: true,
    // The endpoints decide, in words of OAuth: most requests need no certificate.
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    ALPNProtocols: ['http/1.1'],
  })
  server.on('secureConnection', remember)
  return server
}

/** For `setSecureContext` too, when the files have changed. */
export function secureContextOptions({ cert, key, ca }: TlsMaterial) {
  return {
    cert,
    key,
    // Left out, the authorities of the web would be believed: an empty list believes nobody.
    ca: ca ?? [],
    allowPartialTrustChain: true,
    minVersion: 'TLSv1.2',
    ciphers: CIPHERS.join(':'),
    honorCipherOrder: true,
    // A handshake each, so that a certificate is verified when it is used; and one only, so that the
    // certificate of a connection is not exchanged for another after it was verified.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  } as const
}

const seen = new WeakMap<Socket, ClientCertificate | undefined>()

function remember(socket: TLSSocket): void {
  const certificate = socket.getPeerX509Certificate()
  seen.set(socket, certificate && { certificate, verified: socket.authorized })
}

/** True once the handshake is done. */
export function isOfTlsListener(socket: Socket): boolean {
  return seen.has(socket)
}

export function certificateOfSocket(socket: Socket): ClientCertificate | undefined {
  return seen.get(socket)
}

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, type SecureContext } from 'node:tls'
import { ExtendedRequest } from 'ldapts'
import { type Channel, createChannel } from './channel.ts'
import { LdapError, toLdapError } from './ldap_error.ts'
import { EXTENDED_RESPONSE } from './message.ts'

/** A server of a connection: `ldap://` begins TLS by StartTLS unless `plain` is said. */
export type Server = {
  url: string
  host: string
  port: number
  security: 'tls' | 'starttls' | 'plain'
}

export type Credentials = {
  /** PEM; whom it holds is trusted and nobody else. Node's own list without it. */
  caFile?: string | undefined
  certFile?: string | undefined
  keyFile?: string | undefined
  /** The name that the certificate has to be for, where it is not that of the server. */
  serverName?: string | undefined
}

const STARTTLS = '1.3.6.1.4.1.1466.20037'
const MAX_STARTTLS_ANSWER_BYTES = 4096

/**
 * Opens a connection; nothing but the request for StartTLS is ever sent before TLS stands.
 *
 * @param timeoutMs for the name, TCP and TLS together
 * @throws LdapError
 */
export async function dial(
  server: Server,
  credentials: Credentials,
  timeoutMs: number,
): Promise<Channel> {
  const signal = AbortSignal.timeout(timeoutMs)
  const deadline = performance.now() + timeoutMs
  let tcp: Socket | undefined
  try {
    tcp = await opened(connectTcp({ host: server.host, port: server.port }), 'connect', signal)
    tcp.setNoDelay(true).setKeepAlive(true, 30_000)
    if (server.security === 'plain') return createChannel(tcp, server.url)
    if (server.security === 'starttls')
      await startTls(tcp, server.url, deadline - performance.now())
    const secureContext = await contextOf(credentials, server.url)
    const name = credentials.serverName ?? server.host
    return createChannel(
      await opened(handshake(tcp, name, secureContext), 'secureConnect', signal),
      server.url,
    )
  } catch (error) {
    tcp?.destroy()
    throw toLdapError(error, server.url)
  }
}

/** RFC 4511 §4.14. @throws LdapError where the server does not, whatever the reason */
async function startTls(tcp: Socket, server: string, timeoutMs: number): Promise<void> {
  const channel = createChannel(tcp, server)
  const { result } = await channel.request(
    (base) => new ExtendedRequest({ ...base, oid: STARTTLS }),
    EXTENDED_RESPONSE,
    { timeoutMs: Math.max(1, timeoutMs), maxBytes: MAX_STARTTLS_ANSWER_BYTES },
  )
  if (result.code !== 0) throw new LdapError('starttls_refused', server, String(result.code))
  channel.detach()
}

function handshake(socket: Socket, name: string, secureContext: SecureContext): Socket {
  return connectTls({
    socket,
    host: name,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    secureContext,
    // Written out, so that NODE_TLS_REJECT_UNAUTHORIZED=0 does not reach directories.
    rejectUnauthorized: true,
  })
}

/** Read for each connection: a renewed certificate is used from the next one on. */
async function contextOf(files: Credentials, server: string): Promise<SecureContext> {
  const read = (file: string | undefined) => (file ? readFile(file) : undefined)
  try {
    const [ca, cert, key] = await Promise.all([
      read(files.caFile),
      read(files.certFile),
      read(files.keyFile),
    ])
    if (ca && !ca.includes('-----BEGIN CERTIFICATE-----')) throw new Error('no certificate in it')
    return createSecureContext({
      minVersion: 'TLSv1.2',
      ...(ca ? { ca } : {}),
      ...(cert ? { cert } : {}),
      ...(key ? { key } : {}),
    })
  } catch (error) {
    throw new LdapError('files', server, (error as { code?: string }).code)
  }
}

async function opened<S extends Socket>(socket: S, event: string, signal: AbortSignal): Promise<S> {
  // Stays for good: an error between two owners of the socket must not end the process.
  socket.on('error', () => {})
  try {
    await once(socket, event, { signal })
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

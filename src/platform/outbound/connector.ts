import { X509Certificate } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net'
import type { SecureContext, TLSSocket } from 'node:tls'
import { connect as connectTls, createSecureContext, getCACertificates } from 'node:tls'
import type { buildConnector } from 'undici'
import { abortable } from './abortable.ts'
import { canonicalAddress } from './addresses.ts'
import { type Endpoint, endpointOf, type Guard } from './guard.ts'
import { codeOf, OutboundError, toOutboundError } from './outbound_error.ts'

/** Resolves a host name to all its addresses, IPv4 and IPv6; rejects where there are none. */
export type Resolve = (hostname: string) => Promise<readonly string[]>

/** Opens a TCP connection to one of `addresses`, never resolving the name again. */
export type Dial = (endpoint: Endpoint, addresses: readonly string[]) => Socket

export type ConnectorDeps = {
  guard: Guard
  resolve: Resolve
  dial: Dial
  secureContext: SecureContext
  /** Milliseconds for DNS, TCP and TLS together. */
  timeoutMs: number
}

/** The operating system's resolver, which also reads the hosts file. */
export const resolveWithSystem: Resolve = async (hostname) => {
  const answers = await lookup(hostname, { all: true, order: 'verbatim' })
  return answers.map(({ address }) => address)
}

/** Happy eyeballs (RFC 8305) over the vetted addresses and no others. */
export const dialTcp: Dial = ({ host, port }, addresses) => {
  const pinned = addresses.map((address) => ({ address, family: isIP(address) }))
  const pinnedLookup: LookupFunction = (_hostname, options, callback) => {
    if (options.all) callback(null, pinned)
    else callback(null, pinned[0]!.address, pinned[0]!.family)
  }
  return connectTcp({ host, port, lookup: pinnedLookup, autoSelectFamily: true })
}

/**
 * @param extraCa PEM certificates trusted besides the ones Node trusts
 * @throws Error where `extraCa` begins with no certificate
 */
export function trust(extraCa: string | undefined): SecureContext {
  if (extraCa === undefined) return createSecureContext({ minVersion: 'TLSv1.2' })
  // OpenSSL passes over what it cannot read; a wrong file should stop the start instead.
  new X509Certificate(extraCa)
  const ca = [...getCACertificates('default'), extraCa]
  return createSecureContext({ minVersion: 'TLSv1.2', ca })
}

async function vettedAddresses(deps: ConnectorDeps, endpoint: Endpoint, signal: AbortSignal) {
  if (isIP(endpoint.host) !== 0) return deps.guard.vetAddresses(endpoint, [endpoint.host])
  const target = `${endpoint.host}:${endpoint.port}`
  const answers = await abortable(deps.resolve(endpoint.host), signal).catch((error: unknown) => {
    signal.throwIfAborted()
    throw new OutboundError('dns', target, codeOf(error))
  })
  if (answers.length === 0) throw new OutboundError('dns', target)
  return deps.guard.vetAddresses(endpoint, answers)
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

function assertPinned(socket: Socket, endpoint: Endpoint, vetted: readonly string[]): void {
  const { remoteAddress } = socket
  const peer = canonicalAddress(remoteAddress ?? '')
  if (peer !== undefined && vetted.includes(peer)) return
  socket.destroy()
  // Without a remote address the connection is gone already.
  const reason = remoteAddress === undefined ? 'connect' : 'blocked_address'
  throw new OutboundError(reason, `${endpoint.host}:${endpoint.port}`)
}

function handshake(deps: ConnectorDeps, socket: Socket, host: string): TLSSocket {
  return connectTls({
    socket,
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    secureContext: deps.secureContext,
    ALPNProtocols: ['http/1.1'],
    // Written out, so that NODE_TLS_REJECT_UNAUTHORIZED=0 does not reach this client.
    rejectUnauthorized: true,
  })
}

async function open(deps: ConnectorDeps, options: buildConnector.Options) {
  const endpoint = endpointOf(options)
  const signal = AbortSignal.timeout(deps.timeoutMs)
  try {
    const vetted = await vettedAddresses(deps, endpoint, signal)
    const tcp = await opened(deps.dial(endpoint, vetted), 'connect', signal)
    assertPinned(tcp, endpoint, vetted)
    tcp.setNoDelay(true)
    if (options.protocol !== 'https:') return tcp
    return await opened(handshake(deps, tcp, endpoint.host), 'secureConnect', signal)
  } catch (error) {
    throw toOutboundError(error, `${endpoint.host}:${endpoint.port}`)
  }
}

/**
 * How undici opens a connection here: resolve once, refuse the answer if any address is special-use,
 * connect to a vetted address, and look at the peer again before a byte is written. Because the name
 * is never resolved a second time, DNS rebinding has nothing to rebind.
 */
export function createConnector(deps: ConnectorDeps): buildConnector.connector {
  return (options, callback) => {
    open(deps, options).then(
      (socket) => callback(null, socket),
      (error: Error) => callback(error, null),
    )
  }
}

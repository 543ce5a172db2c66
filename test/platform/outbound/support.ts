import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { expect } from 'chai'
import type { CallInfo } from '../../../src/platform/outbound/client.ts'
import type { Dial } from '../../../src/platform/outbound/connector.ts'
import {
  createOutbound,
  type Outbound,
  type OutboundDeps,
  type OutboundPolicy,
} from '../../../src/platform/outbound/outbound.ts'
import {
  OutboundError,
  type OutboundReason,
} from '../../../src/platform/outbound/outbound_error.ts'

/** An address of the public internet that no test ever reaches: dialling is always replaced. */
export const PUBLIC_ADDRESS = '93.184.216.34'

const cleanups: (() => Promise<void> | void)[] = []

/** Closes what the test opened, newest first; to be called in `afterEach`. */
export async function closeAll(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
}

export function onCleanup(cleanup: () => Promise<void> | void): void {
  cleanups.push(cleanup)
}

export type Logged = { fields: object; message: string }

export type Harness = { outbound: Outbound; logged: Logged[]; calls: CallInfo[] }

export function makeOutbound(
  policy: Partial<OutboundPolicy> = {},
  deps: Partial<OutboundDeps> = {},
): Harness {
  const logged: Logged[] = []
  const calls: CallInfo[] = []
  const write = (fields: object, message: string) => void logged.push({ fields, message })
  const outbound = createOutbound(
    { allow: [], ...policy },
    { log: { warn: write, info: write }, onCall: (info) => void calls.push(info), ...deps },
  )
  onCleanup(() => outbound.close())
  return { outbound, logged, calls }
}

export type Running = { port: number; endpoint: string; origin: string; connections: () => number }

export async function listenOn(server: Server | ReturnType<typeof createTcpServer>) {
  let connections = 0
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    connections += 1
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onCleanup(async () => {
    for (const socket of open) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  const endpoint = `127.0.0.1:${port}`
  return { port, endpoint, origin: `http://${endpoint}`, connections: () => connections }
}

/** An HTTP server on loopback. */
export function serve(listener: RequestListener): Promise<Running> {
  return listenOn(createServer(listener))
}

/** A TCP server on loopback that speaks whatever `onSocket` writes, once the request came in. */
export function serveRaw(onRequest: (socket: Socket) => void): Promise<Running> {
  return listenOn(createTcpServer((socket) => void socket.once('data', () => onRequest(socket))))
}

/** Connects to `port` on loopback, whatever address was asked for; records what was asked for. */
export function dialLoopback(port: number, dialled: string[] = [], pretendPeer?: string): Dial {
  return (_endpoint, addresses) => {
    dialled.push(...addresses)
    const socket = connect({ host: '127.0.0.1', port })
    if (pretendPeer) Object.defineProperty(socket, 'remoteAddress', { value: pretendPeer })
    return socket
  }
}

/** Fails the test that would leave the house. */
export const dialNowhere: Dial = (endpoint) => {
  throw new Error(`the test dialled ${endpoint.host}`)
}

/** Awaits the failure of a call and checks its reason. */
export async function rejectedAs(
  promise: Promise<unknown>,
  reason: OutboundReason,
): Promise<OutboundError> {
  const outcome = await promise.then(
    () => 'resolved',
    (error: unknown) => error,
  )
  expect(outcome).to.be.instanceOf(OutboundError)
  expect((outcome as OutboundError).reason).to.equal(reason)
  return outcome as OutboundError
}

import { connect } from 'node:net'
import Keygrip from 'keygrip'
import type Koa from 'koa'
import { createLogger } from '../../src/platform/observability/logger.ts'
import { createWebApp, type WebAppOptions } from '../../src/web/app.ts'
import { type HttpServer, type HttpServerOptions, startHttpServer } from '../../src/web/server.ts'

/** A real application of the kit on a real socket, with its log in an array. */
export type ListeningApp = {
  app: Koa
  server: HttpServer
  url: string
  port: number
  lines: Record<string, unknown>[]
}

export const ISSUER = 'https://login.example.com'

export async function listenTo(
  mount: (app: Koa) => void,
  options: Partial<WebAppOptions> = {},
  serverOptions: Partial<HttpServerOptions> = {},
): Promise<ListeningApp> {
  const lines: Record<string, unknown>[] = []
  const log = createLogger(
    { logLevel: 'trace', logPretty: false },
    { write: (line) => void lines.push(JSON.parse(line)) },
  )
  const app = createWebApp({
    issuer: ISSUER,
    trustedProxies: [],
    log,
    production: true,
    cookieKeys: new Keygrip(['a key for tests'], 'sha256'),
    ...options,
  })
  mount(app)
  const server = await startHttpServer(app.callback(), {
    host: '127.0.0.1',
    port: 0,
    log,
    ...serverOptions,
  })
  const { port } = server.address
  return { app, server, port, url: `http://127.0.0.1:${port}`, lines }
}

/** Sends bytes as they are and returns everything that comes back until the server closes. */
export function sendRaw(
  port: number,
  bytes: string,
  { end = false, timeoutMs = 5_000 }: { end?: boolean; timeoutMs?: number } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => {
      if (end) socket.end(bytes, 'latin1')
      else socket.write(bytes, 'latin1')
    })
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`the connection stayed open; so far: ${answer}`))
    }, timeoutMs)
    socket.setEncoding('latin1').on('data', (part) => {
      answer += part
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve(answer)
    })
  })
}

export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])
}

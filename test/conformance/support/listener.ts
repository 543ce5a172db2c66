import { createServer, type IncomingMessage } from 'node:http'
import { freePort } from '../../support/free_port.ts'

/** An address of the suite that the provider calls: everything that arrives there. */
export type Listener = {
  host: string
  uri: string
  /** The next request that arrives, or one that is here already. */
  next(timeoutMs?: number): Promise<Arrived>
  stop(): void
}

export type Arrived = {
  method: string
  path: string
  headers: IncomingMessage['headers']
  body: string
}

export async function startListener(
  answer: (arrived: Arrived) => string = () => '',
): Promise<Listener> {
  const port = await freePort()
  const arrived: Arrived[] = []
  const waiting: ((one: Arrived) => void)[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const one = { method, path: url, headers, body: Buffer.concat(chunks).toString() }
      response.setHeader('content-type', 'application/json').end(answer(one))
      const waits = waiting.shift()
      if (waits) waits(one)
      else arrived.push(one)
    })
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const host = `127.0.0.1:${port}`
  return {
    host,
    uri: `http://${host}`,
    next: (timeoutMs = 15_000) =>
      new Promise((resolve, reject) => {
        const here = arrived.shift()
        if (here) return resolve(here)
        const timer = setTimeout(() => reject(new Error('nobody called in time')), timeoutMs)
        waiting.push((one) => {
          clearTimeout(timer)
          resolve(one)
        })
      }),
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

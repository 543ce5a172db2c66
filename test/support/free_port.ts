import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * A TCP port of 127.0.0.1 that nobody listens on. Taken at random from below the range out of which
 * the kernel serves outgoing connections and `listen(0)`, so that between this answer and its use
 * neither those nor another test process are likely to take it.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = randomInt(12_000, 32_000)
    if (await canListen(port)) return port
  }
  throw new Error('found no free port between 12000 and 32000')
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

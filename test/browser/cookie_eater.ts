import http from 'node:http'
import type { AddressInfo } from 'node:net'

/** A proxy that keeps every cookie to itself: behind it a browser is one whose settings forbid them. */
export async function startCookieEater(): Promise<{ url: string; stop(): Promise<void> }> {
  const server = http.createServer((request, response) => {
    const { method, url = '', headers } = request
    const onwards = http.request(url, { method, headers }, (answer) => {
      const { 'set-cookie': _eaten, ...kept } = answer.headers
      response.writeHead(answer.statusCode ?? 502, kept)
      answer.pipe(response)
    })
    onwards.on('error', () => response.writeHead(502).end())
    request.pipe(onwards)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

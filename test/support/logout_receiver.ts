import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { freePort } from './free_port.ts'

/** Where a client listens for back-channel logout (OpenID Connect Back-Channel Logout 1.0 §2.5). */
export type LogoutReceiver = {
  /** To be allowed in `AUTHCORE_OUTBOUND_ALLOW`: host and port. */
  address: string
  uri: string
  /** The next logout token that comes, one that has come already included. */
  next(): Promise<string>
  stop(): void
}

export async function startLogoutReceiver(): Promise<LogoutReceiver> {
  const address = `127.0.0.1:${await freePort()}`
  const came: string[] = []
  const waiting: ((token: string) => void)[] = []
  const server = createServer(async (request, response) => {
    const token = new URLSearchParams(await text(request)).get('logout_token') ?? ''
    response.writeHead(200).end()
    const take = waiting.shift()
    if (take) take(token)
    else came.push(token)
  })
  const { hostname, port } = new URL(`http://${address}`)
  await new Promise<void>((resolve) => server.listen(Number(port), hostname, resolve))
  return {
    address,
    uri: `http://${address}/logged-out`,
    async next() {
      return came.shift() ?? (await new Promise<string>((resolve) => waiting.push(resolve)))
    },
    stop() {
      server.closeAllConnections()
      server.close()
    },
  }
}

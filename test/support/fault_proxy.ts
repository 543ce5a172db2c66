import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A line to a server that can be made to fail, whatever is spoken over it. */
export type FaultProxy = {
  port: number
  /**
   * `passes` what is said; `hangs`: takes every call and says nothing more, on those that stand
   * either; `refuses` every call and cuts those that stand.
   */
  set(mode: Mode): void
  stop(): Promise<void>
}

export type Mode = 'passes' | 'hangs' | 'refuses'

export async function startFaultProxy(
  target: number,
  { port = 0 }: { port?: number } = {},
): Promise<FaultProxy> {
  let mode: Mode = 'passes'
  const open = new Set<Socket>()
  const server = createServer((near) => {
    if (mode === 'refuses') return void near.resetAndDestroy()
    keep(near)
    // Who was never led through is not led through later.
    if (mode === 'hangs') return
    const far = connect(target, '127.0.0.1')
    keep(far)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (bytes) => {
        if (mode === 'passes') to.write(bytes)
      })
      from.on('close', () => to.destroy())
    }
  })
  const keep = (socket: Socket) => {
    open.add(socket)
    socket.on('error', () => {}).on('close', () => open.delete(socket))
  }
  const cut = () => {
    for (const socket of open) socket.resetAndDestroy()
  }
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    set(next) {
      // Half a conversation cannot go on where bytes of it are gone.
      if (next !== mode && next !== 'hangs') cut()
      mode = next
    },
    async stop() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

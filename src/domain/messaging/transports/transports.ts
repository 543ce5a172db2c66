import type { Clock } from '../../../core/clock.ts'
import type { Channel } from '../kinds.ts'
import type { Transport } from './transport.ts'

/** The ways out in the order of the configuration; one that just failed is asked after the others. */
export type Transports = {
  inOrder(channel: Channel): Transport[]
  /** Lets the others go first for a while. */
  rest(transport: Transport): void
  close(): Promise<void>
}

const REST_MS = 30_000

export function createTransports(clock: Clock, all: readonly Transport[]): Transports {
  const restsUntil = new Map<Transport, number>()
  const isResting = (transport: Transport) =>
    (restsUntil.get(transport) ?? 0) > clock.now().getTime()
  return {
    inOrder: (channel) =>
      all
        .filter((transport) => transport.channel === channel)
        .toSorted((a, b) => Number(isResting(a)) - Number(isResting(b))),
    rest: (transport) => void restsUntil.set(transport, clock.now().getTime() + REST_MS),
    async close() {
      for (const transport of all) await transport.close?.()
    },
  }
}

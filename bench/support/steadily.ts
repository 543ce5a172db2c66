import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Asks at a steady pace, whatever happens to what was asked before: who asked one after the other would
 * wait with the server.
 *
 * @returns milliseconds, each from when it was due
 */
export async function steadily(
  ask: (n: number) => Promise<void>,
  { seconds, perS }: { seconds: number; perS: number },
): Promise<number[]> {
  const running: Promise<number>[] = []
  const beganAt = performance.now()
  for (let i = 0; i < seconds * perS; i++) {
    const dueAt = beganAt + (i * 1000) / perS
    // A timer takes a millisecond at least: what is due already does not wait for one.
    const earlyMs = dueAt - performance.now()
    if (earlyMs > 0) await sleep(earlyMs)
    running.push(ask(i).then(() => performance.now() - dueAt))
  }
  return await Promise.all(running)
}

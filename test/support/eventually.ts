import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Tries again until what is expected holds, and returns how long that took, in milliseconds; after
 * `timeoutMs` it throws what kept it from holding.
 */
export async function eventually(
  expectation: () => unknown,
  { timeoutMs = 15_000, everyMs = 20 } = {},
): Promise<number> {
  const beganAt = performance.now()
  for (;;) {
    try {
      await expectation()
      return performance.now() - beganAt
    } catch (fault) {
      if (performance.now() - beganAt > timeoutMs) throw fault
    }
    await sleep(everyMs)
  }
}

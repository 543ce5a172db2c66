/**
 * Compares how long two things take by the medians of measurements in turn, so that whatever slows the
 * machine slows both. A machine that is busy for a while spoils one round: they differ where they
 * differ in every round.
 */
/** Gets something ready, which is not timed, and gives what is. */
export type Prepare = () => Promise<() => Promise<unknown>>

const ROUNDS = 6

export type Difference = { first: number; second: number; differMs: number }

/**
 * @param pairs in each round
 * @param allowedMs and up to a tenth of the longer one
 * @returns undefined where they take the same, or the medians of the closest round
 */
export async function differ(
  [first, second]: [Prepare, Prepare],
  { pairs = 30, allowedMs = 3 }: { pairs?: number; allowedMs?: number } = {},
): Promise<Difference | undefined> {
  let closest: Difference | undefined
  for (let round = 0; round < ROUNDS; round += 1) {
    const times: [number[], number[]] = [[], []]
    for (let pair = 0; pair < pairs; pair += 1) {
      // Which of them goes first changes too.
      const order = pair % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)
      for (const which of order) {
        const work = await (which === 0 ? first : second)()
        times[which].push(await timeOf(work))
      }
    }
    const [a, b] = [medianOf(times[0]), medianOf(times[1])]
    const found = { first: a, second: b, differMs: Math.abs(a - b) }
    if (found.differMs <= Math.max(allowedMs, Math.max(a, b) / 10)) return undefined
    if (!closest || found.differMs < closest.differMs) closest = found
  }
  return closest
}

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

function medianOf(times: number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!
}

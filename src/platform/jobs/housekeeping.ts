import { setTimeout as sleep } from 'node:timers/promises'

/**
 * What every worker tidies up by itself, on a timer: nobody schedules a janitor, and workers that
 * meet at the same rows skip what another holds. Work that must be done once is a job instead.
 */
export type HousekeepingTask = {
  name: string
  /** Removes one bounded batch; how many rows that were. Asked again while it is not 0. */
  run(): Promise<number>
  /** Asked in every round: what it does is due at a time. The others rest where they find nothing. */
  steady?: boolean
}

export type HousekeepingOptions = {
  tasks: readonly HousekeepingTask[]
  intervalMs?: number
  log: { warn(fields: object, message: string): void }
  /** From 0 to 1. */
  random?: () => number
}

/** A backlog is worked off over several rounds, so that no task keeps the others waiting. */
const BATCHES_PER_ROUND = 100
/** An idle server need not look for what nobody has left behind: 0, 1, 3, 7 and then 15 rounds are left out. */
const MOST_ROUNDS_LEFT_OUT = 15

/** Begins a round after every `intervalMs`, give or take a fifth, and the first one a little earlier. */
export function startHousekeeping({
  tasks,
  intervalMs = 60_000,
  log,
  random = Math.random,
}: HousekeepingOptions): { stop(): Promise<void> } {
  const stopping = new AbortController()

  /** @returns whether there was nothing to do */
  const runTask = async ({ name, run }: HousekeepingTask): Promise<boolean> => {
    try {
      for (let batch = 0; batch < BATCHES_PER_ROUND && !stopping.signal.aborted; batch++) {
        if ((await run()) <= 0) return batch === 0
      }
    } catch (error) {
      log.warn({ err: error, task: name }, 'housekeeping failed and will be tried again')
    }
    return false
  }
  const rests = tasks.map(() => ({ left: 0, next: 0 }))
  const round = async (): Promise<void> => {
    for (const [i, task] of tasks.entries()) {
      const rest = rests[i]!
      if (rest.left-- > 0) continue
      const idle = await runTask(task)
      rest.left = idle && !task.steady ? rest.next : 0
      rest.next = idle ? Math.min(rest.next * 2 + 1, MOST_ROUNDS_LEFT_OUT) : 0
    }
  }
  const rounds = async (): Promise<void> => {
    let pauseMs = intervalMs * random()
    while (await paused(pauseMs, stopping.signal)) {
      await round()
      pauseMs = intervalMs * (0.8 + 0.4 * random())
    }
  }

  const running = rounds()
  return {
    /** Resolves when the batch at hand is done. */
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** False where the pause was ended early. */
async function paused(ms: number, signal: AbortSignal): Promise<boolean> {
  return await sleep(ms, true, { signal, ref: false }).catch(() => false)
}

import { setTimeout as sleep } from 'node:timers/promises'

/**
 * What every worker tidies up by itself, on a timer: nobody schedules a janitor, and workers that
 * meet at the same rows skip what another holds. Work that must be done once is a job instead.
 */
export type HousekeepingTask = {
  name: string
  /** Removes one bounded batch; how many rows that were. Asked again while it is not 0. */
  run(): Promise<number>
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

/** Begins a round after every `intervalMs`, give or take a fifth, and the first one a little earlier. */
export function startHousekeeping({
  tasks,
  intervalMs = 60_000,
  log,
  random = Math.random,
}: HousekeepingOptions): { stop(): Promise<void> } {
  const stopping = new AbortController()

  const runTask = async ({ name, run }: HousekeepingTask): Promise<void> => {
    try {
      for (let batch = 0; batch < BATCHES_PER_ROUND && !stopping.signal.aborted; batch++) {
        if ((await run()) <= 0) return
      }
    } catch (error) {
      log.warn({ err: error, task: name }, 'housekeeping failed and will be tried again')
    }
  }
  const rounds = async (): Promise<void> => {
    let pauseMs = intervalMs * random()
    while (await paused(pauseMs, stopping.signal)) {
      for (const task of tasks) await runTask(task)
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

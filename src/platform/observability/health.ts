/**
 * Whether the process lives and whether it should get requests. A probe costs the dependencies at
 * most one check per second, however many ask.
 */

export type Phase = 'starting' | 'serving' | 'draining'

export type DependencyHealth = { state: 'up' | 'down'; durationMs: number }

export type Readiness = {
  ready: boolean
  phase: Phase
  dependencies: Record<string, DependencyHealth>
}

export type Health = {
  /** True as long as the event loop answers. */
  live(): true
  ready(): Promise<Readiness>
  enter(phase: Phase): void
}

export type HealthOptions = {
  /** Each resolves where its dependency answers and rejects where it does not. */
  checks: Readonly<Record<string, () => Promise<void>>>
  /** Reported, but requests are served without them. */
  dispensable?: readonly string[]
  timeoutMs: number
  cacheMs?: number
  /** Told when a dependency goes down or comes back, once per change. */
  onChange?: (name: string, state: 'up' | 'down', error?: unknown) => void
}

/** Begins in the phase `starting`: not ready until `enter('serving')`. */
export function createHealth(options: HealthOptions): Health {
  let phase: Phase = 'starting'
  let checkedAt = Number.NEGATIVE_INFINITY
  let result: Promise<Record<string, DependencyHealth>> | undefined
  const checkAll = dependencyChecker(options)
  const dispensable = new Set(options.dispensable)
  return {
    live: () => true,
    async ready() {
      if (!result || performance.now() - checkedAt > (options.cacheMs ?? 1_000)) {
        checkedAt = performance.now()
        result = checkAll()
      }
      const dependencies = await result
      const allUp = Object.entries(dependencies).every(
        ([name, { state }]) => state === 'up' || dispensable.has(name),
      )
      return { ready: phase === 'serving' && allUp, phase, dependencies }
    },
    enter(next) {
      phase = next
    },
  }
}

function dependencyChecker({ checks, timeoutMs, onChange }: HealthOptions) {
  const states = new Map<string, 'up' | 'down'>()
  return async () => {
    const results = Object.entries(checks).map(async ([name, check]) => {
      const startedAt = performance.now()
      const { state, error } = await outcome(check, timeoutMs)
      if ((states.get(name) ?? 'up') !== state) onChange?.(name, state, error)
      states.set(name, state)
      const durationMs = Math.round((performance.now() - startedAt) * 10) / 10
      return [name, { state, durationMs }] as const
    })
    return Object.fromEntries(await Promise.all(results))
  }
}

async function outcome(
  check: () => Promise<void>,
  timeoutMs: number,
): Promise<{ state: 'up' | 'down'; error?: unknown }> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    await Promise.race([check(), late])
    return { state: 'up' }
  } catch (error) {
    return { state: 'down', error }
  } finally {
    clearTimeout(timer)
  }
}

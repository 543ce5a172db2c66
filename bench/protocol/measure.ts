import { type ChildProcess, fork } from 'node:child_process'
import { median } from '../support/report.ts'
import type { LoadOrder, LoadResult } from './load.ts'
import type { Costs, RunningProvider } from './running.ts'

/** One operation at one provider, several times over. */

export type Figures = {
  perS: number
  p50Ms: number
  p95Ms: number
  p99Ms: number
  errors: number
  /** Milliseconds of CPU for each operation. */
  serverMs: number
  postgresMs: number
  redisMs: number
  /** Of all of them together. */
  cpuMs: number
  statements: number
  commands: number
  peakBytes: number
}

export type Pace = { concurrency: number; seconds: number; atMost: number }

export async function measureOnce(
  provider: RunningProvider,
  operation: string,
  pace: Pace,
  firstPerson: number,
): Promise<Figures> {
  const load = fork(new URL('./load.ts', import.meta.url), { execArgv: process.execArgv })
  const order: LoadOrder = {
    provider: provider.description,
    operation,
    ...pace,
    warmUps: Math.min(400, Math.ceil(pace.atMost / 4)),
    firstPerson,
  }
  try {
    load.send(order)
    await heard(load, 'ready')
    provider.forgetPeak()
    const before = await provider.costs()
    load.send('go')
    const { result } = await heard(load, 'result')
    return figuresOf(result!, before, await provider.costs(), provider.peakBytes())
  } catch (error) {
    const { name } = provider.description
    throw new Error(`${operation} at ${name}; it said last:\n${provider.said()}`, { cause: error })
  } finally {
    load.kill('SIGKILL')
  }
}

type Message = { ready?: true; result?: LoadResult; error?: string }

async function heard(load: ChildProcess, what: 'ready' | 'result'): Promise<Message> {
  return await new Promise((resolve, reject) => {
    load.once('exit', (code) => reject(new Error(`the load ended with ${code}`)))
    load.once('message', (message: Message) => {
      load.removeAllListeners('exit')
      if (message[what]) resolve(message)
      else reject(new Error(message.error ?? 'the load said something else'))
    })
  })
}

function figuresOf(result: LoadResult, before: Costs, after: Costs, peakBytes: number): Figures {
  if (result.count === 0 || result.errors > 0) {
    throw new Error(`${result.errors} errors, ${result.count} good answers: ${result.firstError}`)
  }
  const each = (name: keyof Costs) => (after[name] - before[name]) / result.count
  const [serverMs, postgresMs, redisMs] = [each('serverMs'), each('postgresMs'), each('redisMs')]
  return {
    perS: result.count / result.seconds,
    p50Ms: result.p50Ms,
    p95Ms: result.p95Ms,
    p99Ms: result.p99Ms,
    errors: result.errors,
    serverMs,
    postgresMs,
    redisMs,
    cpuMs: serverMs + postgresMs + redisMs,
    statements: each('statements'),
    // Asking for the number is one of them.
    commands: each('commands'),
    peakBytes,
  }
}

/** The median of each figure by itself. */
export function medians(runs: readonly Figures[]): Figures {
  const names = Object.keys(runs[0]!) as (keyof Figures)[]
  const of = (name: keyof Figures) => median(runs.map((run) => run[name]))
  return Object.fromEntries(names.map((name) => [name, of(name)])) as Figures
}

/** Why a provider is not measured at an operation, or undefined where it is. */
export function reasonAgainst(
  { description }: RunningProvider,
  operation: string,
): string | undefined {
  const format = {
    cc_es256: 'ES256',
    cc_rs256: 'RS256',
    cc_opaque: 'opaque',
    dpop: 'ES256',
    introspection: 'opaque',
  }[operation] as 'ES256' | 'RS256' | 'opaque' | undefined
  if (format && description.resources[format] === undefined) return `no ${format} tokens`
  return description.without[operation]
}

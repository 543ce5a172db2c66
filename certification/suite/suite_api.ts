import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, fetch, type RequestInit, type Response } from 'undici'
import type { Variant } from '../tables/profiles.ts'

/**
 * The suite's REST API, one function a call. What only reads is tried again when the suite or the
 * way to it stumbles; what creates something is sent once.
 */

export type ModuleState = 'CREATED' | 'CONFIGURED' | 'RUNNING' | 'WAITING' | EndState
export type EndState = 'FINISHED' | 'INTERRUPTED'

export type PlanModule = { testModule: string; variant?: Variant | null }
export type LogEntry = {
  src?: string
  msg?: string
  result?: string
  /** The name of a placeholder that waits for an image. */
  upload?: string
}

export type Suite = ReturnType<typeof createSuite>

export class SuiteError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'SuiteError'
    this.status = status
  }
}

export type SuiteOptions = {
  /** Without a slash at its end. */
  url: string
  token?: string | undefined
  /** A certificate authority to trust, in PEM. */
  ca?: string | undefined
  /** Milliseconds for one call; a long poll gets its own time besides. */
  timeoutMs?: number
  /** Milliseconds before the first repetition; doubles. */
  pauseMs?: number
}

const ATTEMPTS = 4

export function createSuite({ url, token, ca, timeoutMs = 30_000, pauseMs = 500 }: SuiteOptions) {
  const dispatcher = new Agent(ca ? { connect: { ca } } : {})
  const headers = {
    'content-type': 'application/json',
    accept: '*/*',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  }

  async function send(method: string, path: string, init: RequestInit & { patienceMs?: number }) {
    const { patienceMs = 0, ...rest } = init
    const signal = AbortSignal.timeout(timeoutMs + patienceMs)
    const response = await fetch(`${url}/${path}`, { method, headers, dispatcher, signal, ...rest })
    if (response.ok) return response
    throw await refusal(`${method} ${path.split('?')[0]}`, response)
  }

  async function get(path: string, patienceMs = 0): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await send('GET', path, { patienceMs })
      } catch (error) {
        if (attempt === ATTEMPTS || !isPassing(error)) throw asSuiteError(error, path)
        await sleep(pauseMs * 2 ** (attempt - 1))
      }
    }
  }

  const read = async <T>(path: string, patienceMs?: number) =>
    (await (await get(path, patienceMs)).json()) as T
  const post = async (path: string, body?: string) => {
    try {
      return await send('POST', path, body === undefined ? {} : { body })
    } catch (error) {
      throw asSuiteError(error, path)
    }
  }

  return {
    url,
    async version(): Promise<string> {
      return (await read<{ version?: string }>('api/server')).version ?? 'of no version'
    },
    async availablePlans(): Promise<string[]> {
      const plans = await read<{ planName: string }[]>('api/plan/available')
      return plans.map(({ planName }) => planName)
    },
    planInfo: (plan: string) =>
      read<{ variants?: Record<string, unknown> }>(`api/plan/info/${encodeURIComponent(plan)}`),
    async createPlan(plan: string, variant: Variant, config: object) {
      const query = new URLSearchParams({ planName: plan })
      if (Object.keys(variant).length > 0) query.set('variant', JSON.stringify(variant))
      const response = await post(`api/plan?${query}`, JSON.stringify(config))
      return (await response.json()) as { id: string; modules: PlanModule[] }
    },
    async createModule(planId: string, { testModule, variant }: PlanModule): Promise<string> {
      const query = new URLSearchParams({ test: testModule, plan: planId })
      if (variant) query.set('variant', JSON.stringify(variant))
      const response = await post(`api/runner?${query}`)
      return ((await response.json()) as { id: string }).id
    },
    start: (id: string) => post(`api/runner/${id}`),
    stop: (id: string) => send('DELETE', `api/runner/${id}`, {}),
    info: (id: string) => read<{ status: ModuleState; result?: string }>(`api/info/${id}`),
    /** Undefined where none of the states was reached in time. */
    async waitState(id: string, states: readonly ModuleState[], waitMs: number) {
      const query = `states=${states.join(',')}&timeoutMs=${Math.min(waitMs, 30_000)}`
      const answer = await read<{ timeout?: boolean; state?: ModuleState }>(
        `api/runner/${id}/wait-state?${query}`,
        waitMs,
      )
      return answer.timeout ? undefined : answer.state
    },
    log: (id: string) => read<LogEntry[]>(`api/log/${id}`),
    /** Addresses that no script matched: they wait for somebody to go there. */
    async waitingUrls(id: string): Promise<string[]> {
      return (await read<{ urls?: string[] }>(`api/runner/browser/${id}`)).urls ?? []
    },
    visited: (id: string, visitedUrl: string) =>
      post(`api/runner/browser/${id}/visit?${new URLSearchParams({ url: visitedUrl })}`),
    uploadImage: (id: string, placeholder: string, png: Buffer) =>
      post(
        `api/log/${id}/images/${encodeURIComponent(placeholder)}`,
        `data:image/png;base64,${png.toString('base64')}`,
      ),
    /** Everything that was logged of a plan, signed by the suite as JSON, or as pages for people. */
    async exportPlan(planId: string, form: 'export' | 'exporthtml') {
      const response = await get(`api/plan/${form}/${planId}`)
      const disposition = response.headers.get('content-disposition') ?? ''
      const [, name = `${form}-${planId}.zip`] = /filename="?([\w.-]+)/.exec(disposition) ?? []
      return { name, zip: Buffer.from(await response.arrayBuffer()) }
    },
    close: () => dispatcher.close(),
  }
}

async function refusal(call: string, response: Response): Promise<SuiteError> {
  const words = (await response.text()).replace(/\s+/g, ' ').slice(0, 500)
  return new SuiteError(response.status, `${call}: ${response.status} ${words}`.trim())
}

function isPassing(error: unknown): boolean {
  return error instanceof SuiteError ? error.status >= 500 : true
}

/** @returns an error that names the call, also where nobody answered */
function asSuiteError(error: unknown, path: string): SuiteError {
  if (error instanceof SuiteError) return error
  const { message, cause } = error as Error & { cause?: Error }
  const why = cause?.message || message
  return new SuiteError(0, `${path.split('?')[0]}: no answer (${why})`)
}

import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PlanConfig } from '../../../certification/plans/plan_config.ts'
import type { LogEntry, ModuleState } from '../../../certification/suite/suite_api.ts'

/**
 * An imitation of the conformance suite: its REST API as `certification/` uses it, with modules that go
 * through the states a test writes down, and the pages on which its browser arrives. It tests nothing.
 */

export type ScriptedModule = {
  /** After CREATED; the last is where it stays. FINISHED where nothing is said. */
  states?: readonly ModuleState[]
  /** PASSED where nothing is said. */
  result?: string
  log?: readonly LogEntry[]
  /** Is gone from the runner when it has ended: 404. */
  leavesMemory?: boolean
  /** Addresses that somebody has to visit; WAITING does not end before its pictures are there. */
  urls?: readonly string[]
  placeholders?: readonly string[]
  /** How often the next calls about it fail with 503. */
  stumbles?: number
  /** How many times somebody else takes its alias while it runs. */
  taken?: number
  /** How many times it is not created, because a stranger has the alias. */
  occupied?: number
  /** Starts by itself at the second look. */
  startsItself?: boolean
}

export type ScriptedPlan = Record<string, ScriptedModule>

export type Imitation = {
  url: string
  /** Method and path of every call, queries left out. */
  calls: string[]
  plans: { name: string; variant: unknown; config: PlanConfig }[]
  images: { placeholder: string; body: string }[]
  /** How often a module was begun on an alias while another one ran there. */
  conflicts: number
  /** Modules that ran at one time, at most. */
  atOnce: number
  stop(): Promise<void>
}

export type ImitationOptions = {
  plans: Record<string, ScriptedPlan>
  token?: string
  /** Parameters of variants that its plans know. */
  parameters?: readonly string[]
}

type Instance = {
  id: string
  alias: string
  module: ScriptedModule
  states: ModuleState[]
  log: LogEntry[]
  open: Set<string>
  urls: Set<string>
  stumbles: number
}

const DONE = '<!doctype html><title>Suite</title><div id="submission_complete">Done</div>'

export async function startImitation(options: ImitationOptions): Promise<Imitation> {
  const instances = new Map<string, Instance>()
  const timesTaken = new Map<ScriptedModule, number>()
  const timesRefused = new Map<ScriptedModule, number>()
  const server = http.createServer((request, response) => {
    void answer(request).then(
      ({ status, body, headers }) => response.writeHead(status, headers).end(body),
      (error: Error) => response.writeHead(500).end(error.stack),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const imitation: Imitation = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: [],
    plans: [],
    images: [],
    conflicts: 0,
    atOnce: 0,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return imitation

  type Answer = { status: number; body: string; headers: http.OutgoingHttpHeaders }

  function json(value: unknown, status = 200): Answer {
    const headers = { 'content-type': 'application/json' }
    return { status, body: JSON.stringify(value), headers }
  }

  async function answer(request: http.IncomingMessage): Promise<Answer> {
    const { pathname, searchParams } = new URL(request.url ?? '/', imitation.url)
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    if (/^\/test\/a\/[\w-]+\/(callback|post_logout_redirect)$/.test(pathname)) {
      return { status: 200, body: DONE, headers: { 'content-type': 'text/html' } }
    }
    imitation.calls.push(`${request.method} ${pathname}`)
    const { token } = options
    if (token !== undefined && request.headers.authorization !== `Bearer ${token}`) {
      return json({ error: 'who are you?' }, 401)
    }
    return await call(`${request.method} ${pathname}`, searchParams, body)
  }

  async function call(line: string, query: URLSearchParams, body: string): Promise<Answer> {
    const about = /^(\w+) \/api\/(runner\/browser|runner|info|log)\/([\w-]+)(.*)$/.exec(line)
    if (about) {
      const [, method, resource, id = '', rest] = about
      const instance = instances.get(id)
      if (!instance) return json({}, 404)
      if (instance.stumbles-- > 0) return json({ error: 'busy' }, 503)
      return await ofModule(`${method} ${resource}${rest}`, instance, query, body)
    }
    const info = /^GET \/api\/plan\/info\/(.+)$/.exec(line)
    if (info) {
      const { parameters = [] } = options
      return json({ variants: Object.fromEntries(parameters.map((name) => [name, {}])) })
    }
    const exported = /^GET \/api\/plan\/(export|exporthtml)\/([\w-]+)$/.exec(line)
    if (exported) {
      const disposition = `attachment; filename="${exported[2]}-${exported[1]}.zip"`
      return { status: 200, body: 'PK', headers: { 'content-disposition': disposition } }
    }
    switch (line) {
      case 'GET /api/server':
        return json({ version: '5.2.4' })
      case 'GET /api/plan/available':
        return json(Object.keys(options.plans).map((planName) => ({ planName })))
      case 'POST /api/plan':
        return createPlan(query, JSON.parse(body) as PlanConfig)
      case 'POST /api/runner':
        return createModule(query)
      default:
        return json({ error: `no such call: ${line}` }, 404)
    }
  }

  function createPlan(query: URLSearchParams, config: PlanConfig): Answer {
    const name = query.get('planName') ?? ''
    const variant = JSON.parse(query.get('variant') ?? 'null') as unknown
    const plan = options.plans[name]
    if (!plan) return json({ error: 'no such plan' }, 400)
    imitation.plans.push({ name, variant, config })
    const modules = Object.keys(plan).map((testModule) => ({ testModule, variant: {} }))
    return json({ id: `plan${imitation.plans.length}`, modules }, 201)
  }

  function createModule(query: URLSearchParams): Answer {
    const plan = imitation.plans[Number(query.get('plan')?.slice(4)) - 1]
    const module = plan && options.plans[plan.name]?.[query.get('test') ?? '']
    if (!module) return json({ error: 'no such module' }, 404)
    const refused = timesRefused.get(module) ?? 0
    if (refused < (module.occupied ?? 0)) {
      timesRefused.set(module, refused + 1)
      return json({ error: 'alias is in use by a different user' }, 409)
    }
    const { alias } = plan.config
    imitation.conflicts += running().filter((each) => each.alias === alias).length
    claim(alias)
    const instance: Instance = {
      id: `module${instances.size + 1}`,
      alias,
      module,
      states: ['CREATED', ...(module.states ?? ['FINISHED'])],
      log: [...(module.log ?? [])],
      open: new Set(module.placeholders),
      urls: new Set(module.urls),
      stumbles: module.stumbles ?? 0,
    }
    instances.set(instance.id, instance)
    imitation.atOnce = Math.max(imitation.atOnce, running().length)
    return json({ id: instance.id, url: `${imitation.url}/test/a/${alias}` }, 201)
  }

  async function ofModule(
    line: string,
    instance: Instance,
    query: URLSearchParams,
    body: string,
  ): Promise<Answer> {
    const { module } = instance
    const upload = /^POST log\/images\/(.+)$/.exec(line)
    if (upload) {
      imitation.images.push({ placeholder: upload[1]!, body })
      instance.open.delete(upload[1]!)
      return json({})
    }
    switch (line) {
      case 'GET runner/wait-state':
        return await waitState(instance, query)
      case 'GET info': {
        if (module.startsItself && instance.states[0] === 'CONFIGURED') instance.states.shift()
        const status = instance.states[0]
        return json({ status, ...(ended(instance) ? { result: module.result ?? 'PASSED' } : {}) })
      }
      case 'GET log':
        return json([...instance.log, ...[...instance.open].map((name) => ({ upload: name }))])
      case 'POST runner':
        if (instance.states[0] !== 'CONFIGURED') return json({ error: 'not configured' }, 409)
        instance.states.shift()
        return json({})
      case 'DELETE runner':
        instance.states = ['INTERRUPTED']
        return json({})
      case 'GET runner/browser':
        return json({ urls: [...instance.urls] })
      case 'POST runner/browser/visit':
        instance.urls.delete(query.get('url') ?? '')
        return json({})
      default:
        return json({ error: `no such call: ${line}` }, 404)
    }
  }

  async function waitState(instance: Instance, query: URLSearchParams): Promise<Answer> {
    const wanted = query.get('states')?.split(',') ?? []
    const taken = timesTaken.get(instance.module) ?? 0
    if (taken < (instance.module.taken ?? 0)) {
      timesTaken.set(instance.module, taken + 1)
      claim(instance.alias)
    }
    while (!wanted.includes(instance.states[0]!) && mayGoOn(instance)) instance.states.shift()
    if (ended(instance) && instance.module.leavesMemory) return json({}, 404)
    const [state] = instance.states
    if (wanted.includes(state!)) return json({ state })
    await sleep(Number(query.get('timeoutMs')))
    return json({ timeout: true })
  }

  function mayGoOn({ states, open, urls }: Instance): boolean {
    if (states.length === 1 || states[0] === 'CONFIGURED') return false
    return states[0] !== 'WAITING' || (open.size === 0 && urls.size === 0)
  }

  function ended({ states }: Instance): boolean {
    return states[0] === 'FINISHED' || states[0] === 'INTERRUPTED'
  }

  function running(): Instance[] {
    return [...instances.values()].filter((instance) => !ended(instance))
  }

  function claim(alias: string): void {
    for (const instance of running().filter((each) => each.alias === alias)) {
      instance.states = ['INTERRUPTED']
      instance.log.push({ msg: 'Stopping test due to alias conflict - another tester has begun' })
    }
  }
}

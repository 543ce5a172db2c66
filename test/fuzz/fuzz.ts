import { FLOWS, type Flow } from './flows.ts'
import { faultOf } from './judge.ts'
import { mutate } from './mutate.ts'
import { type Place, startPlace } from './place.ts'
import { type Random, seeded } from './random.ts'
import { bytesOf, copyOf, type FuzzRequest, headerOf, setHeader } from './request.ts'
import { mountedRoutes } from './routes.ts'
import { send } from './send.ts'
import { watchLog } from './watch_log.ts'

/**
 * Rounds of flows (`flows.ts`), each request of which is tried in so many other shapes
 * (`mutate.ts`), sent byte by byte (`send.ts`) and judged (`judge.ts`). The same seed draws the same
 * flows and changes; what is live in a request, such as its cookies, is of each run.
 */
export type Fault = {
  what: string
  round: string
  /** What was sent just before it came to light; the log tells of a batch. */
  requests: Buffer[]
}

export type Report = {
  seed: string
  requests: number
  /** Answers by status; 0 where the connection only ended, -1 for flows that could not go on. */
  statuses: Map<number, number>
  memory: { beforeMib: number; afterMib: number; peakMib: number }
  /** The names of what is mounted, as far as it has one, and how often each answered. */
  mounted: readonly string[]
  routes: Map<string, number>
  faults: Fault[]
}

export type Options = {
  seed: string
  /** Each runs every flow once. */
  rounds: number
  /** Shapes of each request. */
  shapes: number
  /** Ends sooner, where the rounds take longer. */
  seconds?: number
  /** Only these. */
  flows?: readonly string[]
  onRound?: (report: Report) => void
}

/** Beyond so many, more of them say nothing new. */
const MAX_FAULTS = 25

/**
 * Between the first round and the last. Large bodies and hashes leave room behind that is given back
 * at times: without a leak it goes up and down by 150.
 */
const GROWTH_MIB = 300

export async function fuzz(options: Options): Promise<Report> {
  const place = await startPlace()
  try {
    return await run(place, options)
  } finally {
    await place.stop()
  }
}

async function run(place: Place, options: Options): Promise<Report> {
  const { seed, rounds, seconds = Number.POSITIVE_INFINITY } = options
  const until = performance.now() + seconds * 1000
  const log = watchLog()
  const report: Report = {
    seed,
    requests: 0,
    statuses: new Map(),
    memory: { beforeMib: 0, afterMib: 0, peakMib: 0 },
    mounted: mountedRoutes(place.inside.parts).flatMap(({ name }) => name ?? []),
    routes: new Map(),
    faults: [],
  }
  const note = (what: string, round: string, requests: Buffer[]) => {
    const isKnown = report.faults.some((fault) => sameFault(fault.what, what))
    if (!isKnown && report.faults.length < MAX_FAULTS) report.faults.push({ what, round, requests })
  }
  for (let round = 0; round < rounds && performance.now() < until; round++) {
    for (const [name, flow] of Object.entries(FLOWS)) {
      if (options.flows && !options.flows.includes(name)) continue
      if (performance.now() > until) break
      const at = `${seed}/${round}/${name}`
      const scene = { place, random: seeded(at), keepSecret: log.keepSecret }
      await runFlow(scene, flow, {
        ...options,
        log,
        report,
        note: (what, sent) => note(what, at, sent),
      })
      if (!place.isAlive()) {
        note(`the process has ended:\n${place.newLog().slice(-2_000)}`, at, [])
        return report
      }
    }
    const mib = await place.memoryMib()
    if (round === 0) report.memory.beforeMib = mib
    report.memory.afterMib = mib
    report.memory.peakMib = Math.max(report.memory.peakMib, mib)
    report.routes = routesIn(await place.metrics())
    options.onRound?.(report)
  }
  const { beforeMib, afterMib } = report.memory
  if (afterMib - beforeMib > GROWTH_MIB) {
    note(`memory grew from ${Math.round(beforeMib)} to ${Math.round(afterMib)} MiB`, seed, [])
  }
  return report
}

/** What a flow could not do, as a shape before had used it up: under -1 among the statuses. */
const ENDED_EARLY = -1

type Work = Options & {
  log: ReturnType<typeof watchLog>
  report: Report
  note(what: string, sent: Buffer[]): void
}

async function runFlow(
  scene: { place: Place; random: Random; keepSecret(...values: (string | undefined)[]): void },
  flow: Flow,
  work: Work,
): Promise<void> {
  const { place, random } = scene
  const requests = flow(scene)
  let last: Buffer[] = []
  for (;;) {
    const next = await requests.next().catch((error: unknown) => {
      count(work.report.statuses, ENDED_EARLY)
      if (process.env['FUZZ_DEBUG']) console.error(error)
      return undefined
    })
    for (const fault of work.log.faultsIn(place.newLog())) work.note(fault, last)
    if (!next || next.done) return
    last = await tryShapes(next.value, { place, random: random.fork(work.report.requests), work })
  }
}

/** The request in other shapes, a few at a time, as they would come from a busy world. */
async function tryShapes(
  request: FuzzRequest,
  { place, random, work }: { place: Place; random: Random; work: Work },
): Promise<Buffer[]> {
  const sent: Buffer[] = []
  const shapes = Array.from({ length: work.shapes }, () => mutate(request, random))
  if (request.asIs) shapes.unshift(request)
  for (let i = 0; i < shapes.length; i += 4) {
    await Promise.all(
      shapes.slice(i, i + 4).map(async (shape) => {
        const bytes = bytesOf(fromSomewhere(shape, random), `localhost:${place.port}`)
        sent.push(bytes)
        const isBroken = shape.framing === 'broken'
        const outcome = await send(bytes, { port: place.port, isBroken })
        const status = outcome.kind === 'answer' ? outcome.answer.status : 0
        work.report.requests += 1
        count(work.report.statuses, status)
        const fault = faultOf(shape, outcome, place.inside.issuer)
        if (fault) work.note(`${shape.method} ${shape.path}: ${fault}`, [bytes])
      }),
    )
  }
  return sent
}

function count(statuses: Map<number, number>, status: number): void {
  statuses.set(status, (statuses.get(status) ?? 0) + 1)
}

/** From an address of its own, so that it is not only the limits that answer. */
function fromSomewhere(request: FuzzRequest, random: Random): FuzzRequest {
  if (headerOf(request, 'x-forwarded-for') !== undefined) return request
  const moved = copyOf(request)
  setHeader(moved, 'X-Forwarded-For', `10.${random.int(250)}.${random.int(250)}.${random.int(250)}`)
  return moved
}

/** Words that differ from one request to the next say nothing of their own. */
function sameFault(a: string, b: string): boolean {
  const essence = (text: string) =>
    text
      .replace(/"(time|request_id|path|duration_ms|client_ip|id|sid)":("[^"]*"|[\d.]+)/g, '')
      .replace(/[\w-]{16,}/g, '')
      .replace(/\d+/g, '')
      .slice(0, 600)
  return essence(a) === essence(b)
}

function routesIn(metrics: string): Map<string, number> {
  const found = new Map<string, number>()
  for (const [, labels = '', count] of metrics.matchAll(
    /^authcore_http_request_duration_seconds_count\{([^}]*)\} (\d+)$/gm,
  )) {
    const route = /route="([^"]*)"/.exec(labels)?.[1] ?? ''
    found.set(route, (found.get(route) ?? 0) + Number(count))
  }
  return found
}

export function describe({ what, round, requests }: Fault): string {
  const shown = requests.slice(-12).map((bytes) => {
    const text = JSON.stringify(bytes.toString('latin1').slice(0, 3_000))
    const whole = bytes.length <= 6_000 ? `\n    base64: ${bytes.toString('base64')}` : ''
    return `  ${text}${whole}`
  })
  const heading =
    requests.length === 1 ? 'the request:' : 'one of these requests, or the flow itself:'
  return [`${what}`, `in ${round}, ${heading}`, ...shown].join('\n')
}

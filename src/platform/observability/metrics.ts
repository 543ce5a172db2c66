import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { registerProcessMetrics } from './process_metrics.ts'

/**
 * What the server counts about itself, in Prometheus form. A label takes its values from a short list
 * the program knows (route names, outcomes, limits): never a path, a client or a person.
 */

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** How `persistence/db.ts` lets others watch its statements. */
type ObserveStatements = (
  observer: (statement: { text: string; durationMs: number; failed: boolean }) => void,
) => () => void

export type Metrics = ReturnType<typeof createMetrics>

/** What one process has measured, as it is passed on to another. */
export type ProcessMetrics = Awaited<ReturnType<Registry['getMetricsAsJSON']>>

/**
 * The text of one scrape for several processes, whose series differ in the label `process`: nothing is
 * added up that a query could not add up better.
 */
export async function scrapeOf(measured: readonly ProcessMetrics[]): Promise<string> {
  return await AggregatorRegistry.aggregate([...measured]).metrics()
}

/** @param labels of every series */
export function createMetrics(labels: Record<string, string> = {}) {
  const registry = new Registry()
  registry.setDefaultLabels(labels)
  registerProcessMetrics(registry)
  const instruments = registerInstruments(registry)
  return {
    httpRequestStarted: () => instruments.inFlight.inc(),
    httpRequestEnded(method: string, route: string | undefined, status: number, durationS: number) {
      instruments.inFlight.dec()
      const known = METHODS.has(method) ? method : 'other'
      instruments.requests.labels(known, route ?? 'unmatched', String(status)).observe(durationS)
    },
    rateLimited: (limit: string) => instruments.rateLimited.labels(limit).inc(),
    eventRecorded: (type: string) => instruments.events.labels(type).inc(),
    signInRisk(signals: readonly string[], result: string) {
      for (const signal of signals) instruments.signInRisks.labels(signal, result).inc()
    },
    signIn: (outcome: string) => instruments.signIns.labels(outcome).inc(),
    breachCheck: (outcome: string) => instruments.breachChecks.labels(outcome).inc(),
    tokenIssued: (grantType: string) => instruments.tokens.labels(grantType).inc(),
    connectionCall(
      connection: string,
      call: { operation: string; answered: boolean; durationMs: number },
    ) {
      const outcome = call.answered ? 'answered' : 'unavailable'
      instruments.connectionCalls
        .labels(connection, call.operation, outcome)
        .observe(call.durationMs / 1000)
    },
    /** How each connection fares is asked for at each scrape. */
    observeConnections(states: () => Promise<ConnectionStates>) {
      instruments.readConnections(states)
    },
    message: (kind: string, transport: string, outcome: string) =>
      instruments.messages.labels(kind, transport, outcome).inc(),
    directorySynced: (outcome: string) => instruments.directorySyncs.labels(outcome).inc(),
    /** For how many seconds a directory was not gone through to its end is asked for at each scrape. */
    observeDirectories(unsyncedS: () => Promise<number>) {
      instruments.readDirectories(unsyncedS)
    },
    /** How many seconds the oldest message has waited is asked for at each scrape. */
    observeMessages(waitingS: () => Promise<number>) {
      instruments.readMessages(waitingS)
    },
    /** How many events wait is asked for at each scrape. */
    observeOutbox(depth: () => Promise<number>) {
      instruments.readOutbox(depth)
    },
    /** Times every database statement until the returned function is called. */
    observeDatabase: (observe: ObserveStatements) =>
      observe(({ text, durationMs, failed }) => {
        instruments.statements
          .labels(operationOf(text), failed ? 'failed' : 'ok')
          .observe(durationMs / 1000)
      }),
    contentType: registry.contentType,
    /** The text of one scrape. */
    scrape: () => registry.metrics(),
    /** The same for `scrapeOf`. */
    measure: () => registry.getMetricsAsJSON(),
  }
}

function registerInstruments(registry: Registry) {
  const registers = [registry]
  let outboxDepth: (() => Promise<number>) | undefined
  new Gauge({
    name: 'authcore_outbox_depth',
    help: 'Events recorded and not yet delivered to every sink.',
    registers,
    async collect() {
      // A database that does not answer must not take the other numbers with it.
      this.set((await outboxDepth?.().catch(() => Number.NaN)) ?? 0)
    },
  })
  return {
    readOutbox(depth: () => Promise<number>) {
      outboxDepth = depth
    },
    ...registerHttp(registers),
    ...registerMessages(registers),
    ...registerConnections(registers),
    ...registerDirectories(registers),
    statements: new Histogram({
      name: 'authcore_db_statement_duration_seconds',
      help: 'Time from asking for a connection to the rows of one statement.',
      labelNames: ['operation', 'outcome'],
      buckets: SECONDS,
      registers,
    }),
    rateLimited: new Counter({
      name: 'authcore_rate_limited_total',
      help: 'Attempts refused by a limit.',
      labelNames: ['limit'],
      registers,
    }),
    events: new Counter({
      name: 'authcore_events_total',
      help: 'Events recorded.',
      labelNames: ['type'],
      registers,
    }),
    signIns: new Counter({
      name: 'authcore_sign_ins_total',
      help: 'Attempts to sign in.',
      labelNames: ['outcome'],
      registers,
    }),
    signInRisks: new Counter({
      name: 'authcore_sign_in_risks_total',
      help: 'What was unusual about sign-ins, and the answer.',
      labelNames: ['signal', 'result'],
      registers,
    }),
    breachChecks: new Counter({
      name: 'authcore_password_breach_checks_total',
      help: 'Questions to the breach service about a new password.',
      labelNames: ['outcome'],
      registers,
    }),
    tokens: new Counter({
      name: 'authcore_tokens_issued_total',
      help: 'Access tokens issued.',
      labelNames: ['grant_type'],
      registers,
    }),
  }
}

function registerMessages(registers: Registry[]) {
  let oldestWaitingS: (() => Promise<number>) | undefined
  new Gauge({
    name: 'authcore_message_queue_age_seconds',
    help: 'How long the oldest message to a person has waited; 0 where none does.',
    registers,
    async collect() {
      this.set((await oldestWaitingS?.().catch(() => Number.NaN)) ?? 0)
    },
  })
  return {
    readMessages(waitingS: () => Promise<number>) {
      oldestWaitingS = waitingS
    },
    messages: new Counter({
      name: 'authcore_messages_total',
      help: 'Attempts to hand a message to a transport: accepted, rejected, unavailable, expired, suppressed or sms_daily_limit.',
      labelNames: ['kind', 'transport', 'outcome'],
      registers,
    }),
  }
}

type ConnectionStates = Record<string, { state: string; endsAt?: Date | undefined }>

/** Connections are named by whoever runs the server: there are as many as they have made. */
function registerConnections(registers: Registry[]) {
  let read: (() => Promise<ConnectionStates>) | undefined
  const states = async () => (await read?.().catch((): ConnectionStates => ({}))) ?? {}
  new Gauge({
    name: 'authcore_connection_up',
    help: 'Whether a connection answered when it was last needed: 1, 0, or NaN where nobody has needed it.',
    labelNames: ['connection'],
    registers,
    async collect() {
      this.reset()
      for (const [name, { state }] of Object.entries(await states())) {
        this.labels(name).set(state === 'unused' ? Number.NaN : Number(state === 'up'))
      }
    },
  })
  new Gauge({
    name: 'authcore_connection_end_timestamp_seconds',
    help: 'When what is known of a connection ends unless it is renewed: SAML metadata and its keys.',
    labelNames: ['connection'],
    registers,
    async collect() {
      this.reset()
      for (const [name, { endsAt }] of Object.entries(await states())) {
        if (endsAt) this.labels(name).set(Math.floor(endsAt.getTime() / 1000))
      }
    },
  })
  return {
    readConnections(asked: () => Promise<ConnectionStates>) {
      read = asked
    },
    connectionCalls: new Histogram({
      name: 'authcore_connection_call_duration_seconds',
      help: 'Time that a connection took to answer, or not to.',
      labelNames: ['connection', 'operation', 'outcome'],
      buckets: SECONDS,
      registers,
    }),
  }
}

function registerDirectories(registers: Registry[]) {
  let unsyncedS: (() => Promise<number>) | undefined
  new Gauge({
    name: 'authcore_directory_unsynced_seconds',
    help: 'How long ago the last good run through a directory began, of the one that has waited longest; 0 where none is to be gone through.',
    registers,
    async collect() {
      this.set((await unsyncedS?.().catch(() => Number.NaN)) ?? 0)
    },
  })
  return {
    readDirectories(read: () => Promise<number>) {
      unsyncedS = read
    },
    directorySyncs: new Counter({
      name: 'authcore_directory_syncs_total',
      help: 'Runs through a directory: synced, or why one came to nothing.',
      labelNames: ['outcome'],
      registers,
    }),
  }
}

function registerHttp(registers: Registry[]) {
  return {
    requests: new Histogram({
      name: 'authcore_http_request_duration_seconds',
      help: 'Time from the head of a request to the end of its response.',
      labelNames: ['method', 'route', 'status'],
      buckets: SECONDS,
      registers,
    }),
    inFlight: new Gauge({
      name: 'authcore_http_requests_in_flight',
      help: 'Requests being answered now.',
      registers,
    }),
  }
}

const OPERATIONS = new Set(['select', 'insert', 'update', 'delete', 'with'])
const operations = new Map<string, string>()

function operationOf(text: string): string {
  let operation = operations.get(text)
  if (operation === undefined) {
    const word = /[a-z]+/i.exec(text)?.[0].toLowerCase() ?? ''
    operation = OPERATIONS.has(word) ? word : 'other'
    // Statement texts are constants of the program; the cap is for the day one is not.
    if (operations.size < 5_000) operations.set(text, operation)
  }
  return operation
}

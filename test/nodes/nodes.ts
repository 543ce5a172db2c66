import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { runCli, wordsOf } from '../main/cli/run_cli.ts'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free_port.ts'
import * as haproxy from '../support/haproxy.ts'
import { type Browser, type BrowserOptions, browser } from '../support/http.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { type ServerProcess, startProcess } from '../support/server_process.ts'

/**
 * Two real server processes on one database, in production, behind haproxy with TLS as
 * docs/OPERATIONS.md has it. What is changed about the deployment is changed by its commands.
 */
export type Nodes = {
  issuer: string
  database: TestDatabase
  /** Runs a command and returns its answer. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it member by member
  run(line: string, options?: { input?: string; cli?: string }): Promise<any>
  /** @param cli of another copy of the program */
  start(node: number, cli?: string): Promise<void>
  /** As a rolling restart does: SIGTERM, and then its end is waited for. */
  stop(node: number): Promise<void>
  /** Until the proxy sends requests to both. */
  bothAnswer(): Promise<void>
  /** What a node printed since it was started. */
  output(node: number): string
  /** Past the proxy. */
  direct(node: number): Browser
  /** Through it: a connection for each request, which go to the nodes in turn, or kept ones. */
  browser(options?: BrowserOptions): Browser
  /** What was answered, in order, without probes. */
  requests(): Request[]
  /** The same, once the log has everything that was answered before: lines are written by and by. */
  allRequests(): Promise<Request[]>
  close(): Promise<void>
}

type Request = { node: number; path: string; clientIp: unknown }

const secret = () => randomBytes(32).toString('base64')

export type NodesOptions = {
  env?: Record<string, string>
  /** Of another copy of the program; its schema is made by it. */
  cli?: string
}

export async function startNodes({
  env: more = {},
  cli: program,
}: NodesOptions = {}): Promise<Nodes> {
  const ports = [await freePort(), await freePort()]
  const database = await testDatabase({ migrated: program === undefined })
  const proxy = await haproxy.startHaproxy({
    upstreams: ports.map((port) => `127.0.0.1:${port}`),
    healthPath: '/health/ready',
    tls: true,
  })
  const env = {
    NODE_ENV: 'production',
    ISSUER: proxy.url,
    AUTHCORE_HOST: '127.0.0.1',
    DATABASE_URL: database.url,
    // A busy machine is no database that is away.
    AUTHCORE_DATABASE_TIMEOUT: '60s',
    AUTHCORE_TRUSTED_PROXIES: '127.0.0.1',
    AUTHCORE_ENCRYPTION_KEYS: `k1:${secret()}`,
    AUTHCORE_HASH_KEY: secret(),
    AUTHCORE_COOKIE_KEYS: secret(),
    ...more,
  }
  const started: { node: number; server: ServerProcess }[] = []
  const serverOf = (node: number) => started.findLast((each) => each.node === node)!.server
  const nodes: Nodes = {
    issuer: proxy.url,
    database,
    async run(line, { input = '', cli = program } = {}) {
      const ran = await runCli(wordsOf(`${line} --json`), { env, input, cli })
      expect(ran.code, `${line}: ${ran.stderr}`).to.equal(0)
      return ran.json()
    },
    async start(node, cli = program) {
      const server = startProcess(['serve'], { ...env, PORT: String(ports[node]) }, cli)
      started.push({ node, server })
      await server.says('"serving"')
    },
    async stop(node) {
      serverOf(node).signal('SIGTERM')
      expect(await serverOf(node).ended, serverOf(node).output()).to.equal(0)
    },
    async bothAnswer() {
      const before = nodes.requests().length
      const asks = async () => {
        await nodes.browser().get('/nothing-here')
        const answered = nodes.requests().slice(before)
        expect(new Set(answered.slice(-2).map(({ node }) => node)).size).to.equal(2)
      }
      await eventually(asks, { timeoutMs: 60_000, everyMs: 50 })
    },
    output: (node) => serverOf(node).output(),
    direct: (node) => browser({ base: `http://127.0.0.1:${ports[node]}` }),
    browser: (options) => browser({ base: proxy.url, ca: proxy.ca!, ...options }),
    requests: () =>
      started
        .flatMap(({ node, server }) =>
          server
            .logged()
            .filter(({ msg, route }) => msg === 'request' && !String(route).startsWith('health'))
            .map((line) => ({
              node,
              path: String(line['path']),
              clientIp: line['client_ip'],
              at: String(line['time']),
            })),
        )
        .sort((a, b) => (a.at < b.at ? -1 : 1)),
    async allRequests() {
      const mark = `/mark-${randomBytes(8).toString('hex')}`
      await Promise.all([0, 1].map((node) => nodes.direct(node).get(mark)))
      await eventually(async () => {
        const marks = nodes.requests().filter(({ path }) => path === mark)
        expect(marks).to.have.length(2)
      })
      return nodes.requests().filter(({ path }) => !path.startsWith('/mark-'))
    },
    async close() {
      await Promise.all(started.map(({ server }) => server.clean()))
      await proxy.stop()
      await database.drop()
    },
  }
  if (program) await nodes.run('migrate up')
  await Promise.all([nodes.start(0), nodes.start(1)])
  await nodes.bothAnswer()
  return nodes
}

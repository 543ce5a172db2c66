import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { startEmbeddedPostgres } from '../../src/platform/persistence/embedded_postgres.ts'
import { freePort } from '../../test/support/free_port.ts'
import { urlOf } from '../../test/support/postgres.ts'
import { startRedis } from '../../test/support/redis.ts'
import { asSuperuser, COUNTED } from '../support/counted_statements.ts'
import { plainEnvironment, ROOT, startServer } from '../support/server_process.ts'
import { ENVIRONMENT, seedAuthcore } from './authcore.ts'
import { cpuMsOf, forgetPeak, peakBytesOf, pinned, residentBytesOf } from './processes.ts'
import { atPort, type ProviderDescription } from './provider.ts'

/** A provider that runs, with the database and the Redis that it needs, and what each of them costs. */

export type Costs = {
  serverMs: number
  postgresMs: number
  redisMs: number
  statements: number
  commands: number
}
export type RunningProvider = {
  description: ProviderDescription
  /** Milliseconds from the start of the process to its first answer. */
  readyMs: number
  residentBytes(): number
  forgetPeak(): void
  peakBytes(): number
  /** The last that it printed. */
  said(): string
  /** What has been spent so far. */
  costs(): Promise<Costs>
  stop(): Promise<void>
}

type Service = 'postgres' | 'redis'
type Place = { folder: string; services: readonly Service[] }

/** The server's processor; everything else is kept on the other one. */
const SERVER_CPU = 0

export async function startDescribed(
  description: ProviderDescription,
  folder: string,
): Promise<RunningProvider> {
  const filled = atPort(description, await freePort())
  const cwd = path.join(ROOT, filled.folder)
  if (filled.install) await runOnce(filled.install, cwd, {})
  const place = { folder, services: filled.services }
  return await withServices(place, async (services) => {
    const env = { ...filled.env, ...services.env }
    if (filled.seed) await runOnce(filled.seed, cwd, env)
    return { description: filled, command: filled.start, cwd, env }
  })
}

async function runOnce(
  [program, ...args]: readonly [string, ...string[]],
  cwd: string,
  env: Record<string, string>,
): Promise<void> {
  await promisify(execFile)(program, args, { cwd, env: { ...plainEnvironment(), ...env } })
}

export async function startAuthcore(
  { name, people, redis, env: more = {} }: AuthcoreOptions,
  folder: string,
): Promise<RunningProvider> {
  const services: Service[] = redis ? ['postgres', 'redis'] : ['postgres']
  return await withServices({ folder, services }, async ({ env }) => {
    const port = await freePort()
    const own = path.join(folder, 'authcore')
    mkdirSync(own, { recursive: true })
    const seeded = await seedAuthcore({ folder: own, databaseUrl: env.DATABASE_URL!, people })
    const issuer = `http://localhost:${port}`
    const command = [process.execPath, 'bin/authcore.mjs', 'serve'] as [string, ...string[]]
    return {
      description: {
        name,
        start: command,
        env: {},
        folder: '.',
        services,
        issuer,
        scriptedPages: [],
        ...seeded,
        without: {},
      },
      command,
      cwd: ROOT,
      env: { ...ENVIRONMENT, ...env, PORT: String(port), AUTHCORE_DATA_DIR: own, ...more },
    }
  })
}

export type AuthcoreOptions = {
  name: string
  people: number
  redis: boolean
  env?: Record<string, string>
}

type Start = {
  description: ProviderDescription
  command: readonly string[]
  cwd: string
  env: Record<string, string>
}

async function withServices(
  { folder, services }: Place,
  prepare: (services: { env: Record<string, string> }) => Promise<Start>,
): Promise<RunningProvider> {
  mkdirSync(folder, { recursive: true })
  const running = new AsyncDisposableStack()
  try {
    const env: Record<string, string> = {}
    const postgres = services.includes('postgres') ? await startPostgres(folder) : undefined
    running.defer(async () => await postgres?.stop())
    if (postgres) env['DATABASE_URL'] = postgres.url
    const redis = services.includes('redis') ? await startCountedRedis() : undefined
    running.defer(async () => await redis?.stop())
    if (redis) env['REDIS_URL'] = redis.url
    const start = await prepare({ env })
    const { description, command, cwd } = start
    const server = await startServer({
      command: pinned(SERVER_CPU, command) as [string, ...string[]],
      cwd,
      env: { ...plainEnvironment(), ...start.env },
      readyUri: `${description.issuer}/.well-known/openid-configuration`,
      timeoutMs: 60_000,
    })
    running.defer(() => server.stop())
    const { pid } = server
    return {
      description,
      readyMs: server.readyMs,
      said: () => server.output().slice(-2000),
      residentBytes: () => residentBytesOf(pid),
      forgetPeak: () => forgetPeak(pid),
      peakBytes: () => peakBytesOf(pid),
      costs: async () => ({
        serverMs: cpuMsOf(pid),
        postgresMs: postgres ? cpuMsOf(postgres.pid) : 0,
        redisMs: redis ? cpuMsOf(redis.pid) : 0,
        statements: (await postgres?.statements()) ?? 0,
        commands: (await redis?.commands()) ?? 0,
      }),
      stop: () => running.disposeAsync(),
    }
  } catch (error) {
    await running.disposeAsync()
    throw error
  }
}

async function startPostgres(folder: string) {
  const dataDir = path.join(folder, 'postgres')
  const server = await startEmbeddedPostgres({
    dataDir,
    stopAdopted: true,
    settings: COUNTED,
    log: () => {},
  })
  const pid = Number(
    readFileSync(path.join(server.dataDir, 'postmaster.pid'), 'utf8').split('\n')[0],
  )
  const client = await asSuperuser(server.connection)
  return {
    url: urlOf(server.connection),
    pid,
    async statements() {
      const { rows } = await client.query(
        `SELECT sum(calls)::float8 AS calls FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'`,
      )
      return (rows[0] as { calls: number | null }).calls ?? 0
    },
    async stop() {
      await client.end()
      await server.stop()
    },
  }
}

async function startCountedRedis() {
  const server = await startRedis()
  const client = new Redis(server.url)
  return {
    url: server.url,
    pid: server.component.pid,
    async commands() {
      const stats = await client.info('stats')
      return Number(/total_commands_processed:(\d+)/.exec(stats)?.[1] ?? 0)
    },
    async stop() {
      client.disconnect()
      await server.stop()
    },
  }
}

import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { systemClock } from '../../../src/core/clock.ts'
import { compose } from '../../../src/main/compose.ts'
import { openStorage } from '../../../src/main/storage.ts'
import { loadConfig } from '../../../src/platform/config/load_config.ts'
import { withSecrets } from '../../../src/platform/config/own_secrets.ts'
import { createMetrics } from '../../../src/platform/observability/metrics.ts'
import { migrateUp } from '../../../src/platform/persistence/migrate.ts'
import { API, addApi, addClient, addPerson, type Person } from '../../support/authcore.ts'
import { type Component, startComponent, untilReady } from '../../support/component.ts'
import { freePort } from '../../support/free_port.ts'
import { temporaryFolder } from '../../support/leash.ts'
import { probe } from '../../support/server_process.ts'
import { type OwnPostgres, startOwnPostgres } from './own_postgres.ts'

/**
 * A deployment to break: the server as a process of its own on a PostgreSQL of its own, with people,
 * applications and APIs in it. Whatever else it needs, a fault brings along.
 */
export type Stand = {
  issuer: string
  folder: string
  postgres: OwnPostgres
  server: Server
  people: Person[]
  clients: Clients
  stop(): Promise<void>
}

export type Clients = Record<'app' | 'service' | 'opaqueService' | 'guard', Registered>
type Registered = { clientId: string; secret?: string | undefined }

export type Server = {
  pid(): number
  /** At once and without a word. */
  kill(): Promise<void>
  /** Only begins it; `ready` waits. */
  launch(): void
  ready(): Promise<void>
  stop(): Promise<void>
  output(): string
}

export type StandOptions = {
  /** What an operator would set besides. */
  env?: Record<string, string>
  /** Of the server's process alone. */
  preload?: Record<string, string>
  /** Where the database's files lie; a temporary folder by default. */
  databaseFolder?: string
  /** What this deployment holds besides. */
  prepare?: (parts: Parts) => Promise<void>
}

export type Parts = Awaited<ReturnType<typeof compose>>

export const OPAQUE_API = 'https://opaque.example.test'
const CLI = fileURLToPath(new URL('../../../src/main/cli/authcore.ts', import.meta.url))
const PEOPLE = 4

export async function startStand(options: StandOptions = {}): Promise<Stand> {
  const folder = temporaryFolder('stand')
  const port = await freePort()
  const postgres = await startOwnPostgres(options.databaseFolder ?? folder)
  const env = {
    NODE_ENV: 'test',
    PORT: String(port),
    ISSUER: `http://localhost:${port}`,
    DATABASE_URL: postgres.url,
    AUTHCORE_DATA_DIR: path.join(folder, 'data'),
    // Everybody who asks has an address of their own, so that no limit meets the load.
    AUTHCORE_TRUSTED_PROXIES: '127.0.0.1,::1',
    AUTHCORE_DRAIN: '1s',
    AUTHCORE_LOG_LEVEL: 'warn',
    ...options.env,
  }
  const inside = await furnish(env, options.prepare)
  const server = serverOf(folder, port, { ...env, ...options.preload })
  server.launch()
  await server.ready()
  return {
    issuer: env.ISSUER,
    folder,
    postgres,
    server,
    ...inside,
    async stop() {
      await server.stop()
      await postgres.stop()
    },
  }
}

async function furnish(env: Record<string, string>, prepare: StandOptions['prepare']) {
  const config = withSecrets(loadConfig(env))
  const storage = await openStorage(config, { log: () => {} })
  await migrateUp(storage.db)
  const log = pino({ level: 'silent' })
  const metrics = createMetrics()
  const parts = await compose({ config, log, metrics, storage, clock: systemClock })
  try {
    await prepare?.(parts)
    return { people: await addPeople(parts), clients: await addClients(parts) }
  } finally {
    await parts.close()
    await storage.close()
  }
}

async function addPeople(parts: Parts): Promise<Person[]> {
  const people: Person[] = []
  for (let n = 0; n < PEOPLE; n++) people.push(await addPerson({ parts }))
  return people
}

async function addClients(parts: Parts): Promise<Clients> {
  await addApi({ parts })
  await addApi({ parts }, 'opaque', OPAQUE_API)
  const service = (metadata: Parameters<typeof addClient>[1]) => addClient({ parts }, metadata)
  return {
    app: await addClient({ parts }),
    service: await service({
      preset: 'service',
      metadata: { resource_scopes: { [API]: ['read'] } },
    }),
    opaqueService: await service({
      preset: 'service',
      metadata: { resource_scopes: { [OPAQUE_API]: ['read'] } },
    }),
    guard: await service({ preset: 'service', metadata: { introspection: 'any' } }),
  }
}

/** What the runner tells the tests is no setting of the server. */
const INHERITED = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('AUTHCORE_')),
)

function serverOf(folder: string, port: number, env: Record<string, string>): Server {
  const logFile = path.join(folder, 'server.log')
  mkdirSync(folder, { recursive: true })
  let component: Component | undefined
  return {
    pid: () => component!.pid,
    output: () => component?.output() ?? '',
    async kill() {
      await component?.stop('SIGKILL')
    },
    launch() {
      component = startComponent(process.execPath, [CLI, 'serve'], {
        logFile,
        env,
        inherited: INHERITED,
      })
    },
    async ready() {
      await untilReady(component!, () => isReady(port), 60_000)
    },
    async stop() {
      await component?.stop()
    },
  }
}

async function isReady(port: number): Promise<boolean> {
  const asked = probe(`http://127.0.0.1:${port}/health/ready`).then(
    ({ status }) => status === 200,
    () => false,
  )
  return await Promise.race([asked, sleep(2_000, false)])
}

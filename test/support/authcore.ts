import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pino } from 'pino'
import { type Clock, systemClock } from '../../src/core/clock.ts'
import { createAccount } from '../../src/domain/accounts/create_account.ts'
import { type ClientToCreate, createClient } from '../../src/domain/clients/create_client.ts'
import { createResourceServer } from '../../src/domain/clients/create_resource_server.ts'
import type { Kinds } from '../../src/domain/federation/kinds.ts'
import { compose, type Parts } from '../../src/main/compose.ts'
import { startWebServer, type WebServer } from '../../src/main/server.ts'
import { openStorage } from '../../src/main/storage.ts'
import { startWorker, type Worker } from '../../src/main/worker.ts'
import { type EnvironmentVariables, loadConfig } from '../../src/platform/config/load_config.ts'
import { withSecrets } from '../../src/platform/config/own_secrets.ts'
import { createMetrics } from '../../src/platform/observability/metrics.ts'
import { observeStatements } from '../../src/platform/persistence/db.ts'
import { freePort } from './free_port.ts'
import { testDatabase } from './postgres.ts'

/**
 * The real server in the process of the test, on a database of its own. What a test changes about it
 * are the variables that an operator would set.
 */
export type AuthCore = {
  issuer: string
  parts: Parts
  web: WebServer
  worker: Worker | undefined
  /** What the command line needs to work on the same deployment. */
  env: EnvironmentVariables
  /** What was logged, one object a line; `silent` unless the test asks for a level. */
  logged: Record<string, unknown>[]
  stop(): Promise<void>
}

export type AuthCoreOptions = {
  env?: EnvironmentVariables
  /** Runs the worker too; otherwise nothing leaves the outbox. */
  worker?: boolean
  /** What time it is for us; the engine asks `Date.now()`. */
  clock?: Clock
  /** Kinds of connections, in place of those that there are. */
  kinds?: Kinds
}

export const PASSWORD = 'correct horse battery staple'
export const API = 'https://api.example.test'

export async function startAuthCore({
  env = {},
  worker = false,
  clock = systemClock,
  kinds,
}: AuthCoreOptions = {}): Promise<AuthCore> {
  const [database, port] = await Promise.all([testDatabase(), freePort()])
  const dataDir = mkdtempSync(path.join(tmpdir(), 'authcore-test-'))
  const variables = {
    NODE_ENV: 'test',
    PORT: String(port),
    ISSUER: `http://localhost:${port}`,
    DATABASE_URL: database.url,
    AUTHCORE_DATA_DIR: dataDir,
    AUTHCORE_DRAIN: '1s',
    ...env,
  }
  const config = withSecrets(loadConfig(variables))
  const logged: Record<string, unknown>[] = []
  const log = pino(
    { level: 'debug' },
    {
      write(line: string) {
        logged.push(JSON.parse(line) as Record<string, unknown>)
        // What a test did not expect is easier found with the server's own words.
        if (process.env['TEST_LOG']) process.stderr.write(line)
      },
    },
  )
  const storage = await openStorage(config, { log: () => {} })
  const parts = await compose({
    config,
    log,
    metrics: createMetrics(),
    storage,
    clock,
    ...(kinds ? { kinds } : {}),
  })
  const web = await startWebServer(parts)
  parts.jobs.start(worker ? 'all' : 'web')
  const started = worker ? await startWorker(parts) : undefined
  return {
    issuer: config.server.issuer,
    parts,
    web,
    worker: started,
    env: variables,
    logged,
    async stop() {
      await web.http.stop()
      await started?.stop()
      await parts.close()
      await storage.close()
      await database.drop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** What is put into a deployment needs no server that answers. */
type Composed = Pick<AuthCore, 'parts'>

export type Person = { id: string; email: string; password: string }

let people = 0

export async function addPerson(
  { parts }: Composed,
  input: { email?: string; claims?: Record<string, unknown> } = {},
): Promise<Person> {
  people += 1
  const email = input.email ?? `person${people}@example.test`
  const account = await createAccount(parts, {
    email,
    emailVerified: true,
    username: `person${people}`,
    claims: { name: 'Ada Example', given_name: 'Ada', family_name: 'Example', ...input.claims },
    passwordHash: await parts.passwords.hash(PASSWORD),
  })
  return { id: account.id, email, password: PASSWORD }
}

/** A registered client; `redirect_uris` defaults to an address at which nobody listens. */
export async function addClient({ parts }: Composed, input: Partial<ClientToCreate> = {}) {
  const preset = input.preset ?? 'web'
  const { client, secret } = await createClient(parts, {
    name: 'Example application',
    ...input,
    preset,
    metadata: {
      ...(preset === 'service' ? {} : { redirect_uris: [CALLBACK] }),
      ...input.metadata,
    },
  })
  return { clientId: client.clientId, secret, client }
}

export const CALLBACK = 'https://rp.example.test/callback'

export async function addApi(
  { parts }: Composed,
  format: 'jwt' | 'opaque' = 'jwt',
  identifier = API,
) {
  return await createResourceServer(parts, {
    identifier,
    name: 'Example API',
    accessTokenFormat: format,
    scopes: [{ name: 'read' }, { name: 'write' }],
  })
}

/** The statements that `work` costs, in order. */
export async function statementsOf<T>(
  work: () => Promise<T>,
): Promise<{ result: T; texts: string[] }> {
  const texts: string[] = []
  const stop = observeStatements(({ text }) => texts.push(text))
  try {
    return { result: await work(), texts }
  } finally {
    stop()
  }
}

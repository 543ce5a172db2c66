import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { thisMachine } from '../../../src/platform/persistence/postgres_binaries.ts'
import {
  ensureRunning,
  openCluster,
  type Running,
} from '../../../src/platform/persistence/postgres_cluster.ts'
import { PRODUCT_ROLE } from '../../../src/platform/persistence/postgres_session.ts'
import { stopPostmaster } from '../../../src/platform/persistence/postmaster.ts'
import { leashGroup } from '../../support/leash.ts'
import { type Connection, urlOf } from '../../support/postgres.ts'
import { signalTree } from '../../support/process_tree.ts'

/** A PostgreSQL that nobody starts again: it is away until the test says otherwise. */
export type OwnPostgres = {
  url: string
  connection: Connection
  /** Every process of it at once, as the power does. */
  kill(): void
  freeze(): void
  thaw(): void
  /** In order, sessions cut. */
  stop(): Promise<void>
  start(): Promise<void>
  asAdmin<T>(work: (admin: pg.Client) => Promise<T>): Promise<T>
}

const DATABASE = 'authcore'

export async function startOwnPostgres(folder: string): Promise<OwnPostgres> {
  const cluster = await openCluster(
    {
      dataDir: path.join(folder, 'postgres'),
      database: DATABASE,
      settings: {},
      searchPath: undefined,
      log: () => {},
    },
    thisMachine(),
  )
  let running: Running
  const start = async (occasion: 'first' | 'again') => {
    running = await ensureRunning(cluster, occasion)
    leashGroup(running.postmaster.pid)
  }
  await start('first')
  const { socketDir: host, port } = running!.postmaster
  const connection = { host, port, user: PRODUCT_ROLE, database: DATABASE }
  const signal = (name: NodeJS.Signals) => signalTree(running.postmaster.pid, name)
  return {
    url: urlOf(connection),
    connection,
    kill: () => signal('SIGKILL'),
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    async stop() {
      signal('SIGCONT')
      await stopPostmaster(running.postmaster)
      leashGroup(running.postmaster.pid, false)
    },
    start: () => start('again'),
    asAdmin: (work) => asAdmin(connection, work),
  }
}

async function asAdmin<T>(
  connection: Connection,
  work: (admin: pg.Client) => Promise<T>,
): Promise<T> {
  const admin = new pg.Client(connection)
  admin.on('error', () => {}) // it may be among those that are cut
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await Promise.race([admin.end(), sleep(1_000)])
  }
}

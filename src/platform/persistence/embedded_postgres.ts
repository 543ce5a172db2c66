import { isAbsolute } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DomainError } from '../../core/errors.ts'
import { RestartDelay } from '../../core/restart_delay.ts'
import { type Machine, refuseForeignPlatform, thisMachine } from './postgres_binaries.ts'
import {
  type Cluster,
  ensureRunning,
  type Log,
  openCluster,
  type Running,
} from './postgres_cluster.ts'
import { PRODUCT_ROLE } from './postgres_session.ts'
import { isAlive, limitServerLog, stopPostmaster } from './postmaster.ts'

/**
 * The built-in database: a real PostgreSQL, created and supervised for people who have none. It
 * lives in its own process and may outlive ours; what matters is that while anybody who called
 * `startEmbeddedPostgres` lives, a server runs on the directory, and never two.
 *
 * From here: `postgres_cluster.ts` (adopt or start, under one lock), `postgres_directory.ts` (where
 * the data lies), `postgres_binaries.ts` (which programs), `postmaster.ts` (the process),
 * `postgres_session.ts` (the first SQL).
 */

export type EmbeddedPostgres = {
  /** What `pg` needs to connect: host is the directory of the unix socket. */
  readonly connection: { host: string; port: number; user: string; database: string }
  /** Such as `18.4`. */
  readonly serverVersion: string
  /** 'started' here, or 'adopted' one that was running; changes where a lost one was replaced. */
  readonly origin: 'started' | 'adopted'
  /** The directory really used: another than the wanted one where that is out of reach. */
  readonly dataDir: string
  /**
   * Fast shutdown, waits for the end of the server. An adopted one is left alone unless
   * `stopAdopted` is set. Further calls wait for the first.
   */
  stop(): Promise<void>
}

export type EmbeddedPostgresOptions = {
  /** Absolute. The log, `<dataDir>.log`, and a lock lie beside it. */
  dataDir: string
  /** Default `authcore`; made when missing. */
  database?: string
  /** The server sets it: a database left by a crash ends at our orderly end. Commands do not. */
  stopAdopted?: boolean
  /** Further `-c name=value`, except what privacy and durability rest on. */
  settings?: Record<string, string>
  /** The PATH variable, where server programs are looked for last. */
  searchPath?: string
  log: Log
}

const POLL_MS = 500
const LOG_CHECK_EVERY_MS = 60_000

/** @throws DomainError `unavailable`, its hint the remedy in words for whoever runs the server */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
  machine: Machine = thisMachine(),
): Promise<EmbeddedPostgres> {
  refuseForeignPlatform(machine)
  if (!isAbsolute(options.dataDir)) {
    throw new DomainError('invalid_input', `${options.dataDir} is not an absolute path.`)
  }
  const { dataDir, database = 'authcore', settings = {}, searchPath, log } = options
  const cluster = await openCluster({ dataDir, database, settings, searchPath, log }, machine)
  const startedAt = Date.now()
  const running = await ensureRunning(cluster, 'first')
  report(cluster, running, startedAt)
  return new Supervisor(cluster, running, options.stopAdopted ?? false)
}

function report({ log, dataDir }: Cluster, running: Running, startedAt: number): void {
  const { origin, postmaster, serverVersion } = running
  log(`embedded PostgreSQL ${origin}`, {
    pid: postmaster.pid,
    version: serverVersion,
    data_dir: dataDir,
    duration_ms: Date.now() - startedAt,
  })
}

/** Keeps a server running until `stop`. Its timers alone do not keep the process alive. */
class Supervisor implements EmbeddedPostgres {
  readonly #cluster: Cluster
  readonly #stopAdopted: boolean
  readonly #stopping = new AbortController()
  #running: Running
  readonly #delay = new RestartDelay()
  #unwatch: () => void = () => {}
  #replacement: Promise<void> = Promise.resolve()
  #stopped: Promise<void> | undefined

  constructor(cluster: Cluster, running: Running, stopAdopted: boolean) {
    this.#cluster = cluster
    this.#stopAdopted = stopAdopted
    this.#running = running
    this.#watch()
  }

  get connection() {
    const { socketDir: host, port } = this.#running.postmaster
    return { host, port, user: PRODUCT_ROLE, database: this.#cluster.database }
  }

  get serverVersion() {
    return this.#running.serverVersion
  }

  get origin() {
    return this.#running.origin
  }

  get dataDir() {
    return this.#cluster.dataDir
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async #stop(): Promise<void> {
    this.#stopping.abort()
    this.#unwatch()
    await this.#replacement
    const { origin, postmaster } = this.#running
    if (origin === 'adopted' && !this.#stopAdopted) return
    const startedAt = Date.now()
    const manner = await stopPostmaster(postmaster)
    const fields = { pid: postmaster.pid, manner, duration_ms: Date.now() - startedAt }
    this.#cluster.log('embedded PostgreSQL stopped', fields)
  }

  #watch(): void {
    const { postmaster } = this.#running
    const since = Date.now()
    const look = async () => {
      if (!(await isAlive(postmaster))) lost()
    }
    const poll = setInterval(() => void look(), POLL_MS).unref()
    const tidy = setInterval(() => this.#limitLog(), LOG_CHECK_EVERY_MS).unref()
    let watching = true
    const lost = () => {
      if (!watching) return
      this.#unwatch()
      this.#delay.livedFor(Date.now() - since)
      this.#replacement = this.#replace()
    }
    this.#unwatch = () => {
      watching = false
      clearInterval(poll)
      clearInterval(tidy)
      postmaster.child?.off('exit', lost)
    }
    postmaster.child?.once('exit', lost)
  }

  #limitLog(): void {
    limitServerLog(this.#cluster.logFile).catch((error) =>
      this.#cluster.log("the database's log cannot be shortened", { error: String(error) }),
    )
  }

  async #replace(): Promise<void> {
    const { log } = this.#cluster
    log('embedded PostgreSQL is gone, starting it again', { pid: this.#running.postmaster.pid })
    while (await this.#pause()) {
      const startedAt = Date.now()
      try {
        this.#running = await ensureRunning(this.#cluster, 'again')
        report(this.#cluster, this.#running, startedAt)
        if (!this.#stopping.signal.aborted) this.#watch()
        return
      } catch (error) {
        log('embedded PostgreSQL could not be started again', describe(error, this.#delay.nextMs))
      }
    }
  }

  /** Longer each time; false where the end was asked for meanwhile. */
  async #pause(): Promise<boolean> {
    const options = { ref: false, signal: this.#stopping.signal }
    return sleep(this.#delay.next(), true, options).catch(() => false)
  }
}

function describe(error: unknown, nextTryMs: number): Record<string, unknown> {
  const { message, hint, debug } = error as Partial<DomainError>
  return { error: message, hint, debug, next_try_ms: nextTryMs }
}

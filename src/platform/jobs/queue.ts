import type { PgBoss } from 'pg-boss'
import type { z } from 'zod'
import type { Db, Transaction } from '../persistence/db.ts'
import { callersDatabase } from './boss_database.ts'
import { JOBS, type JobTable } from './jobs.ts'
import type { JobLog, QueueRole } from './open_boss.ts'
import { type JobHandler, workOn } from './work_on.ts'

/** The queue as the rest of the product sees it: typed by the table of jobs, pg-boss out of sight. */
export type JobQueue<Jobs extends JobTable = typeof JOBS> = {
  /**
   * Begins in the background and tries for as long as the database is away; nothing waits for it.
   * Called once, before anything is sent; a process that only sends can do without.
   *
   * @param after what comes first: loading pg-boss keeps a process busy for some 50 ms
   */
  start(role: QueueRole, after?: Promise<void>): void
  /**
   * Adds a job. With `tx` it is there when, and only if, that transaction commits.
   *
   * @throws ZodError for a payload that is not the job's, and what `query` throws
   */
  send<Name extends keyof Jobs & string>(
    name: Name,
    payload: z.output<Jobs[Name]['payload']>,
    options?: { tx?: Transaction },
  ): Promise<void>
  /** Registers who does this job; asked for by a `worker` or `all` only. Once per name. */
  work<Name extends keyof Jobs & string>(
    name: Name,
    handler: JobHandler<z.output<Jobs[Name]['payload']>>,
  ): void
  /** Takes no new job, and waits for the running ones: up to `drainMs`, or not at all. */
  stop(graceful?: boolean): Promise<void>
}

export type JobIntervals = {
  /** Between two questions for jobs of one kind. */
  pollS: number
  /** Between two rounds that look for jobs whose worker died. */
  superviseS: number
}

export type JobQueueDeps = {
  db: Db
  log: JobLog
  /** Other than those that suit the role. */
  intervals?: JobIntervals
  drainMs?: number
}

/** Where web and worker are one process, whoever sends also wakes: asking is for retries and the dead. */
const INTERVALS: Record<QueueRole, JobIntervals> = {
  web: { pollS: 5, superviseS: 60 },
  worker: { pollS: 5, superviseS: 60 },
  all: { pollS: 30, superviseS: 60 },
}
const DRAIN_MS = 15_000
const RETRY_START_MS = 5_000

export function createJobQueue(deps: JobQueueDeps): JobQueue {
  return createQueueOf(JOBS, deps)
}

/** The same for any table of jobs. */
export function createQueueOf<Jobs extends JobTable>(
  jobs: Jobs,
  { db, log, intervals, drainMs = DRAIN_MS }: JobQueueDeps,
): JobQueue<Jobs> {
  const handlers = new Map<string, JobHandler<never>>()
  const workers = new Map<string, Promise<string>>()
  let role: QueueRole = 'web'
  let opened: Promise<PgBoss> | undefined
  let retry: NodeJS.Timeout | undefined
  let stopped = false

  const open = (): Promise<PgBoss> => {
    // What is sent while the process ends is still sent, and nothing is asked for any more.
    const asRole = stopped ? 'web' : role
    const { superviseS } = intervals ?? INTERVALS[asRole]
    opened ??= import('./open_boss.ts')
      .then(({ openBoss }) => openBoss({ db, log, jobs, role: asRole, superviseS }))
      .catch((error) => {
        opened = undefined
        throw error
      })
    return opened
  }
  const poll = (boss: PgBoss): void => {
    if (role === 'web' || stopped) return
    const { pollS } = intervals ?? INTERVALS[role]
    for (const [name, handler] of handlers) {
      if (workers.has(name)) continue
      workers.set(name, workOn(boss, { name, definition: jobs[name]!, handler, pollS, log }))
    }
  }
  const begin = async (): Promise<void> => {
    if (stopped) return
    try {
      poll(await open())
    } catch (error) {
      if (stopped) return
      log.warn({ err: error }, 'the job queue could not start and will try again')
      retry = setTimeout(() => void begin(), RETRY_START_MS).unref()
    }
  }
  /** A worker in this process need not wait for its next question. */
  const wake = async (boss: PgBoss, name: string): Promise<void> => {
    const worker = await workers.get(name)
    if (worker !== undefined) boss.notifyWorker(worker)
  }

  return {
    start(asRole, after = Promise.resolve()) {
      if (opened) throw new Error('the job queue is in use already')
      role = asRole
      void after.then(begin)
    },
    async send(name, payload, { tx } = {}) {
      const data = jobs[name]!.payload.parse(payload)
      const boss = await open()
      await boss.send(name, data, { db: callersDatabase(tx ?? db) })
      if (!tx) return await wake(boss, name)
      void tx.executionPromise.then(() => wake(boss, name)).catch(() => {}) // rolled back
    },
    work(name, handler) {
      handlers.set(name, handler)
      opened?.then(poll).catch(() => {}) // `begin` tells, and tries again
    },
    async stop(graceful = true) {
      stopped = true
      clearTimeout(retry)
      const boss = await opened?.catch(() => undefined)
      await boss?.stop({ graceful, timeout: drainMs })
    },
  }
}

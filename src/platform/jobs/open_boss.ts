import { type Clock, PgBoss, type Queue } from 'pg-boss'
import type { Db } from '../persistence/db.ts'
import { pooledDatabase } from './boss_database.ts'
import { DEAD_LETTERS, type JobDefinition, type JobTable } from './jobs.ts'

/** Sets pg-boss up for one process: its options, one queue per job, its words in our log. */

/** `web` adds jobs and asks for none. */
export type QueueRole = 'web' | 'worker' | 'all'

export type JobLog = Record<'warn' | 'error', (fields: object, message: string) => void>

export type BossOptions = {
  db: Db
  log: JobLog
  jobs: JobTable
  role: QueueRole
  /** Between two rounds that look for jobs whose worker died. */
  superviseS: number
}

/** The schema in the database, made by a migration. */
const SCHEMA = 'job_queue'
const DAY_S = 86_400
const HOUR_S = 3_600

/** @throws what PostgreSQL throws, and `Error` where the schema is not the one this version needs */
export async function openBoss(options: BossOptions): Promise<PgBoss> {
  const boss = configure(options)
  try {
    await ensureQueues(boss, options)
    await boss.start()
  } catch (error) {
    await boss.stop({ graceful: false })
    throw error
  }
  return boss
}

function configure({ db, log, role, superviseS }: BossOptions): PgBoss {
  const boss = new PgBoss({
    db: pooledDatabase(db),
    schema: SCHEMA,
    clock: patientClock,
    // The tables come by a migration: while it runs, the server needs no rights beyond its rows.
    migrate: false,
    createSchema: false,
    reindex: false,
    schedule: false,
    supervise: role !== 'web',
    superviseIntervalSeconds: superviseS,
    monitorIntervalSeconds: superviseS,
    maintenanceIntervalSeconds: HOUR_S,
    // What these look after is not used here, or does not change while the process runs.
    monitorVacuum: false,
    queueCacheIntervalSeconds: DAY_S,
    flowIntervalSeconds: DAY_S,
  })
  boss.on('error', (error) => log.error({ err: error }, 'the job queue met an error'))
  boss.on('warning', ({ message, data }) => log.warn({ data }, message))
  return boss
}

/** Timers that do not keep a process alive which has nothing else to do. */
const patientClock: Clock = {
  now: () => Date.now(),
  setTimeout: (work, ms) => setTimeout(work, ms).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
  setInterval: (work, ms) => setInterval(work, ms).unref(),
  clearInterval: (timer) => clearInterval(timer as NodeJS.Timeout),
}

type QueueOptions = Omit<Queue, 'name'>

/** Makes the queues that are missing; a worker also brings the others up to what the table says. */
async function ensureQueues(boss: PgBoss, { jobs, role }: BossOptions): Promise<void> {
  const wanted = new Map<string, QueueOptions>([[DEAD_LETTERS, { retentionSeconds: 30 * DAY_S }]])
  for (const [name, job] of Object.entries(jobs)) wanted.set(name, queueOptions(job))
  const existing = new Map((await boss.getQueues()).map((queue) => [queue.name, queue]))
  for (const [name, options] of wanted) {
    const found = existing.get(name)
    if (!found) await boss.createQueue(name, options)
    else if (role !== 'web' && differs(found, options)) await boss.updateQueue(name, options)
  }
}

function queueOptions(job: JobDefinition): QueueOptions {
  return {
    retryLimit: job.retryLimit,
    retryDelay: job.firstRetryDelayS,
    retryBackoff: true,
    expireInSeconds: job.expireS,
    // Every round of every worker looks at them all; what failed for good lies in the dead letters.
    deleteAfterSeconds: HOUR_S,
    deadLetter: DEAD_LETTERS,
  }
}

function differs(found: QueueOptions, wanted: QueueOptions): boolean {
  return Object.entries(wanted).some(([key, value]) => found[key as keyof QueueOptions] !== value)
}

import type { JobResult, JobWithMetadata, PgBoss } from 'pg-boss'
import type { JobDefinition } from './jobs.ts'
import type { JobLog } from './open_boss.ts'

/** One attempt at one job, as its handler sees it. */
export type JobRun<Payload> = {
  id: string
  data: Payload
  /** 1 for the first. */
  attempt: number
  /** Nothing follows this attempt but the dead letters. */
  last: boolean
  /** Aborted where the attempt took too long or the process has to end. */
  signal: AbortSignal
}

/** Resolves when the job is done. A job may be run again although it was done: it must bear that. */
export type JobHandler<Payload> = (job: JobRun<Payload>) => Promise<void>

export type Work = {
  name: string
  definition: JobDefinition
  handler: JobHandler<never>
  pollS: number
  log: JobLog
}

/** Begins to ask for jobs of one kind; returns what `notifyWorker` wants to know. */
export function workOn(boss: PgBoss, work: Work): Promise<string> {
  const options = {
    pollingIntervalSeconds: work.pollS,
    // One question for as many jobs as may run at once, and the next at once while there are more.
    batchSize: work.definition.concurrency,
    burstWhenBatchFull: true,
    includeMetadata: true,
    perJobResults: true,
  } as const
  return boss.work(work.name, options, (batch) =>
    Promise.all(batch.map((job) => attemptJob(work, job))),
  )
}

async function attemptJob(work: Work, job: JobWithMetadata<unknown>): Promise<JobResult> {
  const { id, signal } = job
  const attempt = job.retryCount + 1
  const last = job.retryCount >= job.retryLimit
  try {
    // A payload that this version does not understand may be meant for the next one: it is tried
    // again like any failure.
    const data = work.definition.payload.parse(job.data) as never
    await work.handler({ id, data, attempt, last, signal })
    return { id, status: 'completed' }
  } catch (error) {
    const fields = { err: error, 'job.name': work.name, 'job.id': id, attempt }
    if (last) work.log.error(fields, 'a job failed for good and lies in the dead letters')
    else work.log.warn(fields, 'a job failed and will be tried again')
    return { id, status: 'failed', output: { message: describe(error) } }
  }
}

/** What is kept in the row: no stack, no response, and nothing that jsonb refuses. */
function describe(error: unknown): string {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : 'not an Error'
  return message.slice(0, 500).toWellFormed().replaceAll('\0', '\ufffd')
}

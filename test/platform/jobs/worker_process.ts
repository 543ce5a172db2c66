import { createQueueOf } from '../../../src/platform/jobs/queue.ts'
import { openDb } from '../../../src/platform/persistence/db.ts'
import { memoryLog, QUICK, TEST_JOBS } from './support.ts'

/** A worker that takes a job, says so, and never gets it done: `node worker_process.ts CONNECTION`. */
const db = openDb({ connection: JSON.parse(process.argv[2]!), poolMax: 3, timeoutMs: 5_000 })
const queue = createQueueOf(TEST_JOBS, { db, log: memoryLog(), intervals: QUICK })
queue.work('greet', async ({ data: { name } }) => {
  console.log(`working for ${name}`)
  await new Promise(() => {})
})
queue.start('worker')
setInterval(() => {}, 60_000)

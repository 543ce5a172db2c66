import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { JOBS } from '../../../src/platform/jobs/jobs.ts'
import type { QueueRole } from '../../../src/platform/jobs/open_boss.ts'
import {
  createJobQueue,
  createQueueOf,
  type JobQueue,
  type JobQueueDeps,
} from '../../../src/platform/jobs/queue.ts'
import type { JobHandler } from '../../../src/platform/jobs/work_on.ts'
import { type Db, inTransaction, openDb, query } from '../../../src/platform/persistence/db.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'
import { memoryLog, QUICK, TEST_JOBS, watchStatements } from './support.ts'

type Greeting = { name: string }
type TestQueue = JobQueue<typeof TEST_JOBS>

describe('the job queue', function () {
  this.timeout(30_000)
  let database: TestDatabase
  let db: Db
  let log: ReturnType<typeof memoryLog>
  let queues: TestQueue[]
  const closed = new Set<Db>()

  beforeEach(async () => {
    database = await testDatabase()
    db = openDb({ connection: database.connection, poolMax: 5, timeoutMs: 5_000 })
    log = memoryLog()
    queues = []
  })

  afterEach(async () => {
    await Promise.all(queues.map((queue) => queue.stop(false)))
    if (!closed.has(db)) await db.destroy()
    await database.drop()
  })

  function openQueue(
    role: QueueRole | undefined,
    handler?: JobHandler<Greeting>,
    options: Partial<JobQueueDeps> = {},
  ): TestQueue {
    const queue = createQueueOf(TEST_JOBS, { db, log, intervals: QUICK, ...options })
    if (handler) queue.work('greet', handler)
    if (role) queue.start(role)
    queues.push(queue)
    return queue
  }

  async function jobs(name = 'greet') {
    return await query<{ state: string; retry_count: number; output: object; data: object }>(
      db,
      `SELECT state, retry_count, output, data FROM job_queue.job
        WHERE name = $1 ORDER BY created_on, id`,
      [name],
    )
  }

  it('carries a job from one process to another', async () => {
    const greeted: string[] = []
    const web = openQueue('web')
    await web.send('greet', { name: 'Ada' })
    openQueue('worker', async ({ data: { name } }) => void greeted.push(name))
    await until(() => greeted.length > 0)
    expect(greeted).to.deep.equal(['Ada'])
    await until(async () => (await jobs())[0]!.state === 'completed')
  })

  it('sends without having been started', async () => {
    await openQueue(undefined).send('greet', { name: 'Ada' })
    expect(await jobs()).to.have.length(1)
  })

  it('adds a job with the transaction that asks for it, or not at all', async () => {
    const queue = openQueue('web')
    await inTransaction(db, async (tx) => {
      await queue.send('greet', { name: 'kept' }, { tx })
      expect(await jobs()).to.deep.equal([])
    })
    const failing = inTransaction(db, async (tx) => {
      await queue.send('greet', { name: 'lost' }, { tx })
      throw new Error('the fact did not happen')
    })
    await rejection(failing)
    expect((await jobs()).map(({ data }) => data)).to.deep.equal([{ name: 'kept' }])
  })

  it('begins at once in the process that sends, on the commit', async () => {
    const greeted: string[] = []
    const queue = openQueue('all', async ({ data: { name } }) => void greeted.push(name), {
      intervals: { pollS: 3_600, superviseS: 3_600 },
    })
    await queue.send('greet', { name: 'first' })
    await until(() => greeted.length === 1)
    await sleep(100)
    await inTransaction(db, async (tx) => {
      await queue.send('greet', { name: 'second' }, { tx })
      await sleep(300)
      expect(greeted).to.deep.equal(['first'])
    })
    await until(() => greeted.length === 2)
  })

  it('refuses a payload that is not the one of the job', async () => {
    const queue = openQueue('web')
    const wrong = { name: 'Ada', extra: true } as Greeting
    expect(await rejection(queue.send('greet', wrong))).to.have.property('name', 'ZodError')
    expect(await jobs()).to.deep.equal([])
  })

  it('tries again what failed, and says which attempt it is', async () => {
    const runs: [attempt: number, last: boolean][] = []
    const queue = openQueue('all', async ({ attempt, last }) => {
      runs.push([attempt, last])
      if (!last) throw new Error('not yet')
    })
    await queue.send('greet', { name: 'Ada' })
    await until(async () => (await jobs())[0]!.state === 'completed')
    expect(runs).to.deep.equal([
      [1, false],
      [2, true],
    ])
    expect(log.lines.map(({ level, message }) => [level, message])).to.deep.equal([
      ['warn', 'a job failed and will be tried again'],
    ])
  })

  it('lays a job that failed for good with the dead letters, with the reason and no more', async () => {
    const queue = openQueue('all', async () => {
      throw Object.assign(new Error('refused \0'), { response: 'secret' })
    })
    await queue.send('greet', { name: 'Ada' })
    await until(async () => (await jobs('dead_letter')).length === 1)
    const [dead] = await jobs('dead_letter')
    expect(dead!.data).to.deep.equal({ name: 'Ada' })
    expect(dead!.output).to.deep.equal({ message: 'Error: refused \ufffd' })
    expect(log.lines.at(-1)!.message).to.equal('a job failed for good and lies in the dead letters')
  })

  it('settles each job of a fetch for itself', async () => {
    const web = openQueue('web')
    for (const name of ['a', 'b', 'c', 'd']) await web.send('greet', { name })
    const failedOnce = new Set<string>()
    const done: string[] = []
    openQueue('worker', async ({ data: { name } }) => {
      if (name === 'b' && !failedOnce.has(name)) {
        failedOnce.add(name)
        throw new Error('once')
      }
      done.push(name)
    })
    await until(async () => (await jobs()).every(({ state }) => state === 'completed'))
    expect(done.sort()).to.deep.equal(['a', 'b', 'c', 'd'])
  })

  it('does every job once, however many work', async () => {
    const done: string[] = []
    const web = openQueue('web')
    const names = Array.from({ length: 60 }, (_, i) => `n${i}`)
    await Promise.all(names.map((name) => web.send('greet', { name })))
    for (let i = 0; i < 3; i++)
      openQueue('worker', async ({ data: { name } }) => void done.push(name))
    await until(() => done.length >= names.length)
    await sleep(300)
    expect(done.sort()).to.deep.equal(names.sort())
  })

  it('gives the job of a worker that was killed to another', async () => {
    const web = openQueue('web')
    await web.send('greet', { name: 'Ada' })
    const program = fileURLToPath(new URL('worker_process.ts', import.meta.url))
    const child = spawn(process.execPath, [program, JSON.stringify(database.connection)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [words] = await once(child.stdout, 'data')
    expect(String(words)).to.equal('working for Ada\n')
    child.kill('SIGKILL')
    await once(child, 'exit')
    const attempts: number[] = []
    openQueue('worker', async ({ attempt }) => void attempts.push(attempt))
    await until(() => attempts.length > 0)
    expect(attempts).to.deep.equal([2])
  })

  it('waits at its end for the jobs that run, and takes no other', async () => {
    let begun = 0
    let ended = 0
    const queue = openQueue('all', async () => {
      begun += 1
      await sleep(800)
      ended += 1
    })
    await queue.send('greet', { name: 'first' })
    await until(() => begun === 1)
    const stopping = queue.stop()
    await openQueue('web').send('greet', { name: 'late' })
    await stopping
    expect([begun, ended]).to.deep.equal([1, 1])
    expect((await jobs()).map(({ state }) => state)).to.deep.equal(['completed', 'created'])
  })

  it('waits no longer than it was told, aborts what still runs and leaves it to others', async () => {
    let signal: AbortSignal | undefined
    const queue = openQueue(
      'all',
      async (job) => {
        signal = job.signal
        await new Promise(() => {})
      },
      { drainMs: 1_000 },
    )
    await queue.send('greet', { name: 'Ada' })
    await until(() => signal !== undefined)
    const startedAt = performance.now()
    await queue.stop()
    expect(performance.now() - startedAt).to.be.within(900, 2_500)
    expect(signal!.aborted).to.equal(true)
    expect((await jobs())[0]!.state).to.equal('retry')
  })

  it('asks once at a time, however its work was registered', async () => {
    const texts = watchStatements(db)
    const queue = openQueue(undefined)
    queue.work('greet', async () => {})
    queue.start('worker')
    queue.work('greet', async () => {})
    await until(() => texts.length > 0)
    queue.work('greet', async () => {})
    await sleep(2_000)
    const questions = texts.filter((text) => text.includes('FOR UPDATE') && text.includes('greet'))
    expect(questions).to.have.lengthOf.within(3, 5)
  })

  it('asks for nothing where it only serves the web', async () => {
    const texts = watchStatements(db)
    const queue = openQueue('web', async () => {})
    await queue.send('greet', { name: 'Ada' })
    texts.length = 0
    await sleep(2_500)
    expect(texts).to.deep.equal([])
  })

  it('needs no right to create anything', async () => {
    const texts = watchStatements(db)
    const greeted: string[] = []
    const queue = openQueue('all', async ({ data: { name } }) => void greeted.push(name))
    await queue.send('greet', { name: 'Ada' })
    await until(() => greeted.length === 1)
    await sleep(2_500) // two rounds of supervision
    const verbs = texts
      .flatMap((text) => text.match(/^ *[A-Z]+/gm) ?? [])
      .map((verb) => verb.trim())
    expect(verbs).to.include.members(['SELECT', 'UPDATE', 'DELETE'])
    expect(texts.join('\n')).not.to.match(/\b(CREATE|ALTER|DROP|REINDEX|TRUNCATE)\b/)
    expect(log.lines).to.deep.equal([])
  })

  it('outlives a database that goes away: logs, throws nothing, and works on', async () => {
    const greeted: string[] = []
    const queue = openQueue('all', async ({ data: { name } }) => void greeted.push(name))
    await queue.send('greet', { name: 'before' })
    await until(() => greeted.length === 1)
    await db.raw('ALTER SCHEMA job_queue RENAME TO job_queue_away')
    await until(() => log.lines.some(({ message }) => message === 'the job queue met an error'))
    await db.raw('ALTER SCHEMA job_queue_away RENAME TO job_queue')
    await terminateOthers()
    await queue.send('greet', { name: 'after' })
    await until(() => greeted.length === 2)
  })

  it('starts as soon as the database can be reached, and keeps nobody waiting', async () => {
    await db.raw('ALTER SCHEMA job_queue RENAME TO job_queue_away')
    const queue = openQueue('all', async () => {})
    expect(await rejection(queue.send('greet', { name: 'Ada' }))).to.be.instanceOf(Error)
    await until(() => log.lines.length > 0)
    expect(log.lines[0]!.message).to.equal('the job queue could not start and will try again')
    await db.raw('ALTER SCHEMA job_queue_away RENAME TO job_queue')
    await queue.send('greet', { name: 'Ada' })
  })

  it('leaves no transaction open in the pool where a round of its own fails', async () => {
    const own = openDb({ connection: database.connection, poolMax: 1, timeoutMs: 5_000 })
    const { pooledDatabase } = await import('../../../src/platform/jobs/boss_database.ts')
    await rejection(pooledDatabase(own).executeSql('BEGIN; SELECT 1/0; COMMIT;'))
    const [row] = await query<{ ok: number }>(own, 'SELECT 1 AS ok')
    expect(row).to.deep.equal({ ok: 1 })
    await own.destroy()
  })

  it('changes a queue that is there already to what the table says now', async () => {
    await openQueue(undefined).send('greet', { name: 'Ada' })
    const patient = { greet: { ...TEST_JOBS.greet, retryLimit: 7 } }
    const queue = createQueueOf(patient, { db, log, intervals: QUICK })
    queue.start('worker')
    await until(async () => {
      const rows = await query<{ retry_limit: number }>(
        db,
        `SELECT retry_limit FROM job_queue.queue WHERE name = 'greet'`,
      )
      return rows[0]?.retry_limit === 7
    })
    await queue.stop()
  })

  it('knows the jobs of the product', async () => {
    const queue = createJobQueue({ db, log })
    const payload = { clientId: 'shop', accountId: 'a', sid: 's', issuedAt: 1 }
    await queue.send('backchannel_logout', payload)
    await queue.stop()
    expect((await jobs('backchannel_logout')).map(({ data }) => data)).to.deep.equal([payload])
  })

  it('delivers a logout for about a day', () => {
    const { retryLimit, firstRetryDelayS } = JOBS.backchannel_logout
    // Twice as long each time, and on average half as long again by chance.
    const averageS = 1.5 * firstRetryDelayS * (2 ** retryLimit - 1)
    expect(averageS / 3_600).to.be.within(18, 30)
  })

  async function terminateOthers(): Promise<void> {
    await query(
      db,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND backend_type = 'client backend'`,
    )
  }
})

async function rejection(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => expect.fail('it was expected to fail'),
    (error: unknown) => error,
  )
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let waitedMs = 0; waitedMs < 15_000; waitedMs += 25) {
    if (await condition()) return
    await sleep(25)
  }
  expect.fail(`this never came true: ${condition}`)
}

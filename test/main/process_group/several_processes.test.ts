import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect } from 'chai'
import { findPostmaster } from '../../../src/platform/persistence/postmaster.ts'
import { eventually } from '../../support/eventually.ts'
import { freePort } from '../../support/free_port.ts'
import { browser } from '../../support/http.ts'
import { temporaryFolder } from '../../support/leash.ts'
import { type TestDatabase, testDatabase } from '../../support/postgres.ts'
import { probe, type ServerProcess, startProcess } from '../../support/server_process.ts'
import { runCli } from '../cli/run_cli.ts'

const KEYS = {
  AUTHCORE_ENCRYPTION_KEYS: 'k1:q7m1yC3xkU0H2o9rV5pTzL8wGdNbSfJhQeAiXcYuWvE=',
  AUTHCORE_HASH_KEY: '3nZfK8sYb1LwRjX5gQpM0tUoVhCkD7iEaHxS2yB9vGc=',
  AUTHCORE_COOKIE_KEYS: 'Wd4TgHk9ZpQxNrV7bLmYs2CfJ0uEoIa6KtXy1RwB5Ms=',
}
const ALL_SERVE = 'all processes serve'
/** A start takes a second, or twenty where the machine does much else. */
const SLOWLY = { timeoutMs: 90_000 }

/** How often the log says so, of one process or of any. */
const times = (server: ServerProcess, msg: string) =>
  server.logged().filter((line) => line['msg'] === msg)

describe('authcore serve --workers 2', function () {
  this.timeout(150_000)
  let database: TestDatabase
  let env: Record<string, string>
  let base: string
  let server: ServerProcess

  before(async () => {
    const port = await freePort()
    database = await testDatabase()
    base = `http://127.0.0.1:${port}`
    env = {
      NODE_ENV: 'test',
      PORT: String(port),
      DATABASE_URL: database.url,
      // A busy machine is no database that is away.
      AUTHCORE_DATABASE_TIMEOUT: '60s',
      AUTHCORE_DRAIN_DELAY: '1s',
      ...KEYS,
    }
    server = startProcess(['serve', '--workers', '2'], env)
    await server.says(ALL_SERVE)
  })
  after(async () => {
    await server?.clean()
    await database?.drop()
  })

  /** Asks for tokens from `clients` at once, one after the other, each on a connection of its own. */
  async function underLoad(work: () => Promise<void>, clients = 4) {
    const name = `Load ${Math.random()}`
    const made = await runCli(
      ['client', 'create', '--name', name, '--preset', 'service', '--json'],
      { env },
    )
    const { client_id, client_secret } = made.json()
    const authorization = `Basic ${btoa(`${client_id}:${client_secret}`)}`
    const fields = { grant_type: 'client_credentials' }
    const answers: unknown[] = []
    let going = true
    const asking = Array.from({ length: clients }, async () => {
      while (going) {
        const asked = browser().post(`${base}/token`, fields, { headers: { authorization } })
        answers.push(await asked.then(({ status }) => status).catch(({ code }) => String(code)))
      }
    })
    await work()
    going = false
    await Promise.all(asking)
    return { answered: answers.length, failed: answers.filter((answer) => answer !== 200) }
  }

  const pids = () => ({
    supervisor: Number(times(server, ALL_SERVE)[0]?.['process_pid']),
    members: [1, 2].map((number) =>
      Number(times(server, 'serving').findLast((l) => l['process'] === number)?.['process_pid']),
    ),
  })

  it('are three processes: two that serve, and one that watches', async () => {
    const { supervisor, members } = pids()
    expect(new Set([supervisor, ...members]).size).to.equal(3)
    expect((await probe(`${base}/health/ready`)).status).to.equal(200)
  })

  it('both answer, and are measured together, whichever of them is asked', async () => {
    await eventually(async () => {
      await Promise.all(Array.from({ length: 8 }, () => probe(`${base}/nothing-here`)))
      const answered = times(server, 'request').map((line) => line['process'])
      expect(new Set(answered)).to.deep.equal(new Set([1, 2]))
    }, SLOWLY)
    const asked = (number: number) =>
      times(server, 'request').filter((line) => line['process'] === number).length
    // On a busy machine one may be late for a scrape, and a line of the log behind its count.
    await eventually(async () => {
      const { body } = await probe(`${base}/metrics`)
      expect(body.match(/^process_resident_memory_bytes\{process="\d"\} \d+$/gm)).to.have.length(2)
      expect(body.match(/^# TYPE process_resident_memory_bytes /gm)).to.have.length(1)
      for (const number of [1, 2]) {
        const labels = `method="GET",route="unmatched",status="404",process="${number}"`
        const count = body.split(`request_duration_seconds_count{${labels}} `)[1]?.split('\n')[0]
        expect(count).to.equal(String(asked(number)))
      }
    }, SLOWLY)
  })

  it('go on when one is killed, and it comes back', async () => {
    const [, second] = pids().members
    const { answered, failed } = await underLoad(async () => {
      await eventually(() => expect(times(server, 'request')).to.have.length.above(20))
      process.kill(second!, 'SIGKILL')
      await eventually(() => expect(times(server, ALL_SERVE)).to.have.length(2), SLOWLY)
    })
    expect(answered).to.be.above(20)
    // What it was answering is lost; no client meets that twice.
    expect(failed).to.have.length.at.most(4)
    // It writes its own lines, the one that watches perhaps sooner.
    await eventually(() => expect(pids().members[1]).not.to.equal(second), SLOWLY)
    const [ended] = times(server, 'a process ended and is started again')
    expect(ended).to.include({ number: 2, ended_pid: second, signal: 'SIGKILL', next_try_ms: 50 })
  })

  it('get rid of one that hangs', async () => {
    const [first] = pids().members
    process.kill(first!, 'SIGSTOP')
    await eventually(() => expect(times(server, ALL_SERVE)).to.have.length(3), SLOWLY)
    expect(times(server, 'a process hangs and is ended')[0]).to.include({ hanging_pid: first })
    const ended = times(server, 'a process ended and is started again')
    expect(ended.map((line) => line['number'])).to.deep.equal([2, 1])
    expect((await probe(`${base}/health/ready`)).status).to.equal(200)
  })

  it('end together at SIGTERM, and fail nobody who looks whether they are ready', async () => {
    const { answered, failed } = await underLoad(async () => {
      const before = times(server, 'request').length
      await eventually(() => expect(times(server, 'request')).to.have.length.above(before + 10))
      server.signal('SIGTERM')
      await eventually(async () =>
        expect((await probe(`${base}/health/ready`)).status).to.equal(503),
      )
    })
    expect(answered).to.be.above(10)
    expect(failed).to.deep.equal([])
    expect(await server.ended).to.equal(0)
    const stopped = times(server, 'stopped').map((line) => line['process'])
    expect(stopped.slice(0, 2)).to.have.members([1, 2])
    expect(stopped.slice(2)).to.deep.equal(['supervisor'])
    await expectGone(pids().members)
  })

  it('are all gone where the one that watches is killed', async () => {
    server = startProcess(['serve', '--workers', '2'], env)
    await server.says(ALL_SERVE)
    // Each writes its own lines, the supervisor perhaps sooner.
    await eventually(() => expect(pids().members.every(Number.isInteger)).to.equal(true))
    const { members } = pids()
    server.signal('SIGKILL')
    await server.ended
    await expectGone(members)
  })

  async function expectGone(members: number[]): Promise<void> {
    await eventually(() => {
      for (const pid of members) expect(() => process.kill(pid, 0), `${pid}`).to.throw('ESRCH')
    })
  }

  it('say once what keeps them from starting, and end', async () => {
    server = startProcess(['serve', '--workers', '2'], { ...env, AUTHCORE_DRAIN: 'soon' })
    expect(await server.ended).to.equal(1)
    expect(server.output().match(/- AUTHCORE_DRAIN:/g)).to.have.length(1)
    await server.clean()

    const taken = createServer().listen(Number(env['PORT']), '127.0.0.1')
    await once(taken, 'listening')
    server = startProcess(['serve', '--workers', '2'], env)
    expect(await server.ended).to.equal(1)
    expect(server.output().match(/Port \d+ on .* is taken/g)).to.have.length(1)
    expect(server.output()).not.to.contain('started again')
    taken.close()
  })

  it('own one embedded database, and one demonstration', async () => {
    const dataDir = temporaryFolder('several')
    const [port, demoPort] = [await freePort(), await freePort()]
    server = startProcess(['serve'], {
      NODE_ENV: 'development',
      AUTHCORE_WORKERS: '2',
      AUTHCORE_DATA_DIR: dataDir,
      PORT: String(port),
      AUTHCORE_DEMO_PORT: String(demoPort),
    })
    await server.says(ALL_SERVE)
    expect(times(server, 'embedded PostgreSQL started')).to.have.length(1)
    expect(server.output().match(/AuthCore is running/g)).to.have.length(1)
    expect((await probe(`http://127.0.0.1:${demoPort}/`)).status).to.equal(200)
    const postgres = `${dataDir}/postgres`
    expect(await findPostmaster(postgres)).not.to.equal(undefined)
    server.signal('SIGTERM')
    expect(await server.ended).to.equal(0)
    expect(await findPostmaster(postgres)).to.equal(undefined)
  })
})

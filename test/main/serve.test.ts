import { expect } from 'chai'
import { freePort } from '../support/free_port.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { probe, type ServerProcess, startProcess } from '../support/server_process.ts'

const KEYS = {
  AUTHCORE_ENCRYPTION_KEYS: 'k1:q7m1yC3xkU0H2o9rV5pTzL8wGdNbSfJhQeAiXcYuWvE=',
  AUTHCORE_HASH_KEY: '3nZfK8sYb1LwRjX5gQpM0tUoVhCkD7iEaHxS2yB9vGc=',
  AUTHCORE_COOKIE_KEYS: 'Wd4TgHk9ZpQxNrV7bLmYs2CfJ0uEoIa6KtXy1RwB5Ms=',
}

describe('authcore serve', function () {
  this.timeout(60_000)
  let database: TestDatabase
  const started: ServerProcess[] = []
  const run = (args: string[], env: Record<string, string>) => {
    const server = startProcess(args, env)
    started.push(server)
    return server
  }
  before(async () => {
    database = await testDatabase()
  })
  afterEach(async () => {
    await Promise.all(started.splice(0).map((server) => server.clean()))
  })
  after(() => database?.drop())

  it('refuses production without its safeguards, in one message and without a stack trace', async () => {
    const server = run(['serve'], { NODE_ENV: 'production', ISSUER: 'http://login.example.test' })
    expect(await server.ended).to.equal(1)
    for (const key of ['ISSUER', 'DATABASE_URL', ...Object.keys(KEYS)]) {
      expect(server.output()).to.contain(`- ${key}:`)
    }
    expect(server.output()).not.to.match(/\n\s+at /)
  })

  it('serves in production without anything of the demonstration', async () => {
    const port = await freePort()
    const server = run(['serve'], {
      NODE_ENV: 'production',
      ISSUER: 'https://login.example.test',
      AUTHCORE_HOST: '127.0.0.1',
      PORT: String(port),
      DATABASE_URL: database.url,
      ...KEYS,
    })
    await server.says('"serving"')
    const discovery = await probe(`http://127.0.0.1:${port}/.well-known/openid-configuration`)
    expect(JSON.parse(discovery.body)).to.include({
      issuer: 'https://login.example.test',
      token_endpoint: 'https://login.example.test/token',
    })
    const authorize = `/authorize?client_id=demo-web&response_type=code&redirect_uri=http%3A%2F%2Flocalhost%3A5002%2Fcallback`
    expect((await probe(`http://127.0.0.1:${port}${authorize}`)).status).to.equal(400)
    for (const path of ['/dev/inbox', '/dev/messages', '/dev/messages/magic_link']) {
      expect((await probe(`http://127.0.0.1:${port}${path}`)).status, path).to.equal(404)
    }
    server.signal('SIGTERM')
    expect(await server.ended).to.equal(0)
    expect(server.output()).not.to.contain('Password')
  })

  it('says that its port is taken, and what to do', async () => {
    const port = await freePort()
    const env = { NODE_ENV: 'test', PORT: String(port), DATABASE_URL: database.url, ...KEYS }
    const first = run(['serve'], env)
    await first.says('"serving"')
    const second = run(['serve'], env)
    expect(await second.ended).to.equal(1)
    expect(second.output()).to.contain(`Port ${port}`).and.to.contain('PORT=')
    expect((await probe(`http://127.0.0.1:${port}/health/ready`)).status).to.equal(200)
  })

  it('says what is wrong where the keys are not those of the database', async () => {
    const server = run(['serve'], {
      NODE_ENV: 'test',
      PORT: String(await freePort()),
      DATABASE_URL: database.url,
    })
    expect(await server.ended).to.equal(1)
    expect(server.output())
      .to.contain('AUTHCORE_ENCRYPTION_KEYS')
      .and.not.to.match(/\n\s+at /)
  })

  it('runs a worker that listens on nothing', async () => {
    const port = await freePort()
    const server = run(['serve', '--role', 'worker'], {
      NODE_ENV: 'test',
      PORT: String(port),
      DATABASE_URL: database.url,
      ...KEYS,
    })
    await server.says('"serving"')
    const refused = await probe(`http://127.0.0.1:${port}/health/live`).catch((error) => error.code)
    expect(refused).to.equal('ECONNREFUSED')
    server.signal('SIGTERM')
    expect(await server.ended).to.equal(0)
  })

  it('takes two signals in one moment for one, and ends in order', async () => {
    const server = run(['serve', '--role', 'web'], {
      NODE_ENV: 'test',
      PORT: String(await freePort()),
      DATABASE_URL: database.url,
      ...KEYS,
    })
    await server.says('"serving"')
    server.signal('SIGTERM')
    server.signal('SIGINT')
    expect(await server.ended).to.equal(0)
    expect(server.output()).to.contain('"stopped"')
  })
})

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
import * as oidc from 'openid-client'
import { ACCOUNT } from '../../certification/tables/account.ts'
import { type Db, openDb } from '../../src/platform/persistence/db.ts'
import { rows } from '../protocol/driver.ts'
import { type AuthCore, startAuthCore } from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import { available } from '../support/openssl.ts'
import { type TestDatabase, testDatabase } from '../support/postgres.ts'
import { authorizationRequest } from '../support/relying_party.ts'
import { requires } from '../support/skip.ts'
import { type Imitation, startImitation } from './support/imitation_suite.ts'
import { scriptedBrowser } from './support/scripted_browser.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const BASIC = 'oidcc-basic-certification-test-plan'
const CONFIG = 'oidcc-config-certification-test-plan'
const BACKCHANNEL = 'oidcc-backchannel-rp-initiated-logout-certification-test-plan'
const DYNAMIC = 'oidcc-dynamic-certification-test-plan'

type Ended = { code: number | null; stdout: string; stderr: string }

/** The command as somebody calls it, with an environment in which nothing else is set. */
function certify(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const script = path.join(ROOT, 'certification/run.ts')
  const child = spawn(process.execPath, [script, ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], TMPDIR: process.env['TMPDIR'], ...env },
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk
  })
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk
  })
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })))
}

describe('npm run certify', function () {
  this.timeout(30_000)

  it('explains itself', async () => {
    const { code, stdout } = await certify(['--help'])
    expect(code).to.equal(0)
    for (const words of ['--suite <url>', 'fapi2-ms', 'Exit code:', 'report.md', 'Examples:']) {
      expect(stdout).to.include(words)
    }
  })

  const WRONG: [what: string, args: string[], words: RegExp][] = [
    ['no suite', ['--profile', 'basic'], /Required option '--suite/],
    ['an unknown profile', ['--suite', 'https://s.example', '--profile', 'x'], /Known are basic/],
    ['a suite that is no origin', ['--suite', 'https://s/x', '--profile', 'basic'], /an origin/],
    [
      'a file that is not there',
      ['--suite', 'https://s.example', '--profile', 'basic', '--token-file', '/nowhere'],
      /There is no file/,
    ],
    [
      'a suite that does not answer',
      ['--suite', 'http://127.0.0.1:9', '--profile', 'basic'],
      /no answer/,
    ],
  ]
  for (const [what, args, words] of WRONG) {
    it(`ends with 2 at ${what}`, async () => {
      const { code, stdout, stderr } = await certify(args)
      expect(stderr).to.match(words)
      expect(stderr).to.not.match(/^\s+at /m)
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' })
    })
  }
})

describe('npm run certify, with a server that it starts', function () {
  this.timeout(180_000)
  let folder: string
  let database: TestDatabase
  let db: Db
  let imitation: Imitation
  let args: string[]

  const expectations = [
    {
      plan: BASIC,
      module: 'oidcc-unsigned-request-object',
      result: 'SKIPPED',
      reason: 'unsigned request objects are refused',
    },
  ]
  const read = (name: string) => readFileSync(path.join(folder, name), 'utf8')
  const run = () => certify(args, { DATABASE_URL: database.url })

  before(async function () {
    requires(this, available())
    folder = mkdtempSync(path.join(tmpdir(), 'authcore-certify-'))
    database = await testDatabase()
    db = openDb({ connection: database.connection, poolMax: 1, timeoutMs: 5_000 })
    imitation = await startImitation({
      plans: {
        [BASIC]: {
          'oidcc-server': { states: ['RUNNING', 'WAITING', 'RUNNING', 'FINISHED'] },
          'oidcc-prompt-login': { states: ['WAITING', 'FINISHED'], result: 'REVIEW' },
          'oidcc-unsigned-request-object': { result: 'SKIPPED', leavesMemory: true },
        },
        [CONFIG]: { 'oidcc-discovery-endpoint-verification': { stumbles: 1 } },
        [BACKCHANNEL]: { 'oidcc-backchannel-rp-initiated-logout': {} },
        [DYNAMIC]: { 'oidcc-server-rotate-keys': { states: ['CONFIGURED', 'FINISHED'] } },
      },
    })
    writeFileSync(path.join(folder, 'expectations.json'), JSON.stringify(expectations))
    args = [
      ...['--suite', imitation.url, '--profile', 'basic,config,backchannel,dynamic'],
      ...['--issuer', `https://localhost:${await freePort()}`, '--poll', '50'],
      ...['--out', folder, '--expectations', path.join(folder, 'expectations.json')],
    ]
  })

  after(async () => {
    await imitation?.stop()
    await db?.destroy()
    await database?.drop()
    if (folder) rmSync(folder, { recursive: true })
  })

  type Row = { client_id: string; updated_at: Date }
  const clients = () => rows<Row>(db, 'SELECT client_id, updated_at FROM client ORDER BY 1')

  it('ends with a report, and with 0 where everything is as expected', async () => {
    const { code, stdout, stderr } = await run()
    expect(stderr).to.equal('')
    expect(stdout).to.include('basic / oidcc-prompt-login: REVIEW')
    expect(stdout).to.match(/As expected: see .*report\.md/)
    expect(code, stdout).to.equal(0)
    expect(read('report.md')).to.include(
      '| basic | Basic OP | 1 PASSED, 1 REVIEW, 1 SKIPPED | good |',
    )
    expect(read('report.xml')).to.include('<testsuite name="dynamic" tests="1" failures="0">')
    expect(JSON.parse(read('report.json'))).to.include({ good: true })
    expect(read('exports/basic/plan1-export.zip')).to.equal('PK')
    expect(read('exports/basic/plan1-exporthtml.zip')).to.equal('PK')
  })

  it('has told the suite who its clients are, and nobody else', async () => {
    const { config } = imitation.plans.find(({ name }) => name === BASIC)!
    expect((await clients()).map(({ client_id }) => client_id)).to.deep.equal([
      'certification-backchannel-1',
      'certification-backchannel-2',
      'certification-basic-1',
      'certification-basic-2',
      'certification-basic-post',
    ])
    for (const [member, id] of [
      ['client', 'certification-basic-1'],
      ['client2', 'certification-basic-2'],
      ['client_secret_post', 'certification-basic-post'],
    ] as const) {
      expect(config[member]).to.include({ client_id: id })
      expect(config[member]).to.have.property('client_secret').with.length.above(40)
    }
    for (const file of ['plans/basic.json', 'credentials/account.json', 'server/hash_key']) {
      expect(statSync(path.join(folder, file)).mode & 0o077, file).to.equal(0)
    }
  })

  it('has rotated the keys before it started the module that waits for that', async () => {
    const replaced = await rows(db, "SELECT kid FROM signing_key WHERE state = 'previous'")
    expect(replaced).to.have.length.above(0)
    const starts = imitation.calls.filter((call) => /^POST \/api\/runner\/module\d+$/.test(call))
    expect(starts).to.have.length(1)
  })

  it('changes nothing about what it has made before, and finds what got worse or better', async () => {
    const before = await clients()
    const stale = { ...expectations[0], module: 'oidcc-server', result: 'WARNING' }
    writeFileSync(path.join(folder, 'expectations.json'), JSON.stringify([stale]))
    const { code, stdout } = await run()
    expect(await clients()).to.deep.equal(before)
    expect(stdout).to.match(/Not as expected: see /)
    expect(code).to.equal(1)
    expect(read('report.md'))
      .to.include('oidcc-unsigned-request-object')
      .and.include('not seen any more')
  })
})

describe('npm run certify, where its server cannot start', () => {
  it('ends with 1 and a report that says why', async function () {
    requires(this, available())
    this.timeout(60_000)
    const folder = mkdtempSync(path.join(tmpdir(), 'authcore-certify-'))
    const database = await testDatabase({ migrated: false })
    const imitation = await startImitation({ plans: { [CONFIG]: {} } })
    try {
      const issuer = `https://localhost:${await freePort()}`
      const args = ['--suite', imitation.url, '--profile', 'config', '--out', folder]
      const { code, stdout } = await certify([...args, '--issuer', issuer], {
        DATABASE_URL: database.url,
      })
      expect(code, stdout).to.equal(1)
      const report = readFileSync(path.join(folder, 'report.md'), 'utf8')
      expect(report).to.match(/- config: The server did not start\. Its words are in .*server\.log/)
      expect(readFileSync(path.join(folder, 'server/server.log'), 'utf8')).to.include('migrate')
      expect(imitation.plans).to.deep.equal([])
    } finally {
      await imitation.stop()
      await database.drop()
      rmSync(folder, { recursive: true })
    }
  })
})

describe('npm run certify, with a server that runs already', function () {
  this.timeout(60_000)
  let folder: string
  let server: AuthCore
  let imitation: Imitation

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'authcore-certify-'))
    server = await startAuthCore({ env: { AUTHCORE_LEGACY_CLIENTS: 'true' } })
    imitation = await startImitation({ plans: { [BASIC]: { 'oidcc-server': {} } } })
  })

  after(async () => {
    await imitation.stop()
    await server.stop()
    rmSync(folder, { recursive: true })
  })

  it('makes clients and an account there with which the script of the suite signs in', async () => {
    const { storage, server: own } = server.parts.config
    const { code, stdout, stderr } = await certify(
      [
        ...['--suite', imitation.url, '--op', server.issuer, '--profile', 'basic'],
        ...['--out', folder, '--module', 'oidcc-server$', '--poll', '50'],
      ],
      {
        ISSUER: own.issuer,
        DATABASE_URL: storage.databaseUrl!,
        AUTHCORE_DATA_DIR: storage.dataDir,
        AUTHCORE_LEGACY_CLIENTS: 'true',
      },
    )
    expect(code, stdout + stderr).to.equal(0)
    const { config } = imitation.plans[0]!
    const client = config['client'] as { client_id: string; client_secret: string }
    const configuration = await oidc.discovery(
      new URL(server.issuer),
      client.client_id,
      { id_token_signed_response_alg: 'RS256' },
      oidc.ClientSecretBasic(client.client_secret),
      { execute: [oidc.allowInsecureRequests] },
    )
    const redirectUri = `${imitation.url}/test/a/${config.alias}/callback`
    const scope = 'openid profile email address phone'
    const { url, checks } = await authorizationRequest({ configuration, redirectUri }, { scope })
    const visit = await scriptedBrowser(config.browser).visit(url.href)
    const tokens = await oidc.authorizationCodeGrant(configuration, new URL(visit.url), checks)
    const claims = await oidc.fetchUserInfo(
      configuration,
      tokens.access_token,
      tokens.claims()!.sub,
    )
    const names = Object.keys(ACCOUNT.claims).map((name) => name.split('.')[0]!)
    expect(claims).to.include.all.keys(
      ...['name', 'email', 'email_verified', 'preferred_username', 'updated_at'],
      ...names,
    )
  })
})

import { randomBytes } from 'node:crypto'
import { chmodSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { expect } from 'chai'
import { query } from '../../../src/platform/persistence/db.ts'
import { type AuthCore, startAuthCore } from '../../support/authcore.ts'
import { temporaryFolder } from '../../support/leash.ts'
import { issueRoot, makeBlob } from '../../support/metadata.ts'
import * as redis from '../../support/redis.ts'
import { startProcess } from '../../support/server_process.ts'
import { requires } from '../../support/skip.ts'
import { type Deployment, deployment, type Run, type RunOptions, runCli } from './run_cli.ts'

type Check = { check: string; status: string; message: string; remedy?: string }

/** The checks of a run by their names. */
function checksOf(run: Run): Record<string, Check> {
  const checks = run.json().checks as Check[]
  return Object.fromEntries(checks.map((each) => [each.check, each]))
}

describe('authcore doctor', function () {
  this.timeout(120_000)
  let server: AuthCore
  let env: Record<string, string>
  before(async () => {
    server = await startAuthCore()
    const { storage } = server.parts.config
    env = {
      NODE_ENV: 'test',
      ISSUER: server.issuer,
      DATABASE_URL: storage.databaseUrl!,
      AUTHCORE_DATA_DIR: storage.dataDir,
    }
  })
  after(() => server?.stop())

  const doctor = (options: RunOptions = {}) =>
    runCli(['doctor', '--json'], { ...options, env: { ...env, ...options.env } })

  describe('with metadata of authenticators', () => {
    const root = issueRoot('Metadata root')
    let settings: Record<string, string>
    before(() => {
      const folder = temporaryFolder('metadata')
      settings = {
        AUTHCORE_PASSKEY_ATTESTATION: 'direct',
        AUTHCORE_PASSKEY_METADATA: path.join(folder, 'blob.jwt'),
        AUTHCORE_PASSKEY_METADATA_ROOT: path.join(folder, 'root.pem'),
      }
      writeFileSync(settings['AUTHCORE_PASSKEY_METADATA_ROOT']!, root.cert)
    })
    const put = (blob: string) => writeFileSync(settings['AUTHCORE_PASSKEY_METADATA']!, blob)
    const told = async () => checksOf(await doctor({ env: settings }))['passkey metadata']

    it('says how much is in it, and warns of what is out of date', async () => {
      put(await makeBlob(root, [{ roots: [root] }], { no: 5 }))
      expect(await told()).to.include({ status: 'ok', message: 'number 5, 1 models' })
      put(await makeBlob(root, [{ roots: [root] }], { nextUpdate: '2026-01-01' }))
      expect((await told())?.status).to.equal('warn')
    })

    it('fails as the start does where its signature is wrong', async () => {
      const [head, body] = (await makeBlob(root, [])).split('.')
      const [, , signature] = (await makeBlob(root, [], { no: 2 })).split('.')
      put([head, body, signature].join('.'))
      expect((await told())?.status).to.equal('fail')
      const server = startProcess(['serve'], { ...env, ...settings })
      expect(await server.ended).to.not.equal(0)
      expect(server.output()).to.match(/cannot be used as metadata: signature/)
      await server.clean()
    })
  })

  it('finds nothing to complain about beside a healthy server', async () => {
    const run = await doctor()
    expect({ code: run.code, stderr: run.stderr }).to.deep.equal({ code: 0, stderr: '' })
    const checks = checksOf(run)
    for (const [name, { status, message }] of Object.entries(checks)) {
      expect(status, `${name}: ${message}`).to.equal('ok')
    }
    expect(Object.keys(checks)).to.deep.equal([
      'node',
      'password hashing',
      'configuration',
      'data directory',
      'secrets',
      'database',
      'schema',
      'clock',
      'connections',
      'signing key ES256',
      'signing key RS256',
      'signing key EdDSA',
      'key encryption',
      'outbox',
      'issuer',
    ])
    expect(run.json().healthy).to.equal(true)
  })

  it('says which package hashes passwords, and goes on where the faster one does not load', async () => {
    const told = async (env = {}) => checksOf(await doctor({ env }))['password hashing']
    expect(await told()).to.include({ status: 'ok', message: 'Argon2id by @node-rs/argon2' })
    const nowhere = { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/argon2.node' }
    expect(await told(nowhere)).to.include({ status: 'ok', message: 'Argon2id by argon2' })
  })

  it('tells what is wrong and what to do, line by line', async () => {
    const { db, config } = server.parts
    const { dataDir } = config.storage
    chmodSync(path.join(dataDir, 'secrets.json'), 0o640)
    chmodSync(dataDir, 0o777)
    await query(
      db,
      `UPDATE signing_key SET state_since = now() - interval '100 days' WHERE algorithm = 'RS256'`,
    )
    await query(db, `UPDATE event_outbox SET occurred_at = now() - interval '2 hours'`)
    const ISSUER = server.issuer.replace('localhost', '127.0.0.1')
    const human = await runCli(['doctor'], { env: { ...env, ISSUER } })
    expect(human.code).to.equal(1)
    for (const line of [
      /^fail {2}data directory +\S+ may be written by others \(0777\)\n +→ chmod go-w \S+$/m,
      /^fail {2}secrets +\S+ may be read by others \(0640\)\n +→ chmod 600 \S+$/m,
      /^warn {2}signing key RS256 +signs since 100 d, for 90 d\n +→ .*worker/m,
      /^fail {2}outbox +\d+ events wait, the oldest for 2 h\n +→ .*worker/m,
      /^fail {2}issuer +\S+ says the issuer is "http:\/\/localhost:\d+"\n +→ .*ISSUER/m,
      /^ok {4}signing key ES256/m,
      /^\d+ ok, 1 to look at, 4 failed\.$/m,
    ]) {
      expect(human.stdout).to.match(line)
    }
    chmodSync(path.join(dataDir, 'secrets.json'), 0o600)
    chmodSync(dataDir, 0o700)
    await query(db, `UPDATE event_outbox SET occurred_at = now() - interval '5 minutes'`)
    const { outbox } = checksOf(await doctor())
    expect(outbox).to.include({ status: 'warn' })
  })

  it('does not mistake a server that is not there, or does not answer, for a broken one', async () => {
    const silent = createServer(() => {})
    const wrong = createServer((_, response) => response.writeHead(502).end())
    const ports = await Promise.all([silent, wrong].map(listen))
    try {
      const [gone, late, broken] = await Promise.all(
        [1, ...ports].map((port) => doctor({ env: { ISSUER: `http://127.0.0.1:${port}` } })),
      )
      expect(checksOf(gone!)['issuer']).to.include({ status: 'warn' })
      expect(checksOf(gone!)['issuer']!.message).to.contain('does not answer (ECONNREFUSED)')
      expect(checksOf(late!)['issuer']!.message).to.contain('does not answer (3 s)')
      expect(late!.code).to.equal(gone!.code).and.equal(0)
      expect(checksOf(broken!)['issuer']!.message).to.contain('answers 502')
      expect(broken!.code).to.equal(1)
    } finally {
      for (const each of [silent, wrong]) each.close().closeAllConnections()
    }
  })

  describe('with Redis', () => {
    before(function () {
      requires(this, redis.available())
    })

    it('looks at version, eviction and persistence', async () => {
      const node = await redis.startRedis({
        maxmemory: '50mb',
        'maxmemory-policy': 'allkeys-lru',
      })
      try {
        const checks = checksOf(await doctor({ env: { REDIS_URL: node.url } }))
        expect(checks['redis']).to.include({ status: 'ok' })
        expect(checks['redis']!.message).to.match(/^Redis \d+\.\d+/)
        expect(checks['redis eviction']).to.include({ status: 'warn' })
        expect(checks['redis eviction']!.message).to.contain('allkeys-lru')
        expect(checks['redis persistence']).to.include({ status: 'warn' })
      } finally {
        await node.stop()
      }
      const away = await doctor({ env: { REDIS_URL: node.url } })
      expect(away.code).to.equal(1)
      expect(checksOf(away)['redis']).to.include({ status: 'fail' })
    })
  })
})

describe('authcore doctor before the first start', function () {
  this.timeout(60_000)
  let place: Deployment
  before(async () => {
    place = await deployment()
  })
  after(() => place?.close())

  it('warns of what is not there yet, and makes none of it', async () => {
    const dataDir = path.join(temporaryFolder('cli-new'), 'data')
    const embedded = await runCli(['doctor', '--json'], {
      env: { NODE_ENV: 'test', AUTHCORE_DATA_DIR: dataDir, ISSUER: 'http://127.0.0.1:1' },
    })
    expect(embedded.code).to.equal(0)
    expect(checksOf(embedded)['database']).to.include({ status: 'warn' })
    expect(checksOf(embedded)['data directory']).to.include({
      status: 'warn',
      message: `${dataDir} does not exist`,
    })
    const external = await place.run('doctor --json', { env: { ISSUER: 'http://127.0.0.1:1' } })
    expect(external.code).to.equal(0)
    expect(checksOf(external)['signing keys']).to.include({ status: 'warn' })
    expect(checksOf(external)['data directory']).to.include({ status: 'warn' })
  })

  it('misses no data directory where everything is configured', async () => {
    const key = () => randomBytes(32).toString('base64')
    const run = await place.run('doctor --json', {
      env: {
        NODE_ENV: 'production',
        ISSUER: 'https://127.0.0.1:1',
        AUTHCORE_ENCRYPTION_KEYS: `k1:${key()}`,
        AUTHCORE_HASH_KEY: key(),
        AUTHCORE_COOKIE_KEYS: key(),
      },
    })
    expect(run.code).to.equal(0)
    expect(checksOf(run)['data directory']).to.include({ status: 'ok' })
    expect(checksOf(run)['configuration']!.message).to.equal('good, for production')
  })
})

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
  })
}

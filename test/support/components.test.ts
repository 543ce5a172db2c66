import http from 'node:http'
import { expect } from 'chai'
import { Cluster, Redis } from 'ioredis'
import pg from 'pg'
import * as apache from './apache.ts'
import * as chromium from './chromium.ts'
import { freePort } from './free_port.ts'
import * as haproxy from './haproxy.ts'
import { browser } from './http.ts'
import * as openldap from './openldap.ts'
import { testDatabase } from './postgres.ts'
import * as redis from './redis.ts'
import * as samba from './samba_ad.ts'
import { requires } from './skip.ts'

/** Each foreign server starts here and does its first work, so that a broken machine shows here first. */

/** Answers on a free port of 127.0.0.1 until the test file ends. */
async function serve(handler: http.RequestListener): Promise<number> {
  const port = await freePort()
  const server = http.createServer(handler)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  after(() => server.close())
  return port
}

describe('support/postgres', function () {
  this.timeout(60_000)

  it('gives everybody a database of their own', async () => {
    const [one, two] = await Promise.all([testDatabase(), testDatabase({ migrated: false })])
    const client = new pg.Client(one.url)
    await client.connect()
    await client.query('CREATE TABLE mine (id int)')
    const other = new pg.Client(two.connection)
    await other.connect()
    const { rows } = await other.query("SELECT to_regclass('mine') AS found")
    expect(rows).to.deep.equal([{ found: null }])
    await Promise.all([client.end(), other.end()])
    await Promise.all([one.drop(), two.drop()])
  })
})

describe('support/redis', function () {
  this.timeout(60_000)
  before(function () {
    requires(this, redis.available())
  })

  it('starts a single server', async () => {
    const server = await redis.startRedis()
    const client = new Redis(server.url)
    expect(await client.set('a', '1')).to.equal('OK')
    client.disconnect()
    await server.stop()
  })

  it('starts a cluster whose slots are all served', async () => {
    const { nodes, stop } = await redis.startRedisCluster()
    const client = new Cluster(nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) await client.set(key, key)
    expect(await client.get('f')).to.equal('f')
    client.disconnect()
    await stop()
  })

  it('starts a master, its replica and Sentinels that know them', async () => {
    const { urls, name, stop } = await redis.startRedisSentinel()
    const sentinels = urls.map((url) => ({ host: '127.0.0.1', port: Number(new URL(url).port) }))
    const client = new Redis({ sentinels, name })
    expect(await client.set('a', '1')).to.equal('OK')
    client.disconnect()
    await stop()
  })
})

describe('support/openldap', function () {
  this.timeout(30_000)
  before(function () {
    requires(this, openldap.available())
  })

  it('starts a directory with people in it', async () => {
    const server = await openldap.startOpenLdap({ ldif: openldap.personLdif('ada') })
    const found = await server.asAdmin((client) =>
      client.search(openldap.BASE, { filter: '(uid=ada)', attributes: ['cn'] }),
    )
    expect(found.searchEntries.map(({ cn }) => cn)).to.deep.equal(['Ada Test'])
    await server.stop()
  })
})

describe('support/samba_ad', function () {
  this.timeout(120_000)
  before(function () {
    requires(this, samba.available())
  })

  it('starts a domain controller with people in it', async () => {
    const server = await samba.startSambaAd()
    await samba.addUser(server, 'ada')
    expect(await server.show('ada')).to.include('mail: ada@example.test')
    await server.stop()
  })
})

describe('support/chromium', function () {
  this.timeout(30_000)
  before(function () {
    requires(this, chromium.available())
  })
  after(() => chromium.stopChromium())

  it('opens pages and tells what is wrong with them, whatever their policy', async () => {
    const port = await serve((_, response) => {
      response.setHeader('content-security-policy', "default-src 'none'")
      response.setHeader('content-type', 'text/html')
      response.end('<!doctype html><html lang="en"><title>t</title><h1>t</h1><img src="x">')
    })
    const page = await chromium.newPage({ width: 360, height: 640, colorScheme: 'dark' })
    await page.goto(`http://localhost:${port}/`)
    expect((await chromium.axe(page)).join()).to.match(/^image-alt: /)
    await page.context().close()
  })
})

describe('support/apache', function () {
  this.timeout(30_000)
  before(function () {
    requires(this, apache.available())
  })

  it('starts a relying party that asks its provider for a sign-in', async () => {
    const issuerPort = await serve((_, response) => {
      response.setHeader('content-type', 'application/json')
      const issuer = `http://127.0.0.1:${issuerPort}`
      const [authorization_endpoint, token_endpoint] = [`${issuer}/auth`, `${issuer}/token`]
      const jwks_uri = `${issuer}/jwks`
      response.end(JSON.stringify({ issuer, authorization_endpoint, token_endpoint, jwks_uri }))
    })
    const issuer = `http://127.0.0.1:${issuerPort}`
    const port = await freePort()
    const client = { clientId: 'apache', clientSecret: 'secret' }
    const rp = await apache.startApache({ issuer, port, ...client })
    const reply = await browser().get(rp.protectedUrl)
    expect(reply.location).to.match(new RegExp(`^${issuer}/auth\\?.*code_challenge_method=S256`))
    await rp.stop()
  })
})

describe('support/haproxy', function () {
  this.timeout(30_000)

  for (const tls of [false, true]) {
    it(`stands in front of several servers${tls ? ' with TLS' : ''}`, async function () {
      requires(this, haproxy.available({ tls }))
      const ports = await Promise.all(
        ['one', 'two'].map((name) =>
          serve(({ headers }, response) => {
            response.end(`${name} ${headers['x-forwarded-proto']} ${headers['x-forwarded-for']}`)
          }),
        ),
      )
      const proxy = await haproxy.startHaproxy({
        upstreams: ports.map((port) => `127.0.0.1:${port}`),
        tls,
      })
      const client = browser({ base: proxy.url, ...(proxy.ca ? { ca: proxy.ca } : {}) })
      const bodies = [(await client.get('/')).body, (await client.get('/')).body]
      const proto = tls ? 'https' : 'http'
      expect(bodies.sort()).to.deep.equal([`one ${proto} 127.0.0.1`, `two ${proto} 127.0.0.1`])
      await proxy.stop()
    })
  }
})

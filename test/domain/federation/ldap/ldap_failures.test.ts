import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { expect } from 'chai'
import { type Issued, issueCertificate } from '../../../support/certificates.ts'
import { freePort } from '../../../support/free_port.ts'
import { temporaryFolder } from '../../../support/leash.ts'
import * as openldap from '../../../support/openldap.ts'
import { personLdif } from '../../../support/openldap.ts'
import { requires } from '../../../support/skip.ts'
import { type Opened, openForOpenLdap, openLdap } from './ldap_connector.ts'

const LDIF = personLdif('alice')

/** What goes wrong between us and real servers, and what the probe says of it. */
describe('a directory that cannot be reached as it should', function () {
  this.timeout(30_000)
  let ca: Issued
  let server: openldap.OpenLdap
  let folder: string
  const opened: Opened[] = []

  before(async function () {
    requires(this, openldap.available())
    ca = issueCertificate({ subject: [['CN', 'test CA']], ca: true })
    server = await openldap.startOpenLdap({ ldif: LDIF, ca })
    folder = temporaryFolder('ldap-certificates')
  })
  after(() => server?.stop())
  afterEach(async () => {
    for (const connector of opened.splice(0)) await connector.close()
  })

  const open = (settings: object, to = server) => {
    const connector = openForOpenLdap(to, settings)
    opened.push(connector)
    return connector
  }
  const check = (connector: Opened) =>
    connector.password!.check({ login: 'alice', password: 'pw-alice' })

  async function expectFault(connector: Opened, words: string, advice: string) {
    const result = await check(connector)
    expect(result).to.have.property('kind', 'unavailable')
    expect(result).to.have.property('reason').that.includes(words)
    const probed = await connector.probe()
    if (probed.ok) throw new Error(probed.detail)
    expect(probed.reason).to.include(words).and.to.include(advice)
    const told = JSON.stringify([result, probed, connector.lines])
    expect(told).not.to.include('pw-alice').and.not.to.include(openldap.READER.password)
  }

  for (const scheme of ['ldap', 'ldaps'] as const) {
    describe(`over ${scheme}://`, () => {
      it('is refused where nobody whom we trust issued its certificate', async () => {
        const servers = [server[scheme]]
        await expectFault(open({ servers, ca_file: undefined }), 'is not trusted', 'ca_file')
        const other = path.join(folder, 'other.pem')
        writeFileSync(other, issueCertificate({ subject: [['CN', 'other']], ca: true }).cert)
        await expectFault(open({ servers, ca_file: other }), 'is not trusted', 'ca_file')
      })

      it('is refused where its certificate is for another name', async () => {
        const named = open({ servers: [server[scheme]], server_name: 'ldap.other.test' })
        await expectFault(named, 'is for another name', 'server_name')
      })

      it('is taken where the connection says the name that its certificate is for', async () => {
        const servers = [server[scheme].replace('localhost', '127.0.0.1')]
        for (const server_name of ['localhost', undefined]) {
          expect(await check(open({ servers, server_name }))).to.have.property('kind', 'right')
        }
      })
    })
  }

  it('is refused where its certificate is over', async () => {
    const old = await openldap.startOpenLdap({ ldif: LDIF, ca, until: -1, from: -3600 })
    await expectFault(open({}, old), 'is not trusted (CERT_HAS_EXPIRED)', 'ca_file')
    await old.stop()
  })

  it('is told of a file that is not there, or holds no certificate', async () => {
    const junk = path.join(folder, 'junk.pem')
    writeFileSync(junk, 'nothing')
    for (const ca_file of ['/nowhere/ca.pem', junk]) {
      await expectFault(open({ ca_file }), 'cannot be read', 'ca_file')
    }
  })

  it('gets our certificate where it wants one', async () => {
    const strict = await openldap.startOpenLdap({ ldif: LDIF, ca, conf: 'TLSVerifyClient demand' })
    const bare = await check(open({}, strict))
    expect(bare).to.have.property('kind', 'unavailable')
    const leaf = issueCertificate({ by: ca, purpose: 'client' })
    const [cert_file, key_file] = [path.join(folder, 'c.pem'), path.join(folder, 'c.key')]
    writeFileSync(cert_file, leaf.cert)
    writeFileSync(key_file, leaf.key)
    const client_certificate = { cert_file, key_file }
    expect(await check(open({ client_certificate }, strict))).to.have.property('kind', 'right')
    await strict.stop()
  })

  it('is not spoken to in the clear but where the connection says so', async () => {
    const plain = open({ servers: [server.ldap], tls: 'none', ca_file: undefined })
    expect(await check(plain)).to.have.property('kind', 'right')
    const strict = await openldap.startOpenLdap({ ldif: LDIF, ca, conf: 'security ssf=128' })
    const refused = open({ servers: [strict.ldap], tls: 'none' }, strict)
    await expectFault(refused, 'wants TLS', 'tls: none')
    expect(await check(open({ servers: [strict.ldap] }, strict))).to.have.property('kind', 'right')
    await strict.stop()
  })

  it('is told of a name that nobody has', async () => {
    const servers = ['ldaps://ldap.invalid']
    await expectFault(open({ servers }), 'could not be resolved', 'spelling')
  })

  it('is told of a port that nobody listens on', async () => {
    const servers = [`ldaps://localhost:${await freePort()}`]
    await expectFault(open({ servers }), 'the connection failed', 'firewalls')
  })

  it('is told of an account that is refused', async () => {
    const connector = openLdap(
      {
        ...{ servers: [server.ldaps], ca_file: server.caFile },
        ...{ bind_dn: openldap.READER.dn, base_dn: openldap.BASE },
      },
      { password: 'pw-alice-x' },
    )
    opened.push(connector)
    await expectFault(connector, 'refuses bind_dn', 'bind_password')
  })

  it('is told of a base that is not there', async () => {
    await expectFault(open({ base_dn: 'dc=nowhere,dc=test' }), 'no such base DN', 'base_dn')
  })

  it('is told of what works', async () => {
    const dead = `ldaps://localhost:${await freePort()}`
    const result = await open({ servers: [dead, server.ldaps] }).probe()
    if (!result.ok) throw new Error(result.reason)
    expect(result.detail).to.include(`${dead}: the connection failed`)
    expect(result.detail).to.include(`${server.ldaps}: answers, takes bind_dn, and has the base DN`)
  })
})

describe('two servers of one directory', function () {
  this.timeout(30_000)
  let [first, second]: openldap.OpenLdap[] = []
  let connector: Opened
  let now = Date.now()

  before(async function () {
    requires(this, openldap.available())
    const ca = issueCertificate({ subject: [['CN', 'test CA']], ca: true })
    first = await openldap.startOpenLdap({ ldif: LDIF, ca })
    second = await openldap.startOpenLdap({ ldif: LDIF, ca })
    connector = openLdap(
      {
        ...{ servers: [first.ldaps, second.ldaps], ca_file: first.caFile },
        ...{ bind_dn: openldap.READER.dn, base_dn: openldap.BASE },
      },
      { password: openldap.READER.password, now: () => new Date(now) },
    )
  })
  after(async () => {
    await connector?.close()
    await first?.stop()
    await second?.stop()
  })

  const check = () => connector.password!.check({ login: 'alice', password: 'pw-alice' })

  it('are asked in their order', async () => {
    for (let i = 0; i < 5; i++) expect(await check()).to.have.property('kind', 'right')
    expect(await openldap.connectionsTo(second!)).to.equal(0)
  })

  it('are asked without a failed sign-in when the first one ends', async () => {
    await first!.stop()
    for (let i = 0; i < 5; i++) expect(await check()).to.have.property('kind', 'right')
    const results = await Promise.all(Array.from({ length: 20 }, check))
    expect(new Set(results.map(({ kind }) => kind))).to.deep.equal(new Set(['right']))
  })

  it('lose no sign-in when the one that serves is killed in the middle of many', async () => {
    await first!.start()
    now += 60_000
    await connector.close()
    connector = openLdap(
      {
        ...{ servers: [first!.ldaps, second!.ldaps], ca_file: first!.caFile },
        ...{ bind_dn: openldap.READER.dn, base_dn: openldap.BASE },
      },
      { password: openldap.READER.password },
    )
    const killed = new Promise((resolve) => setTimeout(resolve, 20)).then(() =>
      first!.component().stop('SIGKILL'),
    )
    const results: string[] = []
    const until = Date.now() + 400
    while (Date.now() < until) {
      const some = await Promise.all(Array.from({ length: 8 }, check))
      results.push(...some.map(({ kind }) => kind))
    }
    await killed
    expect(results.length).to.be.greaterThan(40)
    expect(new Set(results)).to.deep.equal(new Set(['right']))
  })

  it('are away when both are', async () => {
    await second!.stop()
    expect(await check()).to.have.property('kind', 'unavailable')
  })

  it('are back when one is', async () => {
    await first!.start()
    expect(await check()).to.have.property('kind', 'right')
  })
})

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { closeAll, listenOn, makeOutbound, rejectedAs } from './support.ts'

type Credentials = { key: string; cert: string }

describe('outbound TLS', () => {
  let folder: string
  let authority: Credentials
  let leaf: Credentials

  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

  before(function () {
    this.timeout(10_000)
    folder = mkdtempSync(join(tmpdir(), 'outbound-tls-'))
    writeFileSync(join(folder, 'san.txt'), 'subjectAltName=DNS:rp.internal,IP:127.0.0.1\n')
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '2',
      '-subj',
      '/CN=Test CA',
    )
    openssl('req', ...newKey, '-keyout', 'leaf.key', '-out', 'leaf.csr', '-subj', '/CN=rp.internal')
    openssl(
      'x509',
      '-req',
      '-in',
      'leaf.csr',
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-days',
      '2',
      '-extfile',
      'san.txt',
      '-out',
      'leaf.pem',
    )
    authority = { key: read('ca.key'), cert: read('ca.pem') }
    leaf = { key: read('leaf.key'), cert: read('leaf.pem') }
  })

  after(() => rmSync(folder, { recursive: true }))
  afterEach(closeAll)

  async function serveTls(credentials: Credentials, options: object = {}) {
    const seen: (string | undefined)[] = []
    const server = createServer({ ...credentials, ...options }, (request, response) => {
      seen.push(request.url)
      response.end('secured')
    })
    return { ...(await listenOn(server)), seen }
  }

  const resolve = async () => ['127.0.0.1']

  it('refuses a self-signed certificate', async () => {
    const server = await serveTls(authority)
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    const error = await rejectedAs(
      outbound.request({ url: `https://${server.endpoint}/` }),
      'connect',
    )
    expect(error.code).to.equal('DEPTH_ZERO_SELF_SIGNED_CERT')
    expect(server.seen).to.deep.equal([])
  })

  it('refuses it even where the environment turns verification off', async () => {
    const server = await serveTls(leaf)
    const { outbound } = makeOutbound({ allow: [server.endpoint] })
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
    try {
      await rejectedAs(outbound.request({ url: `https://${server.endpoint}/` }), 'connect')
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    }
    expect(server.seen).to.deep.equal([])
  })

  it('accepts a certificate of the extra authority, by name and by address', async () => {
    const server = await serveTls(leaf)
    const allow = [server.endpoint, `rp.internal:${server.port}`]
    const { outbound } = makeOutbound({ allow, ca: authority.cert }, { resolve })
    for (const host of allow) {
      const response = await outbound.request({ url: `https://${host}/keys` })
      expect(response.body.toString()).to.equal('secured')
    }
    expect(server.seen).to.deep.equal(['/keys', '/keys'])
  })

  it('refuses a certificate for another name', async () => {
    const server = await serveTls(leaf)
    const endpoint = `other.internal:${server.port}`
    const { outbound } = makeOutbound({ allow: [endpoint], ca: authority.cert }, { resolve })
    const error = await rejectedAs(outbound.request({ url: `https://${endpoint}/` }), 'connect')
    expect(error.code).to.equal('ERR_TLS_CERT_ALTNAME_INVALID')
  })

  it('refuses TLS 1.1', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }
    const server = await serveTls(leaf, old)
    const { outbound } = makeOutbound({ allow: [server.endpoint], ca: authority.cert })
    await rejectedAs(outbound.request({ url: `https://${server.endpoint}/` }), 'connect')
  })

  it('refuses a CA bundle that is none when it is built', () => {
    expect(() => makeOutbound({ ca: 'not a certificate' })).to.throw()
  })
})

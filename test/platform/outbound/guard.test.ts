import { expect } from 'chai'
import { createGuard, parseAllowEntry } from '../../../src/platform/outbound/guard.ts'
import { OutboundError } from '../../../src/platform/outbound/outbound_error.ts'
import { closeAll, dialNowhere, makeOutbound, rejectedAs, serve } from './support.ts'

describe('outbound guard', () => {
  afterEach(closeAll)

  const resolveToLoopback = async () => ['127.0.0.1']

  for (const host of [
    '127.0.0.1',
    '[::1]',
    '0.0.0.0',
    '[::]',
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '255.255.255.255',
    '168.63.129.16',
    '[fd00::1]',
    '[fd00:ec2::254]',
    '[fe80::1]',
    '[fec0::1]',
    '[ff02::1]',
    '[::ffff:169.254.169.254]',
    '[::ffff:8.8.8.8]',
    '[::7f00:1]',
    '[64:ff9b::7f00:1]',
    '[2002:7f00:1::]',
    '[2001:0:7f00:1::]',
    '0177.1',
    '2130706433',
    '0x7f.1',
    '0x7f000001',
    '①②⑦.0.0.1',
    '１２７。０。０。１',
    '127.1',
    '127.0.0.1.',
    '%31%32%37.0.0.1',
    'localhost',
    'localhost.',
    'LOCALHOST',
    'rp.example',
  ]) {
    it(`refuses https://${host}/, by literal or by what the name resolves to`, async () => {
      const { outbound } = makeOutbound({}, { resolve: resolveToLoopback, dial: dialNowhere })
      await rejectedAs(outbound.request({ url: `https://${host}/x` }), 'blocked_address')
    })
  }

  for (const address of [
    '::1',
    '0.0.0.0',
    '10.0.0.1',
    '169.254.169.254',
    'fd00::1',
    'fec0::1',
    'fe80::1%eth0',
    '::ffff:10.0.0.1',
    '::7f00:1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    '100.64.0.1',
    'not-an-address',
  ]) {
    it(`refuses a name that resolves to ${address}`, async () => {
      const resolve = async () => [address]
      const { outbound } = makeOutbound({}, { resolve, dial: dialNowhere })
      await rejectedAs(outbound.request({ url: 'https://rp.example/x' }), 'blocked_address')
    })
  }

  it("refuses the server's own public name, in any spelling", async () => {
    const { outbound } = makeOutbound({ deny: ['ID.example.com'] }, { dial: dialNowhere })
    for (const host of ['id.example.com', 'id.EXAMPLE.com', 'id.example.com.', 'ｉd.example.com']) {
      await rejectedAs(outbound.request({ url: `https://${host}/admin` }), 'blocked_address')
    }
  })

  for (const port of [22, 25, 80, 6379, 5432, 3001, 8080]) {
    it(`refuses port ${port}`, async () => {
      const { outbound } = makeOutbound({}, { dial: dialNowhere })
      await rejectedAs(outbound.request({ url: `https://rp.example:${port}/` }), 'blocked_port')
    })
  }

  for (const url of [
    'http://rp.example/',
    'http://rp.example:443/',
    'gopher://rp.example:443/_x',
    'file:///etc/passwd',
    'ftp://rp.example/',
    'ws://rp.example/',
    'data:text/plain,secret',
    'javascript:alert(1)',
    'unix:/var/run/docker.sock',
  ]) {
    it(`refuses the scheme of ${url}`, async () => {
      const { outbound } = makeOutbound({}, { dial: dialNowhere })
      await rejectedAs(outbound.request({ url }), 'blocked_scheme')
    })
  }

  it('refuses a user name or password in a URL, even for an allow-listed target', async () => {
    const { outbound } = makeOutbound({ allow: ['127.0.0.1:9001'] }, { dial: dialNowhere })
    for (const userinfo of ['user:pass', 'user', ':pass', '%00']) {
      await rejectedAs(outbound.request({ url: `http://${userinfo}@127.0.0.1:9001/` }), 'userinfo')
      await rejectedAs(outbound.request({ url: `https://${userinfo}@rp.example/` }), 'userinfo')
    }
  })

  it('refuses what is no URL without quoting it', async () => {
    const { outbound, logged } = makeOutbound({}, { dial: dialNowhere })
    for (const url of [
      '',
      '/path?token=s3cret',
      'https://',
      'https://1.2.3.4.5/s3cret',
      'https://[fe80::1%25eth0]/',
    ]) {
      const error = await rejectedAs(outbound.request({ url }), 'invalid_url')
      expect(error.message).not.to.contain('s3cret')
    }
    expect(JSON.stringify(logged)).not.to.contain('s3cret')
  })

  it('opens plain http and port 80 to public addresses only where told to', () => {
    const guard = createGuard({ allow: [], allowHttp: true })
    expect(guard.vetUrl('http://rp.example/').href).to.equal('http://rp.example/')
    expect(() => guard.vetUrl('http://rp.example:8080/')).to.throw(OutboundError, 'port')
    expect(() => guard.vetUrl('http://127.0.0.1/')).to.throw(OutboundError, 'address')
  })

  it('opens other ports only where told to', () => {
    const guard = createGuard({ allow: [], ports: [4443] })
    expect(guard.vetUrl('https://rp.example:4443/').port).to.equal('4443')
    expect(() => guard.vetUrl('https://rp.example/')).to.throw(OutboundError, 'port')
  })

  describe('allow-list', () => {
    it('opens exactly one host and port', async () => {
      const server = await serve((_request, response) => void response.end('hello'))
      const { outbound } = makeOutbound(
        { allow: [server.endpoint] },
        { resolve: resolveToLoopback },
      )
      const response = await outbound.request({ url: `${server.origin}/` })
      expect(response.status).to.equal(200)
      expect(response.body.toString()).to.equal('hello')
    })

    it('opens no other port, no other address and no other name', async () => {
      const { outbound } = makeOutbound(
        { allow: ['127.0.0.1:9001'], ports: [443, 9001], allowHttp: true },
        { resolve: resolveToLoopback, dial: dialNowhere },
      )
      await rejectedAs(outbound.request({ url: 'http://127.0.0.1:9002/' }), 'blocked_port')
      await rejectedAs(outbound.request({ url: 'http://127.0.0.2:9001/' }), 'blocked_address')
      await rejectedAs(outbound.request({ url: 'http://[::1]:9001/' }), 'blocked_address')
      await rejectedAs(
        outbound.request({ url: 'http://[::ffff:127.0.0.1]:9001/' }),
        'blocked_address',
      )
      await rejectedAs(outbound.request({ url: 'http://rp.example:9001/' }), 'blocked_address')
      await rejectedAs(outbound.request({ url: 'http://localhost:9001/' }), 'blocked_address')
    })

    it('lets a listed name resolve to a private network, and no other name beside it', async () => {
      const server = await serve((_request, response) => void response.end('internal'))
      const { outbound } = makeOutbound(
        { allow: [`rp.internal:${server.port}`], ports: [server.port], allowHttp: true },
        { resolve: resolveToLoopback },
      )
      const response = await outbound.request({ url: `http://rp.internal:${server.port}/` })
      expect(response.body.toString()).to.equal('internal')
      await rejectedAs(
        outbound.request({ url: `http://other.internal:${server.port}/` }),
        'blocked_address',
      )
    })

    it('does not let a listed name resolve to the metadata service', async () => {
      for (const address of ['169.254.169.254', 'fe80::1', '0.0.0.0', '168.63.129.16']) {
        const resolve = async () => [address]
        const { outbound } = makeOutbound(
          { allow: ['rp.internal:8443'] },
          { resolve, dial: dialNowhere },
        )
        await rejectedAs(outbound.request({ url: 'https://rp.internal:8443/' }), 'blocked_address')
      }
    })

    it('takes host names only into the deny-list', () => {
      for (const name of ['', 'https://id.example.com', 'id.example.com:443', 'a b']) {
        expect(() => createGuard({ allow: [], deny: [name] }), name).to.throw(TypeError)
      }
    })

    it('takes host:port entries only', () => {
      expect(parseAllowEntry('127.0.0.1:80')).to.deep.equal({ host: '127.0.0.1', port: 80 })
      expect(parseAllowEntry('[::1]:9001')).to.deep.equal({ host: '::1', port: 9001 })
      expect(parseAllowEntry('RP.internal:443')).to.deep.equal({ host: 'rp.internal', port: 443 })
      for (const entry of [
        '',
        'rp.internal',
        '127.0.0.1',
        '::1:9001',
        '*:443',
        '*.internal:443',
        'http://rp.internal:80',
        'rp.internal:443/path',
        'user@rp.internal:443',
        'rp.internal:99999',
        'rp.internal:',
        '10.0.0.0/8:443',
      ]) {
        expect(() => createGuard({ allow: [entry] }), entry).to.throw(TypeError, 'host:port')
      }
    })
  })

  it('tells log and metrics of a refusal, without the query', async () => {
    const { outbound, logged, calls } = makeOutbound({}, { dial: dialNowhere })
    await rejectedAs(
      outbound.request({ url: 'https://10.0.0.1/hook?token=s3cret#s3cret' }),
      'blocked_address',
    )
    expect(calls).to.have.length(1)
    expect(calls[0]).to.include({ origin: '', outcome: 'blocked_address' })
    expect(logged[0]!.message).to.equal('outgoing call refused')
    expect(JSON.stringify(logged)).to.contain('https://10.0.0.1/hook').and.not.to.contain('s3cret')
  })
})

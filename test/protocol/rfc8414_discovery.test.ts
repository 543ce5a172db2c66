import { connect } from 'node:net'
import { expect } from 'chai'
import { type AuthCore, addClient, startAuthCore } from '../support/authcore.ts'
import { browser, type Reply } from '../support/http.ts'
import { post } from './driver.ts'

const WELL_KNOWN = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']

describe('Discovery (RFC 8414, OpenID Connect Discovery 1.0)', function () {
  this.timeout(30_000)
  let server: AuthCore

  before(async () => {
    server = await startAuthCore()
  })
  after(() => server?.stop())

  const get = (path: string, headers: Record<string, string> = {}) =>
    browser().get(`${server.issuer}${path}`, { headers })
  type Metadata = Record<string, unknown> & { issuer: string }
  const metadata = async () => (await get(WELL_KNOWN[0]!)).json<Metadata>()
  const endpointsOf = (document: Metadata) =>
    Object.entries(document).filter(([name]) => /(_endpoint|_uri)$/.test(name)) as [
      string,
      string,
    ][]

  it('is the same under both names', async () => {
    const [one, two] = await Promise.all(WELL_KNOWN.map((path) => get(path)))
    expect(one!.json()).to.deep.equal(two!.json())
    expect(one!.headers['content-type']).to.match(/^application\/json/)
    expect(one!.json<Metadata>().issuer).to.equal(server.issuer)
  })

  for (const path of [...WELL_KNOWN, '/jwks']) {
    it(`answers ${path} in one way, made ready or not`, async () => {
      const lasting = ({ headers, body, status }: Reply) => {
        const { date, 'x-request-id': id, connection, 'keep-alive': _, ...rest } = headers
        expect(id).to.match(/^[0-9a-f-]{36}$/)
        return { date: date !== undefined, connection, status, body, rest }
      }
      await get(path)
      const ready = lasting(await get(path))
      expect(ready.rest['etag']).to.match(/^"[\w-]{27}"$/)
      // Whoever names a version that is not ours is answered by the application.
      expect(lasting(await get(path, { 'if-none-match': '"another"' }))).to.deep.equal(ready)
      const known = await get(path, { 'if-none-match': ready.rest['etag']! })
      expect({ status: known.status, body: known.body }).to.deep.equal({ status: 304, body: '' })
    })
  }

  it('names what there is', async () => {
    const document = await metadata()
    const { issuer } = server
    expect(document).to.deep.include({
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/userinfo`,
      introspection_endpoint: `${issuer}/introspect`,
      revocation_endpoint: `${issuer}/revoke`,
      pushed_authorization_request_endpoint: `${issuer}/par`,
      device_authorization_endpoint: `${issuer}/device_authorization`,
      end_session_endpoint: `${issuer}/logout`,
      jwks_uri: `${issuer}/jwks`,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
      claims_parameter_supported: true,
      subject_types_supported: ['public', 'pairwise'],
    })
    expect(document['grant_types_supported']).to.have.members([
      'authorization_code',
      'refresh_token',
      'client_credentials',
      'urn:ietf:params:oauth:grant-type:device_code',
      'urn:ietf:params:oauth:grant-type:token-exchange',
      'urn:ietf:params:oauth:grant-type:jwt-bearer',
      'urn:openid:params:grant-type:ciba',
    ])
    expect(document['token_endpoint_auth_methods_supported']).to.have.members([
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      'none',
    ])
    expect(document['acr_values_supported']).to.include('urn:authcore:acr:pwd')
    expect(document['request_uri_parameter_supported'] ?? false).to.equal(false)
    expect(document['request_parameter_supported']).to.equal(true)
  })

  it('leaves out lists that would be empty', async () => {
    for (const [name, value] of Object.entries(await metadata())) {
      if (Array.isArray(value)) expect(value, name).not.to.have.length(0)
    }
  })

  it('offers no algorithm with a shared secret, and no token in the front channel', async () => {
    for (const [name, value] of Object.entries(await metadata())) {
      if (!/signing_alg_values_supported$/.test(name)) continue
      expect(value, name).to.satisfy((algs: string[]) =>
        algs.every((alg) => /^(ES|RS|PS|Ed)/.test(alg)),
      )
    }
    expect(await metadata()).not.to.have.property('registration_endpoint')
  })

  it('names endpoints that are all there', async () => {
    for (const [name, uri] of endpointsOf(await metadata())) {
      const { pathname } = new URL(uri)
      const method = /^authorization_endpoint|jwks|end_session|userinfo/.test(name) ? 'GET' : 'POST'
      const reply = await browser().request(method, `${server.issuer}${pathname}`)
      expect(reply.status, name).to.be.oneOf([200, 400, 401])
    }
  })

  describe('believes nobody about where it is', () => {
    const FORGED: [string, Record<string, string>][] = [
      ['Host', { host: 'evil.test' }],
      ['X-Forwarded-Host', { 'x-forwarded-host': 'evil.test' }],
      ['X-Forwarded-Proto and Port', { 'x-forwarded-proto': 'gopher', 'x-forwarded-port': '666' }],
      ['Forwarded', { forwarded: 'host=evil.test;proto=https' }],
      ['X-Host and X-Original-Host', { 'x-host': 'evil.test', 'x-original-host': 'evil.test' }],
      ['X-Original-URL', { 'x-original-url': 'http://evil.test/x', 'x-rewrite-url': '/evil.test' }],
    ]
    for (const [title, headers] of FORGED) {
      it(`whatever ${title} says`, async () => {
        for (const path of WELL_KNOWN) {
          const reply = await get(path, headers)
          expect(reply.status).to.equal(200)
          expect(reply.body).not.to.match(/evil|gopher|:666\b/)
          for (const [name, uri] of endpointsOf(reply.json<Metadata>())) {
            expect(new URL(uri).origin, name).to.equal(server.issuer)
          }
        }
        const device = await addClient(server, { preset: 'device' })
        const started = await post(server, '/device_authorization', device, {}, { headers })
        expect(started.body).not.to.match(/evil|gopher|:666\b/)
        const logout = await get('/logout', headers)
        expect(logout.body).not.to.match(/evil|gopher|:666\b/)
      })
    }

    it('nor a target in absolute form', async () => {
      const { port } = new URL(server.issuer)
      const raw = await new Promise<string>((resolve) => {
        const socket = connect(Number(port), '127.0.0.1', () =>
          socket.end(
            `GET http://evil.test${WELL_KNOWN[0]} HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n`,
          ),
        )
        let text = ''
        socket.on('data', (chunk) => {
          text += chunk.toString()
        })
        socket.on('close', () => resolve(text))
      })
      expect(raw).not.to.match(/"http:\/\/evil/)
      expect(raw).to.match(/^HTTP\/1\.1 (400|200)/)
    })
  })

  describe('and the key set', () => {
    const PATHS = [...WELL_KNOWN, '/jwks']

    it('may be kept for a while by everybody, and asked for again by its tag', async () => {
      for (const path of PATHS) {
        const first = await get(path)
        expect(first.headers['cache-control']).to.match(/^public, max-age=\d+/)
        const etag = String(first.headers['etag'])
        expect(etag).to.match(/^"[\w-]+"$/)
        const again = await get(path, { 'if-none-match': etag })
        expect([again.status, again.body]).to.deep.equal([304, ''])
        expect(again.headers['etag']).to.equal(etag)
        const other = await get(path, { 'if-none-match': '"other"' })
        expect(other.status).to.equal(200)
      }
    })

    it('may be loaded from any page, without credentials', async () => {
      for (const path of PATHS) {
        const reply = await get(path, { origin: 'https://spa.test' })
        expect(reply.headers['access-control-allow-origin']).to.equal('*')
        expect(reply.headers).not.to.have.property('access-control-allow-credentials')
        expect(reply.headers['cross-origin-resource-policy']).to.equal('cross-origin')
      }
    })

    it('are the same for everybody, however often', async () => {
      for (const path of PATHS) {
        const replies = await Promise.all(Array.from({ length: 5 }, () => get(path)))
        expect(new Set(replies.map(({ body }) => body)).size).to.equal(1)
      }
    })

    it('answer HEAD without a body, and no other method', async () => {
      for (const path of PATHS) {
        const head = await browser().request('HEAD', `${server.issuer}${path}`)
        expect([head.status, head.body]).to.deep.equal([200, ''])
        for (const method of ['PUT', 'DELETE', 'PATCH', 'POST']) {
          const reply = await browser().request(method, `${server.issuer}${path}`)
          expect(reply.status, `${method} ${path}`).to.be.oneOf([404, 405])
        }
      }
    })

    it('hold no private key', async () => {
      const { keys } = (await get('/jwks')).json<{ keys: Record<string, unknown>[] }>()
      expect(keys.length).to.be.at.least(2)
      for (const key of keys) {
        expect(key).to.include.keys('kid', 'kty', 'alg', 'use')
        expect(key).not.to.have.any.keys('d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k')
        expect(key['use']).to.equal('sig')
      }
      expect(new Set(keys.map(({ kid }) => kid)).size).to.equal(keys.length)
      expect(new Set(keys.map(({ alg }) => alg)))
        .to.include('ES256')
        .and.to.include('RS256')
    })
  })

  it('is JSON for whoever asks for a page', async () => {
    const check = (reply: Reply) => expect(reply.headers['content-type']).to.match(/json/)
    for (const path of [...WELL_KNOWN, '/jwks']) check(await get(path, { accept: 'text/html' }))
  })
})

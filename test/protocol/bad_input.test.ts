import { connect } from 'node:net'
import { expect } from 'chai'
import { disableClient } from '../../src/domain/clients/block_client.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  CALLBACK,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import {
  authorizationRequest,
  authorize,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import {
  addService,
  answerAt,
  authorizationUri,
  BEHIND_PROXY,
  basic,
  expectErrorPage,
  expectTokens,
  fromSomewhere,
  post,
  type TestClient,
} from './driver.ts'

/** Text that has broken somebody's parser, database or log. */
const ODD = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\r\nSet-Cookie: x=y',
  '\u202e\u200b\ufeff',
  '👍🏽'.repeat(50),
  '%',
  '%00',
  '%zz',
  "' OR '1'='1' --",
  '"><script>alert(1)</script>',
  '{{7*7}}<%= 7*7 %>#{7*7}',
  '../../../../etc/passwd',
  '__proto__',
  'constructor',
  'null',
  'undefined',
  'NaN',
  '-1',
  '1e400',
  '99999999999999999999',
  '[object Object]',
  '{"a":{"b":1}}',
  'x'.repeat(5_000),
] as const

describe('Bad input', function () {
  this.timeout(60_000)
  let server: AuthCore
  let ada: Person
  let alice: Browser
  let client: TestClient
  let service: TestClient
  let party: RelyingParty

  before(async () => {
    server = await startAuthCore({ env: BEHIND_PROXY })
    ada = await addPerson(server)
    await addApi(server)
    client = await addClient(server)
    service = await addService(server, { resource_scopes: { [API]: ['read'] } })
    party = await relyingParty(server, client)
    alice = (await authorize(server, party, ada)).alice
  })
  after(() => server?.stop())
  afterEach(async () => {
    const failures = server.logged.filter(({ level }) => Number(level) >= 50)
    expect(failures, JSON.stringify(failures).slice(0, 500)).to.deep.equal([])
    // The next honest request is served as if nothing had been.
    const fields = { grant_type: 'client_credentials', resource: API }
    expectTokens(await post(server, '/token', service, fields))
  })

  function expectCalm(reply: Reply, about: string): void {
    expect(reply.status, `${about}: ${reply.body.slice(0, 200)}`).to.be.below(500)
    expect(reply.body, about).not.to.match(
      /node_modules|at \w+ \(|SELECT |oidc_record|<script>alert/,
    )
    expect(reply.headers['set-cookie']?.join() ?? '', about).not.to.include('x=y')
  }

  const AUTHORIZE = [
    'client_id',
    'redirect_uri',
    'response_type',
    'response_mode',
    'scope',
    'state',
    'nonce',
    'prompt',
    'max_age',
    'ui_locales',
    'claims_locales',
    'id_token_hint',
    'login_hint',
    'acr_values',
    'claims',
    'resource',
    'code_challenge',
    'code_challenge_method',
    'request',
    'request_uri',
    'registration',
    'dpop_jkt',
    'display',
    'authorization_details',
    'unheard_of',
  ] as const
  for (const name of AUTHORIZE) {
    it(`at the authorization endpoint, in ${name}`, async () => {
      for (const value of ODD) {
        for (const mind of [browser(), alice]) {
          const reply = await mind.get(await authorizationUri(server, client, { [name]: value }))
          expectCalm(reply, `${name}=${value.slice(0, 40)}`)
          if (reply.location && !reply.location.startsWith(server.issuer)) {
            expect(reply.location).to.satisfy((uri: string) => uri.startsWith(CALLBACK))
          }
        }
      }
    })
  }

  for (const [path, fields] of [
    [
      '/token',
      [
        'grant_type',
        'code',
        'code_verifier',
        'redirect_uri',
        'refresh_token',
        'device_code',
        'scope',
        'resource',
        'client_id',
        'client_secret',
        'client_assertion',
        'client_assertion_type',
      ],
    ],
    ['/introspect', ['token', 'token_type_hint', 'client_id', 'client_secret']],
    ['/revoke', ['token', 'token_type_hint', 'client_id', 'client_secret']],
    [
      '/par',
      [
        'client_id',
        'redirect_uri',
        'scope',
        'state',
        'claims',
        'request',
        'request_uri',
        'dpop_jkt',
      ],
    ],
    ['/device_authorization', ['client_id', 'scope', 'claims', 'resource', 'max_age']],
    ['/userinfo', ['access_token', 'scope']],
  ] as const) {
    it(`at ${path}, in every field`, async () => {
      for (const name of fields) {
        for (const value of ODD) {
          const headers = fromSomewhere()
          const base = path === '/token' && name !== 'grant_type' ? grantFor(name) : {}
          for (const who of [client, undefined]) {
            const reply = await post(server, path, who, { ...base, [name]: value }, { headers })
            expectCalm(reply, `${name}=${value.slice(0, 40)}`)
            if (reply.body !== '')
              expect(reply.headers['content-type'], reply.body).to.match(/json/)
          }
        }
      }
    })
  }

  function grantFor(name: string): { grant_type: string } | object {
    if (/code|verifier|redirect/.test(name))
      return { grant_type: 'authorization_code', code: 'x', redirect_uri: CALLBACK }
    if (name === 'refresh_token') return { grant_type: 'refresh_token' }
    return { grant_type: 'client_credentials' }
  }

  it('in names of fields, and in how often they come', async () => {
    const bodies = [
      '__proto__=x&__proto__[polluted]=1',
      'constructor[prototype][polluted]=1',
      'grant_type[]=client_credentials',
      'grant_type[a][b]=c',
      'token=a&token=b',
      '&&&&===&&&',
      `${'a=b&'.repeat(5_000)}`,
      'a'.repeat(50_000),
      '%',
      '%ff%fe',
      '%ed%a0%80',
      'grant_type=%00',
      '\u0000\u0001\u0002',
    ]
    for (const path of [
      '/token',
      '/introspect',
      '/revoke',
      '/par',
      '/device_authorization',
      '/userinfo',
      '/device',
      '/logout/confirm',
    ]) {
      for (const body of bodies) {
        const reply = await browser().request('POST', `${server.issuer}${path}`, {
          body,
          headers: {
            'content-type': 'application/x-www-form-urlencoded',
            authorization: basic(client),
            ...fromSomewhere(),
          },
        })
        expectCalm(reply, `${path} ${body.slice(0, 30)}`)
      }
    }
    expect(({} as { polluted?: unknown }).polluted).to.equal(undefined)
  })

  it('in content types and in JSON where a form belongs', async () => {
    for (const path of [
      '/token',
      '/introspect',
      '/revoke',
      '/par',
      '/device_authorization',
      '/device',
      '/logout/confirm',
    ]) {
      for (const [type, body] of [
        ['application/json', '{"grant_type":"client_credentials"}'],
        ['application/json', `${'['.repeat(50_000)}`],
        ['multipart/form-data; boundary=x', '--x\r\n\r\n--x--'],
        ['text/plain', 'grant_type=client_credentials'],
        ['application/x-www-form-urlencoded; charset=utf-7', '+AG8-'],
        ['application/x-www-form-urlencoded;charset=', 'a=b'],
        ['nonsense', 'x'],
      ] as const) {
        const reply = await browser().request('POST', `${server.issuer}${path}`, {
          body,
          headers: { 'content-type': type, authorization: basic(client), ...fromSomewhere() },
        })
        expectCalm(reply, `${path} ${type}`)
        // Whoever is not signed in is logged out, whatever was sent.
        if (path !== '/logout/confirm')
          expect(reply.status, `${path} ${type}`).to.be.within(400, 422)
      }
    }
  })

  it('in methods', async () => {
    for (const path of [
      '/authorize',
      '/token',
      '/introspect',
      '/userinfo',
      '/device',
      '/logout',
      '/jwks',
      '/interaction/x',
    ]) {
      for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'HEAD']) {
        const reply = await browser().request(method, `${server.issuer}${path}`)
        expectCalm(reply, `${method} ${path}`)
      }
    }
    const overridden = await browser().request('GET', `${server.issuer}/logout/confirm`, {
      headers: { 'x-http-method-override': 'POST' },
    })
    expect(overridden.status).to.be.within(400, 405)
  })

  it('in cookies', async () => {
    for (const cookie of [
      'authcore_session=forged',
      'authcore_session=forged; authcore_session.sig=forged',
      `authcore_session=${'x'.repeat(4_000)}`,
      'authcore_session=a; authcore_session=b',
      'authcore_interaction=x; authcore_resume=y; authcore_request=z; authcore_device=w',
      'authcore_locale=../../etc/passwd',
      '=; ;;; =',
      'authcore_session="\\"',
      'x'.repeat(7_000),
    ]) {
      for (const path of [
        (await authorizationUri(server, client)).slice(server.issuer.length),
        '/interaction/x',
        '/interaction/x/login',
        '/authorize/x',
        '/device',
        '/device/x',
        '/logout',
      ]) {
        const reply = await browser().get(`${server.issuer}${path}`, { headers: { cookie } })
        expectCalm(reply, `${path} ${cookie.slice(0, 30)}`)
        expect(reply.location ?? '', path).not.to.include('code=')
      }
    }
  })

  it('in the request line', async () => {
    for (const path of [
      '//',
      '/./',
      '/../',
      '/..;/token',
      '/%2e%2e/',
      '/token%2f',
      '/%74oken',
      '/token/',
      '/token;x',
      '/TOKEN',
      '/token%00',
      '/.well-known/o',
      '/.well-known/openid-configuration/',
      '/authorize/',
      '/authorize/../token',
      '/interaction/',
      '/interaction/%00',
      '/interaction/a%2fb',
      '/interaction/..',
      '/device/',
      '/logout/x',
      '/jwks?x=%',
      '/authorize?%',
      '/authorize?client_id=%ff',
      '/?%zz',
      `/${'a'.repeat(5_000)}`,
    ]) {
      const reply = await browser().get(`${server.issuer}${path.replace(/[^\x21-\x7e]/g, '')}`)
      expectCalm(reply, path.slice(0, 40))
    }
  })

  it('in bodies that lie about their length, or never end', async () => {
    const { port } = new URL(server.issuer)
    const send = (text: string) =>
      new Promise<string>((resolve) => {
        const socket = connect(Number(port), '127.0.0.1', () => socket.write(text))
        let answer = ''
        socket.setTimeout(3_000, () => socket.destroy())
        socket.on('data', (chunk) => {
          answer += chunk.toString()
          if (answer.includes('\r\n\r\n')) socket.end()
        })
        socket.on('error', () => {})
        socket.on('close', () => resolve(answer))
      })
    const head = `POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n`
    for (const request of [
      `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
      `${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`,
      `${head}Transfer-Encoding: xchunked\r\n\r\nabc`,
      `${head}Content-Length: -1\r\n\r\n`,
      `${head}Content-Length: 1e3\r\n\r\n`,
      'GET /token HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
      'GET /token HTTP/1.1\r\n\r\n',
      'GET /token HTTP/1.1\r\nHost: a@b\r\n\r\n',
      'NONSENSE\r\n\r\n',
    ]) {
      expect(await send(request), request.slice(0, 60)).to.match(/^HTTP\/1\.1 4\d\d/)
    }
  })

  it('as a scope of 50 kB, within a moment', async () => {
    for (const scope of [`openid ${'x'.repeat(45_000)}`, `openid ${'a '.repeat(20_000)}`]) {
      const { url } = await authorizationRequest(party, {})
      const fields = { ...Object.fromEntries(url.searchParams), scope }
      const startedAt = performance.now()
      const reply = await post(server, '/par', client, fields)
      expectCalm(reply, 'a long scope')
      expect(performance.now() - startedAt).to.be.below(1_000)
    }
  })

  describe('at the authorization endpoint', () => {
    it('as a response type that is not the code', async () => {
      for (const response_type of [
        'token',
        'id_token',
        'id_token token',
        'code token',
        'code id_token',
        'none',
        'x',
      ]) {
        const reply = await alice.get(await authorizationUri(server, client, { response_type }))
        const { search, hash } = new URL(reply.location!)
        const answer = new URLSearchParams(search || hash.slice(1))
        expect(answer.get('error'), response_type).to.equal('unsupported_response_type')
        expect(answer.get('code')).to.equal(null)
      }
      const empty = await alice.get(await authorizationUri(server, client, { response_type: '' }))
      expect(answerAt(empty).get('error')).to.equal('invalid_request')
    })

    it('as a parameter that comes twice', async () => {
      const uri = await authorizationUri(server, client)
      for (const name of [
        'client_id',
        'scope',
        'state',
        'response_type',
        'code_challenge',
        'nonce',
        'prompt',
      ]) {
        const reply = await alice.get(`${uri}&${name}=x&${name}=y`)
        expect(reply.status, name).to.be.oneOf([303, 400])
        expect(reply.location ?? '', name).not.to.include('code=')
        if (reply.location) {
          expect(answerAt(reply).get('error'), name).to.equal('invalid_request')
          expect(answerAt(reply).getAll('state').length, name).to.be.below(2)
        }
      }
    })

    it('as an address to fetch a request from: nobody is asked', async () => {
      let asked = 0
      const { createServer } = await import('node:http')
      const trap = createServer((_request, response) => {
        asked += 1
        response.end()
      })
      await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve))
      const { port } = trap.address() as { port: number }
      const uri = await authorizationUri(server, client, {
        request_uri: `http://127.0.0.1:${port}/`,
      })
      expect(answerAt(await alice.get(uri)).get('error')).to.equal('request_uri_not_supported')
      const signed = await authorizationUri(server, client, { request: 'eyJhbGciOiJub25lIn0.e30.' })
      expect(answerAt(await alice.get(signed)).get('error')).to.equal('invalid_request_object')
      trap.close()
      expect(asked).to.equal(0)
    })

    it('as a client that is unknown, disabled, or cannot exist: the same page', async () => {
      const disabled = await addClient(server)
      await disableClient(server.parts, disabled.clientId)
      await new Promise((resolve) => setTimeout(resolve, 150))
      const pages = await Promise.all(
        [disabled.clientId, 'nobody', '\u0000', 'ü'].map(async (clientId) => {
          const reply = await browser().get(await authorizationUri(server, { clientId }))
          return clientId === '\u0000' ? '' : `${reply.status} ${essence(reply)}`
        }),
      )
      const [first, second, , fourth] = pages
      expect(first).to.match(/^400/).and.to.equal(second).and.to.equal(fourth)
    })

    it('from another origin: no script reads the answer', async () => {
      const uri = await authorizationUri(server, client)
      const origin = 'https://rp.example.test'
      for (const method of ['GET', 'OPTIONS'] as const) {
        const reply = await alice.request(method, uri, {
          headers: { origin, 'access-control-request-method': 'GET' },
        })
        expect(reply.headers).not.to.have.property('access-control-allow-origin')
        expect(reply.headers).not.to.have.property('access-control-allow-credentials')
      }
    })

    it('fifty times in one browser: each request is its own, and no header grows too long', async () => {
      const mind = browser()
      const pages = []
      for (let tab = 0; tab < 50; tab++) {
        const { url } = await authorizationRequest(party)
        pages.push(await mind.followAll(await mind.get(url.href)))
      }
      expect(new Set(pages.map(({ url }) => url)).size).to.equal(50)
      for (const address of [pages[49]!.url, `${server.issuer}/authorize`, `${server.issuer}/`]) {
        expect((await mind.jar.getCookieString(address)).length).to.be.below(4_096)
      }
      const answer = await mind.submit(pages[0]!, { login: ada.email, password: ada.password })
      expect(answer.status).to.equal(200)
    })

    it('with languages by the thousand: the page comes in one that we have', async () => {
      for (let i = 0; i < 200; i++) {
        const uri = await authorizationUri(server, client, {
          ui_locales: `x${i}-${'a'.repeat(i % 9)} de-${i}`,
          redirect_uri: 'https://evil.test/',
        })
        const reply = await browser().get(uri, {
          headers: { 'accept-language': `y${i};q=${i}, *` },
        })
        expectErrorPage(reply, 400)
        expect(reply.body).to.match(/<html lang="(en|de)"/)
      }
    })
  })

  describe('of browsers from elsewhere', () => {
    it('lets an application in the browser exchange its code, from its own origin only', async () => {
      const open = await addClient(server, { preset: 'spa' })
      const fields = { grant_type: 'refresh_token', refresh_token: 'x' }
      const preflight = await browser().request('OPTIONS', `${server.issuer}/token`, {
        headers: {
          origin: 'https://rp.example.test',
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'dpop',
        },
      })
      expect(preflight.status).to.be.within(200, 204)
      expect(preflight.headers['access-control-allow-headers']).to.match(/dpop/i)
      for (const [origin, allowed] of [
        ['https://rp.example.test', true],
        ['https://evil.test', false],
        ['null', false],
      ] as const) {
        const reply = await post(server, '/token', open, fields, { headers: { origin } })
        const header = reply.headers['access-control-allow-origin']
        expect(header === origin || header === '*', origin).to.equal(allowed)
        expect(reply.headers).not.to.have.property('access-control-allow-credentials')
      }
    })
  })
})

/** A page without what is different each time. */
function essence(reply: Reply): string {
  return reply.body
    .replace(/<code id="reference-id"[^>]*>[^<]*/, '')
    .replace(/href="[^"]*"/g, '')
    .replace(/[\w-]{36}/g, '')
}

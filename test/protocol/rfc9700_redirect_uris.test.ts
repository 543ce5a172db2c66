import { expect } from 'chai'
import fc from 'fast-check'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { browser } from '../support/http.ts'
import { authorize, relyingParty } from '../support/relying_party.ts'
import {
  answerAt,
  authorizationUri,
  eventsOf,
  exchangeFields,
  expectErrorPage,
  expectTokens,
  post,
  type TestClient,
} from './driver.ts'

const REGISTERED = 'https://rp.example.test/callback'

/** AZ1: whatever is not the registered address byte for byte. */
const REFUSED = [
  `${REGISTERED}/`,
  `${REGISTERED}?`,
  `${REGISTERED}?x=y`,
  `${REGISTERED}#`,
  `${REGISTERED}#x`,
  `${REGISTERED}.evil.test`,
  `${REGISTERED}%00`,
  `${REGISTERED}%2e%2e/evil`,
  `${REGISTERED}/../callback`,
  `${REGISTERED}/./`,
  `${REGISTERED};x`,
  `${REGISTERED} `,
  ` ${REGISTERED}`,
  `${REGISTERED}\t`,
  `${REGISTERED}\n`,
  'https://rp.example.test/Callback',
  'https://rp.example.test/c%61llback',
  'https://rp.example.test//callback',
  'https://rp.example.test/',
  'https://rp.example.test',
  'https://RP.example.test/callback',
  'https://rp.example.test./callback',
  'https://rp.example.test:443/callback',
  'https://rp.example.test:8443/callback',
  'http://rp.example.test/callback',
  'HTTPS://rp.example.test/callback',
  'https://user@rp.example.test/callback',
  'https://user:pass@rp.example.test/callback',
  'https://rp.example.test@evil.test/callback',
  'https://evil.test@rp.example.test/callback',
  'https://rp.example.test%40evil.test/callback',
  'https://rp.example.test\\@evil.test/callback',
  'https://rp.example.test%5c@evil.test/callback',
  'https://evil.test\\rp.example.test/callback',
  'https:/rp.example.test/callback',
  'https:\\\\rp.example.test\\callback',
  'https://rp.example.test.evil.test/callback',
  'https://evil-rp.example.test/callback',
  'https://rp。example。test/callback',
  'https://ｒｐ.example.test/callback',
  'https://rp.exаmple.test/callback',
  'https://[::1%25eth0]/callback',
  'https://127.0.0.1/callback',
  '//rp.example.test/callback',
  '//evil.test/callback',
  '/callback',
  'callback',
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)//https://rp.example.test/callback',
  'data:text/html,<script>alert(1)</script>',
  'file:///etc/passwd',
  'urn:ietf:wg:oauth:2.0:oob',
  'about:blank',
  '*',
  'https://*.example.test/callback',
]

describe('Redirect URIs (RFC 9700 §2.1, RFC 8252)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let client: TestClient

  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    client = await addClient(server, { metadata: { redirect_uris: [REGISTERED] } })
  })
  after(() => server?.stop())

  it(`are compared byte for byte: ${REFUSED.length} others end on a page of ours`, async () => {
    for (const redirect_uri of REFUSED) {
      for (const prompt of [undefined, 'none']) {
        const uri = await authorizationUri(server, client, { redirect_uri, prompt })
        const reply = await browser().get(uri)
        expectErrorPage(reply, 400)
        expect(reply.body, redirect_uri).not.to.match(
          /(href|action|src|url=)["']?\s*(javascript|data|https?:\/\/evil)/i,
        )
        expect(reply.body).not.to.include('<script>alert')
      }
    }
    const refusals = await eventsOf(server, 'auth.authorization.refused')
    expect(refusals.length).to.be.above(REFUSED.length)
  })

  it('end there also where they are missing or come twice', async () => {
    const missing = await authorizationUri(server, client, { redirect_uri: undefined })
    expectErrorPage(await browser().get(missing), 400)
    const uri = await authorizationUri(server, client)
    for (const more of [REGISTERED, 'https://evil.test/']) {
      const reply = await browser().get(`${uri}&redirect_uri=${encodeURIComponent(more)}`)
      expectErrorPage(reply, 400)
    }
  })

  it('of one client are none of another', async () => {
    const other = await addClient(server, {
      metadata: { redirect_uris: ['https://other.example.test/callback'] },
    })
    expectErrorPage(await browser().get(await authorizationUri(server, other)), 400)
  })

  it('take the port of the moment on loopback, for native applications, and nothing else', async () => {
    const native = await addClient(server, {
      preset: 'native',
      metadata: {
        redirect_uris: ['http://127.0.0.1/cb', 'http://[::1]/cb', 'com.example.app:/callback'],
      },
    })
    for (const redirect_uri of [
      'http://127.0.0.1/cb',
      'http://127.0.0.1:49152/cb',
      'http://[::1]:49152/cb',
      'com.example.app:/callback',
    ]) {
      const party = await relyingParty(server, native, { redirectUri: redirect_uri })
      const { callback, checks } = await authorize(server, party, ada)
      const fields = { ...exchangeFields({ callback, checks }), redirect_uri }
      expectTokens(await post(server, '/token', native, fields))
    }
    for (const redirect_uri of [
      'http://127.0.0.1:49152/other',
      'http://127.0.0.1:49152/cb/',
      'http://127.0.0.1:49152/cb?x=y',
      'http://127.0.0.2:49152/cb',
      'http://localhost:49152/cb',
      'http://127.0.0.1:99999/cb',
      'http://127.0.0.1:49152@evil.test/cb',
      'http://0x7f.1:49152/cb',
      'https://127.0.0.1:49152/cb',
      'com.example.app:/other',
      'com.example.app://callback',
      'com.example.app.evil:/callback',
    ]) {
      const uri = await authorizationUri(server, native, { redirect_uri })
      expectErrorPage(await browser().get(uri), 400)
    }
  })

  it('of a web application on loopback keep their port', async () => {
    const local = await addClient(server, {
      metadata: { redirect_uris: ['http://localhost:3000/cb'] },
    })
    const uri = await authorizationUri(server, local, { redirect_uri: 'http://localhost:3001/cb' })
    expectErrorPage(await browser().get(uri), 400)
  })

  it('hear of every other fault, with who said it', async () => {
    for (const [parameters, error] of [
      [{ scope: 'openid "x"' }, 'invalid_scope'],
      [{ prompt: 'none' }, 'login_required'],
      [{ resource: 'https://nobody.test' }, 'invalid_target'],
      [{ request: 'a.b.c' }, 'invalid_request_object'],
      [{ registration: '{}' }, 'registration_not_supported'],
    ] as const) {
      const reply = await browser().get(await authorizationUri(server, client, parameters))
      const answer = answerAt(reply, REGISTERED)
      expect(answer.get('error')).to.equal(error)
      expect(answer.get('iss')).to.equal(server.issuer)
      expect(answer.get('state')).to.equal('state of the client')
      expect(reply.headers['referrer-policy']).to.equal('no-referrer')
    }
  })

  it('are met by themselves alone, and on loopback by another port, whatever is asked for', async () => {
    const LOOPBACK = 'http://127.0.0.1/callback?x=y'
    const native = await addClient(server, {
      preset: 'native',
      metadata: { redirect_uris: [REGISTERED, LOOPBACK] },
    })
    const { Client } = server.parts.runtime.provider()
    const [web, app] = [await Client.find(client.clientId), await Client.find(native.clientId)]
    const pieces = [
      'http',
      's',
      '://',
      '127.0.0.1',
      '[::1]',
      'localhost',
      'rp.example.test',
      ':8080',
    ]
    const more = [':', '/', '/callback', '?x=y', '#', '@', '%2f', '..', '\\', 'evil.test', ' ', '.']
    const put = fc
      .array(fc.constantFrom(...pieces, ...more), { maxLength: 6 })
      .map((p) => p.join(''))
    /** The registered one with something put in, taken out, or in another case. */
    const near = fc
      .tuple(fc.constantFrom(REGISTERED, LOOPBACK), fc.nat(40), fc.nat(6), put)
      .map(([uri, at, cut, text]) => uri.slice(0, at) + text + uri.slice(at + cut))
    const port = fc.nat(70_000).map((n) => LOOPBACK.replace('.1/', `.1:${n}/`))
    const uri = fc.oneof(near, put, port, fc.webUrl(), fc.constantFrom(REGISTERED, LOOPBACK))
    fc.assert(
      fc.property(uri, (uri) => {
        expect(web!.redirectUriAllowed(uri)).to.equal(uri === REGISTERED)
        const [, digits] = /^http:\/\/127\.0\.0\.1(?::(\d*))?\/callback\?x=y$/.exec(uri) ?? [uri]
        const isLoopback = uri.startsWith('http://127.0.0.1') && uri.endsWith('/callback?x=y')
        const isOnPort = isLoopback && (uri === LOOPBACK || /^\d{1,5}$/.test(digits ?? ''))
        const isAllowed = app!.redirectUriAllowed(uri)
        // A port beyond 65535 is none, and is the engine's to refuse.
        if (isAllowed) expect(uri === REGISTERED || isOnPort, uri).to.equal(true)
        else
          expect(uri === REGISTERED || (isOnPort && Number(digits ?? 0) < 65_536), uri).to.equal(
            false,
          )
      }),
      { numRuns: 400 },
    )
  })
})

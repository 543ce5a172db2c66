import { expect } from 'chai'
import { base64url } from 'jose'
import { CIBA_GRANT } from '../../src/domain/clients/client_metadata.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  CALLBACK,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { atOnce, type Browser, browser } from '../support/http.ts'
import { authorize, goThrough, relyingParty } from '../support/relying_party.ts'
import {
  answerAt,
  clientAssertion,
  eventsOf,
  expectError,
  expectErrorPage,
  expectTokens,
  type ProofChanges,
  post,
  rows,
  type SigningParty,
  signingParty,
  type TestClient,
} from './driver.ts'
import { jwksOf, requestObject, VERIFIER } from './request_object.ts'

const now = () => Math.floor(Date.now() / 1000)

describe('Signed authorization requests (RFC 9101)', function () {
  this.timeout(40_000)
  let server: AuthCore
  let ada: Person
  let alice: Browser
  let key: SigningParty
  let client: TestClient

  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    key = await signingParty()
    client = await addClient(server, { metadata: { jwks: jwksOf(key) } })
    alice = (await authorize(server, await relyingParty(server, client), ada)).alice
  })
  after(() => server?.stop())

  const object = (changes: ProofChanges = {}, who = client, party = key) =>
    requestObject(server, who.clientId, party, changes)
  const addressOf = (request: string, extra: Record<string, string> = {}, who = client) =>
    `${server.issuer}/authorize?${new URLSearchParams({ client_id: who.clientId, request, ...extra })}`
  const ask = async (changes: ProofChanges = {}, extra: Record<string, string> = {}) =>
    await alice.get(addressOf(await object(changes), extra))
  const push = (request: string, who = client) => post(server, '/par', who, { request })
  const redeem = async (callback: URL, who = client) =>
    await post(server, '/token', who, {
      grant_type: 'authorization_code',
      code: callback.searchParams.get('code') ?? '',
      redirect_uri: CALLBACK,
      code_verifier: VERIFIER,
    })

  it('are told in discovery, with asymmetric algorithms only', async () => {
    const reply = await browser().get(`${server.issuer}/.well-known/openid-configuration`)
    const document = reply.json<Record<string, unknown>>()
    expect(document['request_parameter_supported']).to.equal(true)
    expect(document['request_uri_parameter_supported']).to.equal(false)
    const algs = document['request_object_signing_alg_values_supported'] as string[]
    expect(algs).to.include.members(['ES256', 'PS256', 'RS256', 'EdDSA'])
    expect(algs.filter((alg) => /^(HS|none)/.test(alg))).to.deep.equal([])
  })

  it('are taken in the address, from the page to the tokens', async () => {
    const eve = browser()
    const first = await eve.get(addressOf(await object()))
    const callback = await goThrough(eve, first, ada, server.issuer)
    expect(callback.searchParams.get('state')).to.equal('state in the object')
    expectTokens(await redeem(callback))
  })

  it('are taken when pushed, and then live a minute at most', async () => {
    const reply = await push(await object())
    expect(reply.status, reply.body).to.equal(201)
    const { request_uri, expires_in } = reply.json<{ request_uri: string; expires_in: number }>()
    expect(expires_in).to.be.within(1, 60)
    const query = new URLSearchParams({ client_id: client.clientId, request_uri })
    const callback = new URL((await alice.get(`${server.issuer}/authorize?${query}`)).location!)
    expectTokens(await redeem(callback))
  })

  for (const alg of ['PS256', 'RS256', 'EdDSA', 'ES384']) {
    it(`are taken signed with ${alg}`, async () => {
      const party = await signingParty(alg)
      const who = await addClient(server, { metadata: { jwks: jwksOf(party) } })
      const page = await alice.get(addressOf(await object({}, who, party), {}, who))
      expect(page.location).to.include('/interaction/')
    })
  }

  it('may name other audiences beside ours, and begin in a few seconds', async () => {
    const aud = ['https://other.example.test', server.issuer]
    expect(answerAt(await ask({ claims: { aud, nbf: now() + 8 } })).get('code')).to.be.a('string')
  })

  it('decide alone: nothing beside them counts (§6.3)', async () => {
    const beside = {
      state: 'forged',
      scope: 'openid email',
      redirect_uri: 'https://evil.test/',
      response_mode: 'fragment',
      nonce: 'forged',
      prompt: 'none',
    }
    const reply = await ask({}, beside)
    expect(answerAt(reply).get('state')).to.equal('state in the object')
    expect(expectTokens(await redeem(new URL(reply.location!))).scope).to.equal('openid')
    const without = await ask({ claims: { state: undefined } }, { state: 'only outside' })
    expect(answerAt(without).get('state')).to.equal(null)
  })

  describe('are refused', () => {
    const REFUSED: [string, ProofChanges][] = [
      ['for another audience', { claims: { aud: 'https://other.example.test' } }],
      ['without an audience', { claims: { aud: undefined } }],
      ['from another issuer', { claims: { iss: 'somebody' } }],
      ['without an issuer', { claims: { iss: undefined } }],
      ['of another client_id', { claims: { client_id: 'somebody' } }],
      ['that are over', { claims: { exp: now() - 60 } }],
      ['that never end', { claims: { exp: undefined } }],
      ['whose end is text', { claims: { exp: 'tomorrow' } }],
      ['that live for more than an hour', { claims: { exp: now() + 4_200 } }],
      ['that began long ago', { claims: { nbf: now() - 4_200 } }],
      ['that began long ago by iat alone', { claims: { nbf: undefined, iat: now() - 4_200 } }],
      ['that begin in an hour', { claims: { nbf: now() + 3_600, exp: now() + 3_700 } }],
      ['with a request inside', { claims: { request: 'a.b.c' } }],
      ['with a request_uri inside', { claims: { request_uri: 'urn:x' } }],
      ['that are client assertions', { claims: { sub: 'self' } }],
      ['typed as another JWT', { header: { typ: 'dpop+jwt' } }],
      ['with an extension that we do not know', { header: { crit: ['exp'] } }],
    ]
    for (const [title, changes] of REFUSED) {
      it(title, async () => {
        const { claims, ...rest } = changes
        const own = claims?.['sub'] === 'self' ? { claims: { sub: client.clientId } } : { claims }
        const request = await object({ ...rest, ...(claims ? own : {}) }).catch(() => undefined)
        const sent =
          request ?? (await withHeader(await object(), { crit: ['unknown'], unknown: 1 }))
        expectError(await push(sent), 400, 'invalid_request_object')
        const reply = await alice.get(addressOf(sent, { redirect_uri: CALLBACK, state: 'x' }))
        expect(answerAt(reply).get('error')).to.equal('invalid_request_object')
        expect(answerAt(reply).has('code')).to.equal(false)
      })
    }

    /** The same object with another header: its signature no longer holds. */
    const withHeader = async (jwt: string, header: Record<string, unknown>) => {
      const [, payload, signature] = jwt.split('.')
      return [base64url.encode(JSON.stringify(header)), payload, signature].join('.')
    }
    const FORGED: [string, (jwt: string) => Promise<string>][] = [
      ['unsigned', async (jwt) => (await withHeader(jwt, { alg: 'none' })).replace(/[^.]*$/, '')],
      ['as nOnE', (jwt) => withHeader(jwt, { alg: 'nOnE' })],
      ['by HMAC with the public key', (jwt) => withHeader(jwt, { alg: 'HS256' })],
      ['with nothing but zeros', async (jwt) => jwt.replace(/[^.]*$/, 'A'.repeat(86))],
      ['encrypted', async () => 'a.b.c.d.e'],
      ['as no JWT at all', async () => 'nonsense'],
      ['without a signature', async (jwt) => jwt.replace(/[^.]*$/, '')],
      [
        'changed afterwards',
        async (jwt) => {
          const [header, , signature] = jwt.split('.')
          const claims = { iss: client.clientId, aud: server.issuer, exp: now() + 60 }
          return [header, base64url.encode(JSON.stringify(claims)), signature].join('.')
        },
      ],
      ['by another key', async () => await object({ key: (await signingParty()).privateKey })],
      [
        'by another key that they bring along',
        async () => {
          const { jwk, privateKey } = await signingParty()
          return await object({ header: { jwk, jku: 'http://127.0.0.1:1/' }, key: privateKey })
        },
      ],
    ]
    for (const [title, forge] of FORGED) {
      it(`signed ${title}`, async () => {
        const sent = await forge(await object())
        const pushed = await push(sent)
        expect(pushed.status, pushed.body).to.equal(400)
        expect(pushed.json<{ error: string }>().error).to.match(/^invalid_request(_object)?$/)
        const reply = await alice.get(addressOf(sent, { redirect_uri: CALLBACK }))
        expect(answerAt(reply).get('error')).to.match(/^invalid_request(_object)?$/)
      })
    }

    it('without leaving for an address that is not registered', async () => {
      const request = await object({ claims: { redirect_uri: 'https://evil.test/' } })
      expectErrorPage(await alice.get(addressOf(request)), 400)
      expectError(await push(await object({ claims: { iss: 'x' } })), 400, 'invalid_request_object')
      expectErrorPage(
        await alice.get(addressOf('a.b.c', { redirect_uri: 'https://evil.test/' })),
        400,
      )
    })

    it('where response_type or client_id beside them differ', async () => {
      const type = await ask({}, { response_type: 'token', redirect_uri: CALLBACK })
      expect(answerAt(type).get('error')).to.equal('invalid_request_object')
      const other = await addClient(server, { metadata: { jwks: jwksOf(key) } })
      const stolen = addressOf(await object(), { redirect_uri: CALLBACK }, other)
      expect(answerAt(await alice.get(stolen)).get('error')).to.equal('invalid_request_object')
    })

    it('with another algorithm than the registered one', async () => {
      const second = await signingParty('EdDSA')
      const strict = await addClient(server, {
        metadata: { jwks: jwksOf(key, second), request_object_signing_alg: 'ES256' },
      })
      expectError(
        await push(await object({}, strict, second), strict),
        400,
        'invalid_request_object',
      )
      expect((await push(await object({}, strict), strict)).status).to.equal(201)
    })

    it('together with a request_uri', async () => {
      const request_uri = 'urn:ietf:params:oauth:request_uri:x'
      const reply = await alice.get(
        addressOf(await object(), { request_uri, redirect_uri: CALLBACK }),
      )
      expect(answerAt(reply).get('error')).to.equal('invalid_request')
    })

    it('that ended a moment ago', async () => {
      const claims = { exp: now() - 2, nbf: now() - 60, iat: now() - 60 }
      expectError(await push(await object({ claims })), 400, 'invalid_request_object')
    })

    it('where the client has registered no key', async () => {
      const bare = await addClient(server)
      expectError(await push(await object({}, bare), bare), 400, 'invalid_request_object')
    })
  })

  it('stay calm whatever a client signs', async () => {
    const odd = [null, 7, true, {}, [], ['a', 'b'], [{}], '\0', 'x'.repeat(5_000)]
    for (const name of ['scope', 'redirect_uri', 'claims', 'nonce', 'prompt', 'resource', 'iat']) {
      for (const value of odd) {
        const sent = await object({ claims: { [name]: value } })
        for (const reply of [await push(sent), await alice.get(addressOf(sent))]) {
          expect(reply.status, `${name}=${JSON.stringify(value).slice(0, 40)}`).to.be.below(500)
          expect(reply.body).not.to.match(/node_modules|SELECT|\.js:/)
        }
      }
    }
  })

  describe('with a jti', () => {
    it('are good once, at either endpoint', async () => {
      const request = await object()
      expect(answerAt(await alice.get(addressOf(request))).get('code')).to.be.a('string')
      const again = await alice.get(addressOf(request, { redirect_uri: CALLBACK }))
      expect(answerAt(again).get('error')).to.equal('invalid_request_object')
      expectError(await push(request), 400, 'invalid_request_object')
    })

    it('are good once, however many come at once', async () => {
      const request = await object()
      const replies = await atOnce(10, (gate) =>
        post(server, '/par', client, { request }, { gate }),
      )
      expect(replies.filter(({ status }) => status === 201)).to.have.length(1)
      expect(replies.filter(({ status }) => status === 400)).to.have.length(9)
    })

    it('are used up by nobody who cannot sign', async () => {
      const claims = { jti: 'a jti that a stranger knows' }
      const forged = await object({ claims, key: (await signingParty()).privateKey })
      expectError(await push(forged), 400, 'invalid_request_object')
      expect((await push(await object({ claims }))).status).to.equal(201)
    })

    it('do not stand in the way of another client with the same', async () => {
      const other = await addClient(server, { metadata: { jwks: jwksOf(key) } })
      const claims = { jti: 'the same' }
      expect((await push(await object({ claims }))).status).to.equal(201)
      expect((await push(await object({ claims }, other), other)).status).to.equal(201)
    })
  })

  it('without a jti can be used again while they last', async () => {
    const request = await object({ claims: { jti: undefined } })
    for (let time = 0; time < 2; time++) {
      expect(answerAt(await alice.get(addressOf(request))).get('code')).to.be.a('string')
    }
  })

  it('are the only way in for a client that is held to them', async () => {
    const strict = await addClient(server, {
      metadata: { jwks: jwksOf(key), require_signed_request_object: true },
    })
    const plain = { response_type: 'code', redirect_uri: CALLBACK, scope: 'openid' }
    const query = new URLSearchParams({ client_id: strict.clientId, ...plain })
    const direct = await alice.get(`${server.issuer}/authorize?${query}`)
    expect(answerAt(direct).get('error')).to.equal('invalid_request')
    expectError(await post(server, '/par', strict, plain), 400, 'invalid_request')
    expect((await push(await object({}, strict), strict)).status).to.equal(201)
  })

  it('leave their refusals in the trail', async () => {
    await alice.get(addressOf(await object({ claims: { iss: 'x' } })))
    const refused = (await eventsOf(server, 'auth.authorization.refused')).at(-1)
    expect(refused?.data).to.include({ clientId: client.clientId, error: 'invalid_request_object' })
    await push(await object({ claims: { iss: 'x' } }))
    const pushed = (await eventsOf(server, 'auth.token.refused')).at(-1)
    expect(pushed?.data).to.include({ error: 'invalid_request_object' })
  })

  it('are stored nowhere in the clear', async () => {
    await push(await object({ claims: { nonce: 'nobody-reads-this' } }))
    const stored = await rows<{ text: string }>(
      server.parts.db,
      'SELECT row_to_json(oidc_record)::text AS text FROM oidc_record',
    )
    expect(stored.some(({ text }) => text.includes('nobody-reads-this'))).to.equal(false)
  })

  describe('of FAPI 2.0 Message Signing', () => {
    let strict: TestClient
    let rsa: SigningParty

    before(async () => {
      rsa = await signingParty('RS256')
      const keys = { keys: [jwksOf(key).keys[0]!, { ...rsa.jwk, use: 'sig' }] }
      strict = await addClient(server, {
        preset: 'fapi2',
        metadata: { jwks: keys, require_signed_request_object: true },
      })
    })

    const pushAs = async (changes: ProofChanges = {}, party = key) => {
      const request = await object(changes, strict, party)
      const assertion = await clientAssertion(server, strict.clientId, key)
      return await post(server, '/par', undefined, { request, ...assertion })
    }

    it('are taken', async () => {
      expect((await pushAs()).status).to.equal(201)
      expect((await pushAs({ claims: { nbf: now() + 8 } })).status).to.equal(201)
    })

    for (const [title, changes] of [
      ['without exp', { claims: { exp: undefined } }],
      ['without nbf', { claims: { nbf: undefined } }],
      ['that end in 70 minutes', { claims: { exp: now() + 4_200 } }],
      ['that began 70 minutes ago', { claims: { nbf: now() - 4_200 } }],
    ] as [string, ProofChanges][]) {
      it(`are refused ${title}`, async () => {
        expectError(await pushAs(changes), 400, 'invalid_request_object')
      })
    }

    it('are refused signed with RS256, even by a key of the client', async () => {
      expectError(await pushAs({}, rsa), 400, 'invalid_request_object')
      expect((await pushAs({}, { ...rsa, alg: 'RS256' })).status).to.equal(400)
    })
  })

  describe('for approval on another device (CIBA Core §7.1.1)', () => {
    let bank: TestClient

    before(async () => {
      bank = await addClient(server, {
        metadata: {
          grant_types: ['authorization_code', CIBA_GRANT],
          backchannel_token_delivery_mode: 'poll',
          backchannel_authentication_request_signing_alg: 'ES256',
          jwks: jwksOf(key),
        },
      })
    })

    const begin = async (changes: ProofChanges = {}) => {
      const claims = { login_hint: ada.email, response_type: undefined, ...changes.claims }
      const request = await object({ ...changes, claims }, bank)
      return { request, reply: await start({ request }) }
    }
    const start = (fields: Record<string, string>) =>
      post(server, '/backchannel_authentication', bank, fields)

    it('are taken, and used once', async () => {
      const { request, reply } = await begin()
      expect(reply.status, reply.body).to.equal(200)
      const again = await start({ request })
      expect(again.status, again.body).to.equal(400)
    })

    for (const claim of ['exp', 'iat', 'nbf', 'jti']) {
      it(`are refused without ${claim}`, async () => {
        const { reply } = await begin({ claims: { [claim]: undefined } })
        expect(reply.status, reply.body).to.equal(400)
      })
    }

    it('are not optional for a client that is registered with them', async () => {
      const reply = await start({ scope: 'openid', login_hint: ada.email })
      expectError(reply, 400, 'invalid_request')
    })
  })

  describe('where the deployment has them off', () => {
    let without: AuthCore
    before(async () => {
      without = await startAuthCore({ env: { AUTHCORE_REQUEST_OBJECTS: 'false' } })
    })
    after(() => without?.stop())

    it('are neither taken nor told of', async () => {
      const who = await addClient(without, { metadata: { jwks: jwksOf(key) } })
      const request = await requestObject(without, who.clientId, key)
      expectError(await post(without, '/par', who, { request }), 400, 'request_not_supported')
      const reply = await browser().get(`${without.issuer}/.well-known/openid-configuration`)
      expect(reply.json()).not.to.have.property('request_parameter_supported')
    })

    it('leave a client that insists on them unusable rather than unprotected', async () => {
      const strict = await addClient(without, {
        metadata: { jwks: jwksOf(key), require_signed_request_object: true },
      })
      const query = new URLSearchParams({
        client_id: strict.clientId,
        response_type: 'code',
        redirect_uri: CALLBACK,
        scope: 'openid',
      })
      expectErrorPage(await browser().get(`${without.issuer}/authorize?${query}`), 400)
    })
  })
})

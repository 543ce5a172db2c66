import { expect } from 'chai'
import * as oidc from 'openid-client'
import {
  type AuthCore,
  addClient,
  addPerson,
  CALLBACK,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser } from '../support/http.ts'
import {
  authorizationRequest,
  authorize,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import {
  answerAt,
  authorizationUri,
  eventsOf,
  exchangeFields,
  expectError,
  expectErrorPage,
  expectTokens,
  post,
  rows,
  type TestClient,
} from './driver.ts'

describe('Pushed authorization requests (RFC 9126)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let alice: Browser
  let client: TestClient
  let party: RelyingParty

  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    client = await addClient(server)
    party = await relyingParty(server, client)
    alice = (await authorize(server, party, ada)).alice
  })
  after(() => server?.stop())

  const parametersOf = async (parameters: Record<string, string> = {}) => {
    const { url, checks } = await authorizationRequest(party, parameters)
    return { fields: Object.fromEntries(url.searchParams), checks }
  }
  const push = async (parameters: Record<string, string> = {}) => {
    const { fields, checks } = await parametersOf(parameters)
    const reply = await post(server, '/par', client, fields)
    expect(reply.status, reply.body).to.equal(201)
    return { ...reply.json<{ request_uri: string; expires_in: number }>(), checks, reply }
  }
  const addressOf = (request_uri: string, extra: Record<string, string> = {}, who = client) =>
    `${server.issuer}/authorize?${new URLSearchParams({ client_id: who.clientId, request_uri, ...extra })}`

  it('takes a request and gives a name for it that lives a minute', async () => {
    const { request_uri, expires_in, reply } = await push()
    expect(request_uri).to.match(/^urn:ietf:params:oauth:request_uri:[\w-]{43}$/)
    expect(expires_in).to.be.within(1, 60)
    expect(reply.headers['cache-control']).to.match(/no-store/)
  })

  it('carries a sign-in of openid-client from end to end', async () => {
    const verifier = oidc.randomPKCECodeVerifier()
    const url = await oidc.buildAuthorizationUrlWithPAR(party.configuration, {
      redirect_uri: CALLBACK,
      scope: 'openid',
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state: 'from the pushed request',
    })
    expect([...url.searchParams.keys()]).to.have.members(['client_id', 'request_uri'])
    const eve = browser()
    const callback = await goThrough(eve, await eve.get(url.href), ada, server.issuer)
    expect(callback.searchParams.get('state')).to.equal('from the pushed request')
    const checks = { pkceCodeVerifier: verifier, expectedState: 'from the pushed request' }
    const tokens = await oidc.authorizationCodeGrant(party.configuration, callback, checks)
    expect(tokens.claims()).to.include({ sub: ada.id })
  })

  it('takes requests of public clients too', async () => {
    const open = await addClient(server, { preset: 'spa' })
    const { fields } = await parametersOf()
    const reply = await post(server, '/par', open, { ...fields, client_id: open.clientId })
    expect(reply.status).to.equal(201)
  })

  describe('refuses', () => {
    it('a client that does not prove who it is', async () => {
      const { fields } = await parametersOf()
      const liar = { clientId: client.clientId, secret: 'wrong' }
      expectError(await post(server, '/par', liar, fields), 401, 'invalid_client')
      expectError(
        await post(server, '/par', { clientId: client.clientId }, fields),
        401,
        'invalid_client',
      )
      expectError(await post(server, '/par', { clientId: 'nobody' }, fields), 401, 'invalid_client')
    })

    it('a request_uri inside, of whatever kind', async () => {
      const { request_uri } = await push()
      const { fields } = await parametersOf()
      for (const inner of [request_uri, 'https://rp.example.test/request.jwt', 'urn:x']) {
        const reply = await post(server, '/par', client, { ...fields, request_uri: inner })
        expect(reply.status).to.equal(400)
        expect(reply.json<{ error: string }>().error).to.be.oneOf([
          'invalid_request',
          'request_uri_not_supported',
        ])
      }
    })

    for (const [title, changes, error] of [
      [
        'an address that is not registered',
        { redirect_uri: 'https://evil.test/' },
        'invalid_request',
      ],
      ['no PKCE', { code_challenge: '' }, 'invalid_request'],
      ['plain PKCE', { code_challenge_method: 'plain' }, 'invalid_request'],
      ['another response type', { response_type: 'token' }, 'unsupported_response_type'],
      ['an unknown prompt', { prompt: 'nonsense' }, 'invalid_request'],
      ['none together with login', { prompt: 'none login' }, 'invalid_request'],
      ['an unknown resource', { resource: 'https://nobody.test' }, 'invalid_target'],
      ['a scope that no scope can be', { scope: 'openid "x"' }, 'invalid_scope'],
      ['claims that are no JSON', { claims: '{' }, 'invalid_request'],
      ['a request object that is none', { request: 'a.b.c' }, 'invalid_request_object'],
      ['the client_id of somebody else', { client_id: 'other' }, 'invalid_request'],
    ] as const) {
      it(`${title}, before anybody is sent anywhere`, async () => {
        const { fields } = await parametersOf()
        expectError(await post(server, '/par', client, { ...fields, ...changes }), 400, error)
      })
    }

    it('a name that nobody was given, or of an address elsewhere, without asking there', async () => {
      for (const uri of [
        'urn:ietf:params:oauth:request_uri:nobody',
        'urn:ietf:params:oauth:request_uri:',
        'http://127.0.0.1:1/request',
        'https://rp.example.test/request.jwt',
        'file:///etc/passwd',
      ]) {
        const reply = await alice.get(addressOf(uri))
        expectErrorPage(reply, 400)
      }
    })

    it('the name of another client, which its owner can still use', async () => {
      const other = await addClient(server)
      const { request_uri, checks } = await push()
      expectErrorPage(await alice.get(addressOf(request_uri, {}, other)), 400)
      const callback = new URL((await alice.get(addressOf(request_uri))).location!)
      expectTokens(await post(server, '/token', client, exchangeFields({ callback, checks })))
    })

    it('a second use', async () => {
      const { request_uri } = await push()
      expect(answerAt(await alice.get(addressOf(request_uri))).get('code')).to.be.a('string')
      const again = await alice.get(addressOf(request_uri))
      expect(again.location ?? '').not.to.include('code=')
      expect(again.status).to.be.below(500)
    })

    it('one whose minute is over', async () => {
      const { request_uri } = await push()
      const id = request_uri.split(':').at(-1)!
      await rows(
        server.parts.db,
        `UPDATE oidc_record SET expires_at = now() - interval '1 minute', payload = jsonb_set(
           payload::jsonb, '{exp}', to_jsonb((payload ->> 'exp')::integer - 120))::json
          WHERE model = 'PushedAuthorizationRequest' AND id_hash = $1`,
        [server.parts.codec.idHash(id)],
      )
      expectErrorPage(await alice.get(addressOf(request_uri)), 400)
    })
  })

  it('lets nothing in the address override what was pushed', async () => {
    const { request_uri, checks } = await push({ scope: 'openid' })
    const reply = await alice.get(
      addressOf(request_uri, {
        scope: 'openid email profile',
        redirect_uri: 'https://evil.test/',
        state: 'forged',
        nonce: 'forged',
        prompt: 'none',
        response_mode: 'fragment',
      }),
    )
    const answer = answerAt(reply)
    expect(answer.get('state')).to.equal(checks.expectedState)
    const callback = new URL(reply.location!)
    const tokens = expectTokens(
      await post(server, '/token', client, exchangeFields({ callback, checks })),
    )
    expect(tokens.scope).to.equal('openid')
  })

  it('is the only way in for a client that is held to it', async () => {
    const strict = await addClient(server, {
      metadata: { require_pushed_authorization_requests: true },
    })
    const direct = await alice.get(await authorizationUri(server, strict))
    expect(answerAt(direct).get('error')).to.equal('invalid_request')
    const { fields } = await parametersOf()
    const reply = await post(server, '/par', strict, { ...fields, client_id: strict.clientId })
    const { request_uri } = reply.json<{ request_uri: string }>()
    const page = await alice.get(addressOf(request_uri, {}, strict))
    expect(page.location).to.include('/interaction/')
  })

  it('leaves its refusals in the trail', async () => {
    const { fields } = await parametersOf()
    await post(server, '/par', client, { ...fields, redirect_uri: 'https://evil.test/' })
    const event = (await eventsOf(server, 'auth.token.refused')).at(-1)
    expect(event?.data).to.include({
      clientId: client.clientId,
      endpoint: 'pushed_authorization_request',
      error: 'invalid_request',
    })
  })
})

import { expect } from 'chai'
import { decodeProtectedHeader } from 'jose'
import * as oidc from 'openid-client'
import {
  type AuthCore,
  addClient,
  addPerson,
  CALLBACK,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import { authorize, goThrough, relyingParty } from '../support/relying_party.ts'
import {
  authorizationUri,
  expectErrorPage,
  expectTokens,
  post,
  signingParty,
  type TestClient,
  verifyWithJwks,
} from './driver.ts'
import { jwksOf, requestObject, VERIFIER } from './request_object.ts'

describe('Signed authorization responses (JARM)', function () {
  this.timeout(40_000)
  let server: AuthCore
  let ada: Person
  let alice: Browser
  let client: TestClient

  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    client = await addClient(server)
    alice = (await authorize(server, await relyingParty(server, client), ada)).alice
  })
  after(() => server?.stop())

  const ask = async (parameters: Record<string, string>, mind = alice, who = client) =>
    await mind.get(await authorizationUri(server, who, parameters))
  const verified = async (response: string | null, who = client) => {
    const { payload } = await verifyWithJwks(server, response ?? '', { audience: who.clientId })
    expect(payload.exp! - Date.now() / 1000).to.be.within(1, 600)
    return payload
  }
  const inQuery = ({ location }: Reply) => {
    const { searchParams, hash } = new URL(location!)
    expect([...searchParams.keys()]).to.deep.equal(['response'])
    expect(hash).to.equal('')
    return searchParams.get('response')
  }
  const inFragment = ({ location }: Reply) => {
    const { searchParams, hash } = new URL(location!)
    const answer = new URLSearchParams(hash.slice(1))
    expect([...searchParams.keys()]).to.deep.equal([])
    expect([...answer.keys()]).to.deep.equal(['response'])
    return answer.get('response')
  }
  const inForm = (reply: Reply) => {
    const [form] = reply.forms()
    expect(form).to.include({ action: CALLBACK, method: 'post' })
    expect([...form!.fields.keys()]).to.deep.equal(['response'])
    expect(reply.headers['content-security-policy']).to.include("script-src 'self'")
    return form!.fields.get('response')
  }
  const MODES: [string, (reply: Reply) => string | null][] = [
    ['jwt', inQuery],
    ['query.jwt', inQuery],
    ['fragment.jwt', inFragment],
    ['form_post.jwt', inForm],
  ]

  it('are told in discovery', async () => {
    const reply = await browser().get(`${server.issuer}/.well-known/openid-configuration`)
    const document = reply.json<Record<string, string[]>>()
    expect(document['response_modes_supported']).to.include.members(MODES.map(([mode]) => mode))
    expect(document['authorization_signing_alg_values_supported']).to.have.members([
      'ES256',
      'EdDSA',
      'RS256',
    ])
  })

  for (const [response_mode, responseOf] of MODES) {
    describe(`with response_mode=${response_mode}`, () => {
      it('carry the code, and nothing beside the JWT', async () => {
        const reply = await ask({ response_mode })
        const response = responseOf(reply)
        expect(decodeProtectedHeader(response!)['alg']).to.equal('ES256')
        const payload = await verified(response)
        expect(payload).to.have.all.keys('iss', 'aud', 'exp', 'code', 'state')
        expect(payload).to.include({ iss: server.issuer, state: 'state of the client' })
      })

      it('carry errors', async () => {
        const reply = await ask({ response_mode, prompt: 'none' }, browser())
        const payload = await verified(responseOf(reply))
        expect(payload).to.include({ error: 'login_required', state: 'state of the client' })
        expect(payload).not.to.have.property('code')
      })
    })
  }

  it('carry no state where there was none', async () => {
    const reply = await alice.get(
      await authorizationUri(server, client, { response_mode: 'jwt', state: undefined }),
    )
    expect(await verified(inQuery(reply))).not.to.have.property('state')
  })

  it('carry a sign-in of openid-client from end to end, the form of the pages included', async () => {
    const { configuration } = await relyingParty(server, client)
    oidc.useJwtResponseMode(configuration)
    const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: CALLBACK,
      scope: 'openid',
      state: 'x',
      code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    })
    expect(url.searchParams.get('response_mode')).to.equal('jwt')
    const eve = browser()
    const callback = await goThrough(eve, await eve.get(url.href), ada, server.issuer)
    const checks = { pkceCodeVerifier, expectedState: 'x' }
    const tokens = await oidc.authorizationCodeGrant(configuration, callback, checks)
    expect(tokens.claims()).to.include({ sub: ada.id })
  })

  it('are signed as the client is registered', async () => {
    for (const alg of ['RS256', 'ES256'] as const) {
      const other = await addClient(server, {
        metadata: { authorization_signed_response_alg: alg },
      })
      const reply = await ask({ response_mode: 'jwt', prompt: 'none' }, browser(), other)
      const response = inQuery(reply)
      expect(decodeProtectedHeader(response!)['alg']).to.equal(alg)
      expect(await verified(response, other)).to.include({ error: 'login_required' })
    }
  })

  it('answer a signed request whose object asks for them', async () => {
    const key = await signingParty()
    const signing = await addClient(server, { metadata: { jwks: jwksOf(key) }, firstParty: true })
    const claims = { response_mode: 'jwt' }
    const request = await requestObject(server, signing.clientId, key, { claims })
    const query = new URLSearchParams({ client_id: signing.clientId, request })
    const reply = await alice.get(`${server.issuer}/authorize?${query}`)
    const { code } = await verified(inQuery(reply), signing)
    const fields = { redirect_uri: CALLBACK, code_verifier: VERIFIER }
    const exchange = { grant_type: 'authorization_code', code: String(code), ...fields }
    expectTokens(await post(server, '/token', signing, exchange))
  })

  it('go to no address that is not registered', async () => {
    const redirect_uri = 'https://evil.test/'
    expectErrorPage(await ask({ response_mode: 'jwt', redirect_uri }), 400)
    expectErrorPage(await ask({ response_mode: 'form_post.jwt', redirect_uri }), 400)
  })

  it('are neither given nor told of where the deployment has them off', async () => {
    const without = await startAuthCore({ env: { AUTHCORE_JWT_RESPONSES: 'false' } })
    try {
      const who = await addClient(without, {
        metadata: { authorization_signed_response_alg: 'RS256' },
      })
      const uri = await authorizationUri(without, who, { response_mode: 'jwt' })
      const { searchParams } = new URL((await browser().get(uri)).location!)
      expect(searchParams.get('error')).to.equal('unsupported_response_mode')
      const reply = await browser().get(`${without.issuer}/.well-known/openid-configuration`)
      expect(reply.body).not.to.match(/\.jwt|authorization_signing/)
    } finally {
      await without.stop()
    }
  })
})

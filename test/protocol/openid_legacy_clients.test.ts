import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { sha256 } from '../../src/core/secrets.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  CALLBACK,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { browser } from '../support/http.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import { expectError, expectTokens, post, type TestClient, userinfo } from './driver.ts'

const RESPONSE_TYPES = [
  'code',
  'id_token',
  'id_token token',
  'code id_token',
  'code token',
  'code id_token token',
] as const
const LEGACY = {
  grant_types: ['authorization_code', 'implicit'] as ('authorization_code' | 'implicit')[],
  response_types: [...RESPONSE_TYPES],
}
const WITHOUT_PKCE = { code_challenge: '', code_challenge_method: '' }

/** The half hash of `at_hash` and `c_hash` (OpenID Connect Core §3.3.2.11). */
function halfHash(value: string): string {
  return sha256(value).subarray(0, 16).toString('base64url')
}

describe('Clients of the preset legacy', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let client: TestClient
  let party: RelyingParty
  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_LEGACY_CLIENTS: 'true' } })
    ada = await addPerson(server)
    client = await addClient(server, { preset: 'legacy', firstParty: true, metadata: LEGACY })
    party = await relyingParty(server, client)
  })
  after(() => server?.stop())

  async function request(parameters: Record<string, string>, at = party) {
    const { url, checks } = await authorizationRequest(at, parameters)
    for (const [name, value] of [...url.searchParams])
      if (value === '') url.searchParams.delete(name)
    return { url, checks }
  }

  async function answer(parameters: Record<string, string>, at = party) {
    const { url, checks } = await request(parameters, at)
    const mind = browser()
    const callback = await goThrough(mind, await mind.get(url.href), ada, server.issuer)
    return { callback, checks }
  }

  const fragmentOf = ({ hash }: URL) => new URLSearchParams(hash.slice(1))

  async function errorOf(parameters: Record<string, string>, at = party): Promise<string | null> {
    const { url } = await request(parameters, at)
    const { location = '' } = await browser().get(url.href)
    const { searchParams, hash } = new URL(location)
    return searchParams.get('error') ?? new URLSearchParams(hash.slice(1)).get('error')
  }

  for (const type of RESPONSE_TYPES) {
    it(`get the response type ${type} when they are registered for it`, async () => {
      const { callback, checks } = await answer({ response_type: type })
      const got = type === 'code' ? callback.searchParams : fragmentOf(callback)
      const wanted = type.split(' ')
      expect(got.has('code'), 'code').to.equal(wanted.includes('code'))
      expect(got.has('id_token'), 'id_token').to.equal(wanted.includes('id_token'))
      expect(got.has('access_token'), 'access_token').to.equal(wanted.includes('token'))
      expect(got.get('state')).to.equal(checks.expectedState)
      // RFC 9207 §2.4: an ID token says so itself.
      expect(got.get('iss')).to.equal(wanted.includes('id_token') ? null : server.issuer)
      if (type !== 'code') expect(callback.search).to.equal('')
      const idToken = got.get('id_token')
      if (idToken) {
        const claims = decodeJwt(idToken)
        expect(claims).to.include({ sub: ada.id, nonce: checks.expectedNonce, iss: server.issuer })
        const [code, token] = [got.get('code'), got.get('access_token')]
        expect(claims['c_hash']).to.equal(code ? halfHash(code) : undefined)
        expect(claims['at_hash']).to.equal(token ? halfHash(token) : undefined)
      }
      const token = got.get('access_token')
      if (token) {
        expect(got.get('token_type')).to.equal('Bearer')
        expect((await userinfo(server, token)).json()).to.include({ sub: ada.id })
      }
      const code = got.get('code')
      if (code) {
        const fields = {
          grant_type: 'authorization_code',
          code,
          redirect_uri: CALLBACK,
          code_verifier: String(checks.pkceCodeVerifier),
        }
        expectTokens(await post(server, '/token', client, fields))
      }
    })
  }

  it('get claims in an ID token that comes without an access token', async () => {
    const { callback } = await answer({ response_type: 'id_token' })
    expect(decodeJwt(fragmentOf(callback).get('id_token')!)).to.include({ email: ada.email })
  })

  it('need a nonce where an ID token comes by the browser', async () => {
    for (const response_type of ['id_token', 'id_token token', 'code id_token']) {
      expect(await errorOf({ response_type, nonce: '' })).to.equal('invalid_request')
    }
  })

  it('get nothing in the query that belongs in the fragment', async () => {
    expect(await errorOf({ response_type: 'id_token', response_mode: 'query' })).to.equal(
      'invalid_request',
    )
  })

  it('that authenticate do without PKCE, and are held to it where they began with it', async () => {
    const { callback } = await answer(WITHOUT_PKCE)
    const fields = {
      grant_type: 'authorization_code',
      code: callback.searchParams.get('code')!,
      redirect_uri: CALLBACK,
    }
    // RFC 9700 §4.8.2: a verifier for a code without challenge is a downgrade.
    const downgrade = { ...fields, code_verifier: 'v'.repeat(43) }
    expectError(await post(server, '/token', client, downgrade), 400, 'invalid_grant')
    expectTokens(await post(server, '/token', client, fields))
    const { callback: begun } = await answer({})
    const held = { ...fields, code: begun.searchParams.get('code')! }
    expectError(await post(server, '/token', client, held), 400, 'invalid_grant')
  })

  it('that do not authenticate prove with PKCE that a code is theirs', async () => {
    const open = await addClient(server, {
      preset: 'legacy',
      metadata: { token_endpoint_auth_method: 'none' },
    })
    expect(await errorOf(WITHOUT_PKCE, await relyingParty(server, open))).to.equal(
      'invalid_request',
    )
  })

  it('are alone in that: others are refused all of it', async () => {
    const modern = await relyingParty(server, await addClient(server))
    expect(await errorOf(WITHOUT_PKCE, modern)).to.equal('invalid_request')
    for (const response_type of RESPONSE_TYPES.slice(1)) {
      expect(await errorOf({ response_type }, modern), response_type).to.equal('invalid_request')
    }
  })

  it('are advertised', () => {
    const metadata = party.configuration.serverMetadata()
    expect(metadata.response_types_supported).to.have.members([...RESPONSE_TYPES])
    expect(metadata.grant_types_supported).to.include('implicit')
  })

  describe('where the deployment does not allow them', () => {
    let strict: AuthCore
    before(async () => {
      strict = await startAuthCore()
    })
    after(() => strict?.stop())

    it('are like all others', async () => {
      const given = await addClient(strict, { preset: 'legacy', metadata: LEGACY })
      const own = await relyingParty(strict, given)
      expect(own.configuration.serverMetadata().response_types_supported).to.deep.equal(['code'])
      expect(await errorOf(WITHOUT_PKCE, own)).to.equal('invalid_request')
      for (const response_type of RESPONSE_TYPES.slice(1)) {
        expect(await errorOf({ response_type }, own)).to.equal('unsupported_response_type')
      }
    })
  })
})

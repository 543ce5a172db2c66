import { expect } from 'chai'
import { exportJWK, SignJWT } from 'jose'
import * as oidc from 'openid-client'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import { authorize, type RelyingParty, relyingParty, signIn } from '../support/relying_party.ts'
import {
  addGuard,
  addService,
  dpopProof,
  exchangeFields,
  expectError,
  expectTokens,
  introspect,
  type ProofChanges,
  post,
  refresh,
  type SigningParty,
  signingParty,
  type TestClient,
  userinfo,
  verifyWithJwks,
} from './driver.ts'

describe('Proof of possession (RFC 9449)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let alice: Browser
  let open: TestClient
  let party: RelyingParty
  let service: TestClient
  let guard: TestClient
  let key: SigningParty

  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    await addApi(server)
    open = await addClient(server, { preset: 'spa' })
    party = await relyingParty(server, open)
    service = await addService(server, { resource_scopes: { [API]: ['read'] } })
    guard = await addGuard(server)
    key = await signingParty()
    alice = (await authorize(server, party, ada)).alice
  })
  after(() => server?.stop())

  const at = (path: string) => `${server.issuer}${path}`
  const proof = (changes?: Parameters<typeof dpopProof>[3], who = key) =>
    dpopProof(who, 'POST', at('/token'), changes)
  const asService = (dpop: string | string[], who: TestClient = service) =>
    post(
      server,
      '/token',
      who,
      { grant_type: 'client_credentials', resource: API },
      { headers: { dpop } },
    )
  const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' }
  const boundTokens = async (who = key) => {
    const fields = exchangeFields(
      await authorize(server, party, ada, { alice, parameters: OFFLINE }),
    )
    const headers = { dpop: await proof({}, who) }
    return expectTokens(await post(server, '/token', open, fields, { headers }))
  }

  it('binds a token to the key of its proof, and says so wherever the token is looked at', async () => {
    const tokens = expectTokens(await asService(await proof()))
    expect(tokens.token_type).to.equal('DPoP')
    const { payload } = await verifyWithJwks(server, tokens.access_token)
    expect(payload).to.deep.include({ cnf: { jkt: key.thumbprint } })
    expect(await introspect(server, guard, tokens.access_token)).to.deep.include({
      active: true,
      token_type: 'DPoP',
      cnf: { jkt: key.thumbprint },
    })
  })

  it('carries a sign-in of openid-client, with a refresh and UserInfo', async () => {
    const DPoP = oidc.getDPoPHandle(party.configuration, await oidc.randomDPoPKeyPair('ES256'))
    const { tokens } = await signIn(server, party, ada, { alice, parameters: OFFLINE, DPoP })
    expect(tokens.token_type).to.equal('dpop')
    const later = await oidc.refreshTokenGrant(
      party.configuration,
      tokens.refresh_token!,
      undefined,
      { DPoP },
    )
    const info = await oidc.fetchUserInfo(party.configuration, later.access_token, ada.id, { DPoP })
    expect(info.sub).to.equal(ada.id)
  })

  describe('refuses a proof', () => {
    const now = () => Math.floor(Date.now() / 1000)
    const REFUSED: [string, ProofChanges][] = [
      ['for another method', { claims: { htm: 'GET' } }],
      ['for another address', { claims: { htu: 'https://elsewhere.test/token' } }],
      ['for another path', { claims: { htu: 'http://localhost/introspect' } }],
      ['without an address', { claims: { htu: undefined } }],
      ['whose address is no text', { claims: { htu: 1 } }],
      ['without a method', { claims: { htm: undefined } }],
      ['without a jti', { claims: { jti: undefined } }],
      ['whose jti is no text', { claims: { jti: 7 } }],
      ['without a time', { claims: { iat: undefined } }],
      ['whose time is text', { claims: { iat: 'now' } }],
      ['of another type', { header: { typ: 'JWT' } }],
      ['without a type', { header: { typ: undefined } }],
      ['without a key', { header: { jwk: undefined } }],
      ['with a key that is none', { header: { jwk: { kty: 'oct', k: 'AAAA' } } }],
      ['whose nonce is not ours', { claims: { nonce: 'nonsense' } }],
    ]
    for (const [title, changes] of REFUSED) {
      it(title, async () => {
        const reply = await asService(await proof(changes))
        expect(reply.status, reply.body).to.equal(400)
        expect(reply.json<{ error: string }>().error).to.be.oneOf([
          'invalid_dpop_proof',
          'use_dpop_nonce',
        ])
      })
    }

    it('from an hour ago or to come, and offers a nonce with which it would be good', async () => {
      for (const age of [3_600, -3_600]) {
        const reply = await asService(await proof({ claims: { iat: now() - age } }))
        expectError(reply, 400, 'use_dpop_nonce')
        const nonce = String(reply.headers['dpop-nonce'])
        const again = await asService(await proof({ nonce, claims: { iat: now() - age } }))
        expect(expectTokens(again).token_type).to.equal('DPoP')
      }
    })

    it('that carries its private key', async () => {
      const jwk = await exportJWK(key.privateKey)
      expectError(await asService(await proof({ header: { jwk } })), 400, 'invalid_dpop_proof')
    })

    it('signed by another key than the one it shows', async () => {
      const { privateKey } = await signingParty()
      expectError(await asService(await proof({ key: privateKey })), 400, 'invalid_dpop_proof')
    })

    it('without a signature, with a shared secret, or with the signature of nothing', async () => {
      const [, payload] = (await proof()).split('.')
      const header = (fields: object) =>
        Buffer.from(JSON.stringify({ typ: 'dpop+jwt', jwk: key.jwk, ...fields })).toString(
          'base64url',
        )
      const hmac = await new SignJWT({ htm: 'POST', htu: at('/token'), jti: 'x', iat: now() })
        .setProtectedHeader({ typ: 'dpop+jwt', alg: 'HS256', jwk: key.jwk as never })
        .sign(Buffer.alloc(32))
      const psychic = `${header({ alg: 'ES256' })}.${payload}.${Buffer.alloc(64).toString('base64url')}`
      for (const bad of [
        `${header({ alg: 'none' })}.${payload}.`,
        hmac,
        psychic,
        'nonsense',
        'a.b.c',
      ]) {
        expectError(await asService(bad), 400, 'invalid_dpop_proof')
      }
    })

    it('that comes twice in one request', async () => {
      const reply = await asService([await proof(), await proof()])
      expect(reply.status).to.equal(400)
    })

    it('that was used before', async () => {
      const dpop = await proof()
      expectTokens(await asService(dpop))
      const again = await asService(dpop)
      expect(again.status).to.equal(400)
      expect(again.json<{ error: string }>().error).to.be.oneOf([
        'invalid_dpop_proof',
        'invalid_grant',
      ])
    })

    it('with a jti that was used before, even under another signature', async () => {
      expectTokens(await asService(await proof({ claims: { jti: 'the same' } })))
      const again = await asService(await proof({ claims: { jti: 'the same' } }))
      expect(again.status).to.equal(400)
    })
  })

  it('takes an address with a query, which is not part of the target', async () => {
    expectTokens(await asService(await proof({ claims: { htu: `${at('/token')}?x=y#z` } })))
  })

  describe('at UserInfo', () => {
    const get = async (
      accessToken: string,
      changes: Parameters<typeof dpopProof>[3] = {},
      who = key,
    ): Promise<Reply> =>
      userinfo(server, accessToken, {
        headers: {
          authorization: `DPoP ${accessToken}`,
          dpop: await dpopProof(who, 'GET', at('/userinfo'), { accessToken, ...changes }),
        },
      })

    it('takes the token with its key', async () => {
      const { access_token } = await boundTokens()
      expect((await get(access_token)).json()).to.include({ sub: ada.id })
    })

    it('refuses the token without proof, as Bearer, with another key, or for another token', async () => {
      const { access_token } = await boundTokens()
      const other = await signingParty()
      const bearer = await dpopProof(key, 'GET', at('/userinfo'), { accessToken: access_token })
      const replies = [
        await userinfo(server, access_token),
        await userinfo(server, access_token, {
          headers: { authorization: `DPoP ${access_token}` },
        }),
        await userinfo(server, access_token, { headers: { dpop: bearer } }),
        await get(access_token, {}, other),
        await get(access_token, { accessToken: 'another' }),
        await get(access_token, { claims: { ath: undefined } }),
        await get(access_token, { claims: { htm: 'POST' } }),
      ]
      for (const [i, reply] of replies.entries()) {
        expect(reply.status, `case ${i}: ${reply.body}`).to.be.oneOf([400, 401])
        expect(reply.headers['www-authenticate'], `case ${i}`).to.match(/DPoP|Bearer/)
      }
      expect((await get(access_token)).status).to.equal(200)
    })

    it('refuses a proof for a token that has no key', async () => {
      const fields = exchangeFields(await authorize(server, party, ada, { alice }))
      const { access_token } = expectTokens(await post(server, '/token', open, fields))
      expect((await get(access_token)).status).to.equal(401)
      expect((await userinfo(server, access_token)).status).to.equal(200)
    })
  })

  describe('a refresh token of a public client', () => {
    const renew = async (token: string, who?: SigningParty) =>
      refresh(server, open, token, who ? { headers: { dpop: await proof({}, who) } } : {})

    it('works with its key only', async () => {
      const tokens = await boundTokens()
      const thief = await signingParty()
      expectError(await renew(tokens.refresh_token!), 400, 'invalid_grant')
      expectError(await renew(tokens.refresh_token!, thief), 400, 'invalid_grant')
      const next = expectTokens(await renew(tokens.refresh_token!, key))
      expect(next.token_type).to.equal('DPoP')
      expect(next.refresh_token).not.to.equal(tokens.refresh_token)
    })

    it('is given again to its key within the retry window, for the key tells it from a thief', async () => {
      const { refresh_token } = await boundTokens()
      const first = expectTokens(await renew(refresh_token!, key))
      const second = expectTokens(await renew(refresh_token!, key))
      expect(second.refresh_token).to.equal(first.refresh_token)
      const thief = await renew(refresh_token!, await signingParty())
      expectError(thief, 400, 'invalid_grant')
      expectTokens(await renew(first.refresh_token!, key))
    })
  })

  describe('a code', () => {
    const exchange = async (parameters: Record<string, string>, who?: SigningParty) => {
      const signedIn = await authorize(server, party, ada, { alice, parameters })
      const headers = who ? { dpop: await proof({}, who) } : {}
      return await post(server, '/token', open, exchangeFields(signedIn), { headers })
    }

    it('that was asked for with dpop_jkt is exchanged with that key only', async () => {
      const bound = { dpop_jkt: key.thumbprint }
      expectError(await exchange(bound), 400, 'invalid_grant')
      expectError(await exchange(bound, await signingParty()), 400, 'invalid_grant')
      expectTokens(await exchange(bound, key))
    })
  })

  it('is demanded of a client that is registered for it', async () => {
    const strict = await addService(server, {
      resource_scopes: { [API]: ['read'] },
      dpop_bound_access_tokens: true,
    })
    const fields = { grant_type: 'client_credentials', resource: API }
    const reply = await post(server, '/token', strict, fields)
    expect(reply.status).to.equal(400)
    expectTokens(await asService(await proof(), strict))
  })

  it('is in discovery, with asymmetric algorithms only', async () => {
    const { dpop_signing_alg_values_supported: algs } = (
      await browser().get(at('/.well-known/openid-configuration'))
    ).json<{ dpop_signing_alg_values_supported: string[] }>()
    expect(algs).to.include('ES256').and.not.to.include.members(['HS256'])
    for (const alg of algs) expect(alg).to.match(/^(ES|PS|RS)256$|^Ed/)
    for (const alg of algs.filter((name) => name !== 'EdDSA')) {
      const own = await signingParty(alg)
      expectTokens(await asService(await proof({}, own)))
    }
  })
})

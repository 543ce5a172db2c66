import { expect } from 'chai'
import * as jose from 'jose'
import { createResourceServer } from '../../src/domain/clients/create_resource_server.ts'
import { compose } from '../../src/main/compose.ts'
import { startWebServer } from '../../src/main/server.ts'
import { openStorage } from '../../src/main/storage.ts'
import { rotateSigningKeyNow } from '../../src/platform/keys/rotate_signing_keys.ts'
import { createMetrics } from '../../src/platform/observability/metrics.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import { type Browser, browser } from '../support/http.ts'
import { authorize, type RelyingParty, relyingParty } from '../support/relying_party.ts'
import {
  addService,
  exchangeFields,
  expectTokens,
  post,
  refreshFields,
  type TestClient,
  verifyWithJwks,
} from './driver.ts'

describe('JWT access tokens (RFC 9068) and the keys that sign', function () {
  this.timeout(40_000)
  let server: AuthCore
  let ada: Person
  let alice: Browser
  let client: TestClient
  let party: RelyingParty
  let service: TestClient

  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    await addApi(server)
    client = await addClient(server)
    party = await relyingParty(server, client)
    alice = (await authorize(server, party, ada)).alice
    service = await addService(server, { resource_scopes: { [API]: ['read'] } })
  })
  after(() => server?.stop())

  const tokensOf = async (parameters: Record<string, string> = {}) => {
    const all = {
      scope: 'openid offline_access read',
      resource: API,
      prompt: 'consent',
      ...parameters,
    }
    const fields = exchangeFields(await authorize(server, party, ada, { alice, parameters: all }))
    return expectTokens(await post(server, '/token', client, { ...fields, resource: API }))
  }
  const ofService = async (resource = API) =>
    expectTokens(
      await post(server, '/token', service, { grant_type: 'client_credentials', resource }),
    ).access_token

  it('say who, for whom, by whom, how and when, and verify by the published keys alone', async () => {
    const { access_token, expires_in } = await tokensOf({ max_age: '3600' })
    const { payload, protectedHeader } = await verifyWithJwks(server, access_token, {
      audience: API,
      typ: 'at+jwt',
      requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id'],
    })
    expect(protectedHeader).to.include({ alg: 'ES256', typ: 'at+jwt' })
    expect(protectedHeader.kid).to.be.a('string')
    expect(payload).to.include({
      iss: server.issuer,
      sub: ada.id,
      aud: API,
      client_id: client.clientId,
      scope: 'read',
      acr: 'urn:authcore:acr:pwd',
    })
    expect(payload['amr']).to.deep.equal(['pwd'])
    expect(payload['auth_time']).to.be.closeTo(Date.now() / 1000, 60)
    expect(payload.exp! - payload.iat!).to.equal(expires_in)
  })

  it('carry no more than that: no name, no address, nothing that opens a door', async () => {
    const { access_token } = await tokensOf({ scope: 'openid email profile read' })
    expect(jose.decodeJwt(access_token)).to.have.all.keys(
      'iss',
      'sub',
      'aud',
      'exp',
      'iat',
      'jti',
      'client_id',
      'scope',
      'acr',
      'amr',
      'auth_time',
      'gid',
    )
  })

  it('keep the time of the sign-in through refreshes', async () => {
    const first = await tokensOf()
    const fields = { ...refreshFields(first.refresh_token!), resource: API }
    const next = expectTokens(await post(server, '/token', client, fields))
    const [before, after] = [jose.decodeJwt(first.access_token), jose.decodeJwt(next.access_token)]
    expect(after['auth_time']).to.equal(before['auth_time'])
    expect(after.jti).not.to.equal(before.jti)
  })

  it('cannot be taken for an ID token, nor an ID token for one', async () => {
    const { access_token, id_token } = await tokensOf()
    const { payload, protectedHeader } = await verifyWithJwks(server, id_token!)
    expect(protectedHeader.typ).to.not.equal('at+jwt')
    expect(payload.aud).to.equal(client.clientId)
    const wrong = verifyWithJwks(server, access_token, { audience: client.clientId })
    expect(await wrong.catch((error) => error.code)).to.equal('ERR_JWT_CLAIM_VALIDATION_FAILED')
  })

  it('are signed with the algorithm of their API, and live as long as it wants', async () => {
    for (const alg of ['RS256', 'EdDSA'] as const) {
      const identifier = `https://${alg.toLowerCase()}.example.test`
      await createResourceServer(server.parts, {
        identifier,
        name: alg,
        scopes: [{ name: 'read' }],
        signingAlgorithm: alg,
        accessTokenTtlS: 120,
      })
      const own = await addService(server, { resource_scopes: { [identifier]: ['read'] } })
      const fields = { grant_type: 'client_credentials', resource: identifier }
      const { access_token, expires_in } = expectTokens(await post(server, '/token', own, fields))
      expect(expires_in).to.equal(120)
      const { protectedHeader } = await verifyWithJwks(server, access_token, {
        audience: identifier,
      })
      expect(protectedHeader.alg).to.be.oneOf([alg, 'Ed25519'])
    }
  })

  describe('when the signing key is rotated', () => {
    const kidOf = (token: string) => String(jose.decodeProtectedHeader(token).kid)
    const publishedBy = async (issuer: string) =>
      (await browser().get(`${issuer}/jwks`))
        .json<{ keys: { kid: string }[] }>()
        .keys.map(({ kid }) => kid)
    const within = async (ms: number, holds: () => Promise<boolean>) => {
      const deadline = Date.now() + ms
      while (!(await holds())) {
        if (Date.now() > deadline) throw new Error(`did not come to hold within ${ms} ms`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }

    it('signs with the new one within a second, and what the old one signed still verifies', async () => {
      const old = await ofService()
      const hint = (await tokensOf()).id_token!
      await rotateSigningKeyNow(server.parts, 'ES256')
      await within(1_000, async () => kidOf(await ofService()) !== kidOf(old))
      const young = await ofService()
      const published = await publishedBy(server.issuer)
      expect(published).to.include(kidOf(old)).and.to.include(kidOf(young))
      for (const token of [old, young]) await verifyWithJwks(server, token, { audience: API })
      const again = await authorize(server, party, ada, {
        alice,
        parameters: { scope: 'openid', prompt: 'none', id_token_hint: hint },
      })
      expect(again.callback.searchParams.get('code')).to.be.a('string')
    })

    it('changes the tag of the key set', async () => {
      const before = (await browser().get(`${server.issuer}/jwks`)).headers['etag']
      await rotateSigningKeyNow(server.parts, 'EdDSA')
      await within(1_000, async () => {
        const now = await browser().get(`${server.issuer}/jwks`)
        return now.headers['etag'] !== before
      })
    })

    it('tells every other server on the same database', async () => {
      const port = await freePort()
      const { config, log } = server.parts
      const own = { ...config, server: { ...config.server, port } }
      const storage = await openStorage(own, { log: () => {} })
      const parts = await compose({ config: own, log, metrics: createMetrics(), storage })
      const web = await startWebServer(parts)
      try {
        const other = `http://localhost:${port}`
        expect(await publishedBy(other)).to.have.members(await publishedBy(server.issuer))
        await rotateSigningKeyNow(server.parts, 'ES256')
        await within(1_000, async () => {
          const [mine, theirs] = [await publishedBy(server.issuer), await publishedBy(other)]
          return mine.length === theirs.length && mine.every((kid) => theirs.includes(kid))
        })
        await within(1_000, async () =>
          (await publishedBy(other)).includes(kidOf(await ofService())),
        )
      } finally {
        await web.http.stop()
        await parts.close()
        await storage.close().catch(() => {})
      }
    })

    it('fails nobody who signs in or verifies meanwhile', async () => {
      let rotating = true
      const keys = jose.createRemoteJWKSet(new URL(`${server.issuer}/jwks`), {
        cooldownDuration: 0,
      })
      const work = Array.from({ length: 4 }, async () => {
        let done = 0
        while (rotating) {
          await jose.jwtVerify(await ofService(), keys, { issuer: server.issuer, audience: API })
          done += 1
        }
        return done
      })
      for (let round = 0; round < 3; round++) {
        await rotateSigningKeyNow(server.parts, 'ES256')
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      rotating = false
      for (const done of await Promise.all(work)) expect(done).to.be.above(0)
    })
  })
})

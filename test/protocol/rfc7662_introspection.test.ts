import { expect } from 'chai'
import {
  type CryptoKey,
  decodeJwt,
  decodeProtectedHeader,
  importJWK,
  type JWK,
  SignJWT,
} from 'jose'
import { disableAccount, enableAccount } from '../../src/domain/accounts/block_account.ts'
import { deleteAccount } from '../../src/domain/accounts/delete_account.ts'
import { disableClient } from '../../src/domain/clients/block_client.ts'
import {
  retireSigningKey,
  rotateSigningKeyNow,
} from '../../src/platform/keys/rotate_signing_keys.ts'
import { listPublishedSigningKeys } from '../../src/platform/keys/signing_key_store.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { browser } from '../support/http.ts'
import { authorize, relyingParty } from '../support/relying_party.ts'
import {
  addGuard,
  addService,
  basic,
  eventsOf,
  exchangeFields,
  expectError,
  expectTokens,
  introspect,
  post,
  refreshFields,
  revoke,
  type TestClient,
  verifyWithJwks,
} from './driver.ts'

describe('Token introspection (RFC 7662)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let client: TestClient
  let guard: TestClient

  before(async () => {
    server = await startAuthCore()
    await addApi(server)
    client = await addClient(server)
    guard = await addGuard(server)
  })
  after(() => server?.stop())

  /** Every kind of token there is, of one sign-in. */
  async function tokensOf(person: Person, of = client) {
    const party = await relyingParty(server, of)
    const parameters = {
      scope: 'openid offline_access read',
      resource: API,
      prompt: 'consent',
      acr_values: 'urn:authcore:acr:pwd',
    }
    const fields = exchangeFields(await authorize(server, party, person, { parameters }))
    const opaque = expectTokens(await post(server, '/token', of, fields))
    const jwt = expectTokens(
      await post(server, '/token', of, { ...refreshFields(opaque.refresh_token!), resource: API }),
    )
    return {
      opaque: opaque.access_token,
      jwt: jwt.access_token,
      refresh: jwt.refresh_token!,
      idToken: opaque.id_token!,
    }
  }
  const INACTIVE = { active: false }

  async function expectAll(tokens: object, active: boolean, who = guard): Promise<void> {
    for (const [kind, token] of Object.entries(tokens).filter(([name]) => name !== 'idToken')) {
      const answer = await introspect(server, who, token as string)
      if (active) expect(answer, kind).to.include({ active })
      else expect(answer, kind).to.deep.equal(INACTIVE)
    }
  }

  it('tells about an opaque token, a JWT and a refresh token alike', async () => {
    const ada = await addPerson(server)
    const tokens = await tokensOf(ada)
    const expected = { active: true, sub: ada.id, client_id: client.clientId, iss: server.issuer }
    const opaque = await introspect(server, guard, tokens.opaque)
    expect(opaque).to.include({ ...expected, token_type: 'Bearer', scope: 'openid offline_access' })
    const jwt = await introspect(server, guard, tokens.jwt)
    expect(jwt).to.include({ ...expected, token_type: 'Bearer', scope: 'read', aud: API })
    expect(jwt).to.include({ acr: 'urn:authcore:acr:pwd' })
    expect(jwt['auth_time']).to.be.a('number')
    expect(jwt['exp']).to.equal(decodeJwt(tokens.jwt).exp)
    expect(await introspect(server, guard, tokens.refresh)).to.include(expected)
    for (const answer of [opaque, jwt]) {
      expect(JSON.stringify(answer)).not.to.include(tokens.opaque).and.not.to.include(tokens.jwt)
      expect(answer).not.to.have.any.keys('gid', 'sessionUid', 'grantId')
    }
  })

  it('does not mind a wrong hint', async () => {
    const tokens = await tokensOf(await addPerson(server))
    for (const hint of ['access_token', 'refresh_token', 'nonsense', '']) {
      for (const token of [tokens.opaque, tokens.jwt, tokens.refresh]) {
        expect(await introspect(server, guard, token, hint)).to.include({ active: true })
      }
    }
  })

  it('says nothing but inactive of what is no live token', async () => {
    const ada = await addPerson(server)
    const { idToken, jwt } = await tokensOf(ada)
    const [header, payload, signature] = jwt.split('.') as [string, string, string]
    const forged = Buffer.from(JSON.stringify({ ...decodeJwt(jwt), scope: 'write' })).toString(
      'base64url',
    )
    const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')
    for (const token of [
      'nobody',
      'x'.repeat(10_000),
      idToken,
      `${header}.${forged}.${signature}`,
      `${none}.${payload}.`,
      `${header}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
      `${header}.${payload}`,
      'a.b.c',
      '🙂',
    ]) {
      expect(await introspect(server, guard, token), token.slice(0, 40)).to.deep.equal(INACTIVE)
    }
  })

  it('looks at every word of a JWT that our own key signed', async () => {
    const { jwt } = await tokensOf(await addPerson(server))
    const claims = decodeJwt(jwt)
    const keys = await listPublishedSigningKeys(server.parts.db, server.parts.keyring)
    const { kid, privateJwk } = keys.find(
      ({ algorithm, state }) => algorithm === 'ES256' && state === 'current',
    )!
    const key = (await importJWK(privateJwk as JWK, 'ES256')) as CryptoKey
    const sign = (changes: object, typ = 'at+jwt') =>
      new SignJWT({ ...claims, ...changes })
        .setProtectedHeader({ alg: 'ES256', kid, typ })
        .sign(key)
    expect(await introspect(server, guard, await sign({}))).to.include({ active: true })
    for (const token of [
      await sign({ exp: Math.floor(Date.now() / 1000) - 5 }),
      await sign({ nbf: Math.floor(Date.now() / 1000) + 300 }),
      await sign({ iss: 'https://elsewhere.test' }),
      await sign({ client_id: 'nobody' }),
      await sign({ gid: Buffer.alloc(32).toString('base64url') }),
      await sign({ sub: '01900000-0000-7000-8000-000000000000' }),
      await sign({}, 'JWT'),
      await sign({}, 'logout+jwt'),
    ]) {
      expect(await introspect(server, guard, token)).to.deep.equal(INACTIVE)
    }
  })

  it('ends with the key that signed, when that is withdrawn', async () => {
    const { jwt } = await tokensOf(await addPerson(server))
    const { kid } = decodeProtectedHeader(jwt)
    await rotateSigningKeyNow(server.parts, 'ES256')
    await server.parts.runtime.refresh()
    expect(await introspect(server, guard, jwt)).to.include({ active: true })
    await retireSigningKey(server.parts, String(kid))
    await server.parts.runtime.refresh()
    expect(await introspect(server, guard, jwt)).to.deep.equal(INACTIVE)
  })

  it('is never stored', async () => {
    const reply = await post(server, '/introspect', guard, { token: 'x' })
    expect(reply.headers['cache-control']).to.match(/no-store/)
    expect(reply.headers['content-type']).to.match(/^application\/json/)
  })

  it('wants a token, and a client that says who it is', async () => {
    expectError(await post(server, '/introspect', guard, {}), 400, 'invalid_request')
    expectError(
      await post(server, '/introspect', guard, { token: ['a', 'b'] }),
      400,
      'invalid_request',
    )
    const bare = await browser().post(`${server.issuer}/introspect`, { token: 'x' })
    expectError(bare, 400, 'invalid_request')
    const liar = { ...guard, secret: 'wrong' }
    expectError(await post(server, '/introspect', liar, { token: 'x' }), 401, 'invalid_client')
    const event = (await eventsOf(server, 'auth.client.authentication_failed')).at(-1)
    expect(event?.data).to.include({ clientId: guard.clientId, endpoint: 'introspection' })
  })

  it('tells a client about its own tokens, and a public client nothing', async () => {
    const ada = await addPerson(server)
    const tokens = await tokensOf(ada)
    await expectAll(tokens, true, client)
    await expectAll(tokens, false, await addClient(server))
    await expectAll(tokens, false, await addService(server))
    const open = await addClient(server, { preset: 'spa' })
    await expectAll(await tokensOf(ada, open), false, open)
  })

  it('forgets a person who is disabled, at once, and remembers when they are back', async () => {
    const eve = await addPerson(server)
    const tokens = await tokensOf(eve)
    await expectAll(tokens, true)
    await disableAccount(server.parts, eve.id)
    await expectAll(tokens, false)
    await enableAccount(server.parts, eve.id)
    await expectAll(tokens, true)
  })

  it('forgets a person who is deleted', async () => {
    const eve = await addPerson(server)
    const tokens = await tokensOf(eve)
    await deleteAccount(server.parts, eve.id)
    await expectAll(tokens, false)
  })

  it('forgets the tokens of a client that is disabled, and never fails over them', async () => {
    const fleeting = await addClient(server)
    const tokens = await tokensOf(await addPerson(server), fleeting)
    await disableClient(server.parts, fleeting.clientId)
    await new Promise((resolve) => setTimeout(resolve, 150))
    await expectAll(tokens, false)
  })

  it('forgets everything of a grant that is revoked', async () => {
    const tokens = await tokensOf(await addPerson(server))
    expect((await revoke(server, client, tokens.refresh)).status).to.equal(200)
    await expectAll(tokens, false)
  })

  it('answers with a signed JWT where the client is registered for one (RFC 9701)', async () => {
    const signing = await addService(server, {
      introspection: 'any',
      introspection_signed_response_alg: 'ES256',
    })
    const tokens = await tokensOf(await addPerson(server))
    for (const token of [tokens.opaque, tokens.jwt, 'nobody']) {
      const reply = await post(
        server,
        '/introspect',
        signing,
        { token },
        {
          headers: { accept: 'application/token-introspection+jwt' },
        },
      )
      expect(reply.status, reply.body).to.equal(200)
      expect(reply.headers['content-type']).to.match(/^application\/token-introspection\+jwt/)
      const { payload } = await verifyWithJwks(server, reply.body, {
        typ: 'token-introspection+jwt',
      })
      expect(payload['token_introspection']).to.include({ active: token !== 'nobody' })
    }
    const plain = await post(server, '/introspect', signing, { token: tokens.jwt })
    expect(plain.json()).to.include({ active: true })
  })

  it('reads no token from the query', async () => {
    const { opaque } = await tokensOf(await addPerson(server))
    const reply = await browser().post(
      `${server.issuer}/introspect?token=${opaque}`,
      {},
      {
        headers: { authorization: basic(guard) },
      },
    )
    expectError(reply, 400, 'invalid_request')
  })
})

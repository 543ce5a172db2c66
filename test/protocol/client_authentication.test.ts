import { expect } from 'chai'
import {
  type CryptoKey,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  importJWK,
  SignJWT,
  UnsecuredJWT,
} from 'jose'
import { disableClient } from '../../src/domain/clients/block_client.ts'
import { API, type AuthCore, addApi, addClient, startAuthCore } from '../support/authcore.ts'
import { browser, type Reply } from '../support/http.ts'
import {
  addService,
  basic,
  clientAssertion,
  eventsOf,
  expectError,
  expectTokens,
  type ProofChanges,
  post,
  type SigningParty,
  signingParty,
  type TestClient,
} from './driver.ts'

describe('Client authentication (RFC 6749 §2.3, RFC 7523)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let key: SigningParty

  before(async () => {
    server = await startAuthCore()
    await addApi(server)
    key = await signingParty()
  })
  after(() => server?.stop())

  const SERVICE = { resource_scopes: { [API]: ['read'] } }
  const grant = { grant_type: 'client_credentials', resource: API }
  const withHeader = (authorization: string, fields: Record<string, string> = {}) =>
    post(server, '/token', undefined, { ...grant, ...fields }, { headers: { authorization } })
  const withForm = (fields: Record<string, string>) =>
    post(server, '/token', undefined, { ...grant, ...fields })

  function expectRefused(reply: Reply, error = 'invalid_client'): void {
    expectError(reply, error === 'invalid_client' ? 401 : 400, error)
  }

  describe('with a secret', () => {
    let client: TestClient
    let posting: TestClient
    before(async () => {
      client = await addService(server, SERVICE)
      posting = await addService(server, {
        ...SERVICE,
        token_endpoint_auth_method: 'client_secret_post',
      })
    })

    it('takes it in the header and in the form', async () => {
      expectTokens(await withHeader(basic(client)))
      const { clientId, secret } = posting
      expectTokens(await withForm({ client_id: clientId, client_secret: secret! }))
    })

    it('takes one with characters that must be encoded', async () => {
      const secret = 'a:b%c+d e&f=ü'.normalize().replace(/[^\x21-\x7e]/g, '~')
      const odd = await addClient(server, {
        preset: 'service',
        clientId: 'a:client+with%characters',
        secret: `${secret}0123456789`,
        metadata: SERVICE,
      })
      expectTokens(await withHeader(basic(odd)))
    })

    it('refuses a wrong one, none, and somebody else’s, and says how to authenticate', async () => {
      const stranger = await addService(server, SERVICE)
      for (const secret of [
        'wrong',
        `${client.secret}x`,
        client.secret!.slice(1),
        stranger.secret!,
      ]) {
        const reply = await withHeader(basic({ ...client, secret }))
        expectRefused(reply)
        expect(reply.headers['www-authenticate']).to.match(/^Basic realm="/)
      }
      expectRefused(await withForm({ client_id: client.clientId }))
      const event = (await eventsOf(server, 'auth.client.authentication_failed')).at(-1)
      expect(event).to.deep.include({ subject: client.clientId })
      expect(event?.data).to.include({ endpoint: 'grant' })
      expect(JSON.stringify(event)).not.to.include('wrong')
    })

    it('answers alike for a client that is unknown, disabled, or gave a wrong secret', async () => {
      const disabled = await addService(server, SERVICE)
      await disableClient(server.parts, disabled.clientId)
      const replies = [
        await withHeader(basic({ clientId: 'nobody', secret: 'x' })),
        await withHeader(basic({ ...client, secret: 'x' })),
      ]
      await new Promise((resolve) => setTimeout(resolve, 100))
      replies.push(await withHeader(basic(disabled)))
      const bodies = new Set(replies.map(({ status, body }) => `${status} ${body}`))
      expect([...bodies]).to.have.length(1)
    })

    it('refuses two methods at once', async () => {
      const reply = await withHeader(basic(client), {
        client_id: client.clientId,
        client_secret: client.secret!,
      })
      expectRefused(reply, 'invalid_request')
      const assertion = await clientAssertion(server, client.clientId, key)
      expectRefused(await withHeader(basic(client), assertion), 'invalid_request')
    })

    it('refuses a client_id beside the header that is another one', async () => {
      expectRefused(await withHeader(basic(client), { client_id: 'other' }), 'invalid_request')
      expectTokens(await withHeader(basic(client), { client_id: client.clientId }))
    })

    it('refuses a method that the client is not registered for', async () => {
      const assertion = await clientAssertion(server, client.clientId, key)
      expectRefused(await withForm(assertion))
      const open = await addClient(server, { preset: 'spa' })
      expectRefused(await withHeader(basic({ clientId: open.clientId, secret: 'x' })))
    })

    it('refuses a header that is malformed, without a word of what was read', async () => {
      const base64 = (bytes: string | Buffer) => `Basic ${Buffer.from(bytes).toString('base64')}`
      const { clientId } = client
      for (const header of [
        'Basic',
        'Basic ',
        'Basic !!!!',
        'Basic YQ',
        'Basic a b',
        base64(clientId),
        base64(':'),
        base64(`${clientId}:`),
        base64(`${clientId}:%zz`),
        base64(`${clientId}:%ff`),
        base64(Buffer.from([0xff, 0xfe, 0x3a, 0xff])),
        base64(`${clientId}:a\0b`),
        base64(`${clientId}:a%00b`),
        base64(`${'a'.repeat(6_000)}:b`),
        'Bearer x',
        'Digest username="x"',
        'Negotiate YII=',
      ]) {
        const reply = await withHeader(header)
        expect(reply.status, header.slice(0, 60)).to.be.oneOf([400, 401])
        expect(reply.json<{ error: string }>().error).to.be.oneOf([
          'invalid_request',
          'invalid_client',
        ])
        expect(reply.body).not.to.include('a'.repeat(100))
      }
    })

    it('closes on a header of 100 kB', async () => {
      const reply = await withHeader(`Basic ${'QUFB'.repeat(25_000)}`).catch(() => undefined)
      if (reply) expect(reply.status).to.equal(431)
      expectTokens(await withHeader(basic(client)))
    })
  })

  describe('with an assertion (private_key_jwt)', () => {
    let clientId: string
    before(async () => {
      const { clientId: id } = await addService(server, {
        ...SERVICE,
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...key.jwk }] },
      })
      clientId = id
    })

    const now = () => Math.floor(Date.now() / 1000)
    const send = async (changes: ProofChanges = {}, path = '/token') => {
      const assertion = await clientAssertion(server, clientId, key, changes)
      return await post(server, path, undefined, { ...grant, ...assertion })
    }

    it('takes one whose audience is the issuer', async () => {
      expectTokens(await send())
    })

    it('takes it at every endpoint where clients say who they are', async () => {
      for (const [path, fields, status] of [
        ['/introspect', { token: 'x' }, 200],
        ['/revoke', { token: 'x' }, 200],
      ] as const) {
        const assertion = await clientAssertion(server, clientId, key)
        expect((await post(server, path, undefined, { ...fields, ...assertion })).status).to.equal(
          status,
        )
      }
    })

    const REFUSED: [string, ProofChanges][] = [
      ['another audience', { claims: { aud: 'https://elsewhere.test' } }],
      ['no audience', { claims: { aud: undefined } }],
      ['a list of audiences', { claims: { aud: ['https://elsewhere.test'] } }],
      ['another issuer', { claims: { iss: 'somebody' } }],
      ['no issuer', { claims: { iss: undefined } }],
      ['no subject', { claims: { sub: undefined } }],
      ['no jti', { claims: { jti: undefined } }],
      ['no exp', { claims: { exp: undefined } }],
      ['a life of a year', { claims: { exp: Math.floor(Date.now() / 1000) + 31_536_000 } }],
      ['a life that is over', { claims: { exp: Math.floor(Date.now() / 1000) - 60 } }],
      ['an exp that is text', { claims: { exp: 'tomorrow' } }],
      ['a time to come', { claims: { nbf: Math.floor(Date.now() / 1000) + 300 } }],
      ['an unknown critical header', { header: { crit: ['exp2'], exp2: 1 } }],
      ['b64=false', { header: { crit: ['b64'], b64: false } }],
    ]
    for (const [title, changes] of REFUSED) {
      it(`refuses ${title}`, async () => {
        const sending = send(changes)
        const reply = await sending.catch((error: Error) => error)
        // What cannot even be signed by an honest library needs no test of ours.
        if (reply instanceof Error) return
        expect(reply.status, reply.body).to.be.oneOf([400, 401])
        expect(reply.json<{ error: string }>().error).to.be.oneOf([
          'invalid_client',
          'invalid_request',
        ])
      })
    }

    it('refuses the token endpoint as the audience, and the issuer among others', async () => {
      const { issuer } = server
      for (const aud of [
        `${issuer}/token`,
        [issuer],
        [issuer, 'https://elsewhere.test'],
        `${issuer}/`,
      ]) {
        expectRefused(await send({ claims: { aud } }))
      }
    })

    it('refuses it a second time, at another endpoint too', async () => {
      const assertion = await clientAssertion(server, clientId, key)
      expectTokens(await withForm(assertion))
      expectRefused(await withForm(assertion))
      const elsewhere = await post(server, '/introspect', undefined, { token: 'x', ...assertion })
      expectRefused(elsewhere)
    })

    it('refuses the signature of another key', async () => {
      const { privateKey } = await signingParty()
      expectRefused(await send({ key: privateKey }))
    })

    it('refuses no signature, and one with the public key as a shared secret', async () => {
      const claims = {
        iss: clientId,
        sub: clientId,
        aud: server.issuer,
        jti: 'x',
        exp: now() + 60,
      }
      const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
      const unsigned = new UnsecuredJWT(claims).encode()
      const publicKey = (await importJWK(key.jwk, 'ES256')) as CryptoKey
      const confused = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256' })
        .sign(Buffer.from(await exportSPKI(publicKey)))
      const psychic = `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.${Buffer.from(
        JSON.stringify(claims),
      ).toString('base64url')}.${Buffer.alloc(64).toString('base64url')}`
      for (const client_assertion of [unsigned, confused, psychic, 'a.b.c', 'nonsense', '']) {
        const fields = { client_id: clientId, client_assertion_type: type, client_assertion }
        const reply = await withForm(fields)
        expect(reply.status, client_assertion.slice(0, 40)).to.be.oneOf([400, 401])
      }
    })

    it('fetches no key from where the assertion says', async () => {
      const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
      const jwk = await exportJWK(publicKey)
      for (const header of [
        { jwk },
        { jku: 'http://127.0.0.1:1/keys' },
        { x5u: 'http://127.0.0.1:1/cert' },
        { kid: '../../../../dev/null' },
        { kid: "' OR 1=1 --" },
        { kid: 'x'.repeat(10_000) },
      ]) {
        expectRefused(await send({ header, key: privateKey }))
      }
    })

    it('refuses another type of assertion, and an assertion without a type', async () => {
      const { client_assertion } = await clientAssertion(server, clientId, key)
      for (const client_assertion_type of [
        'urn:ietf:params:oauth:client-assertion-type:saml2-bearer',
        '',
      ]) {
        const reply = await withForm({ client_assertion: client_assertion!, client_assertion_type })
        expectRefused(reply, 'invalid_request')
      }
    })

    it('refuses the assertion of one client for another', async () => {
      const other = await addService(server, {
        ...SERVICE,
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...(await signingParty()).jwk }] },
      })
      expectRefused(
        await send({ claims: { iss: other.clientId, sub: other.clientId } }),
        'invalid_request',
      )
      const assertion = await clientAssertion(server, other.clientId, key)
      expectRefused(await withForm(assertion))
    })

    for (const alg of ['RS256', 'PS256', 'ES384', 'EdDSA']) {
      it(`takes ${alg} where it is registered, and then nothing else`, async () => {
        const own = await signingParty(alg)
        const service = await addService(server, {
          ...SERVICE,
          token_endpoint_auth_method: 'private_key_jwt',
          token_endpoint_auth_signing_alg: alg as 'RS256',
          jwks: { keys: [{ ...own.jwk }, { ...key.jwk, kid: 'other' }] },
        })
        expectTokens(await withForm(await clientAssertion(server, service.clientId, own)))
        expectRefused(await withForm(await clientAssertion(server, service.clientId, key)))
      })
    }
  })

  describe('of a public client', () => {
    it('is its client_id alone', async () => {
      const { clientId } = await addClient(server, { preset: 'spa' })
      const reply = await withForm({
        client_id: clientId,
        grant_type: 'refresh_token',
        refresh_token: 'x',
      })
      expectError(reply, 400, 'invalid_grant')
    })

    describe('that names itself in a header with an empty password (RFC 6749 §2.3.1)', () => {
      const fields = { grant_type: 'refresh_token', refresh_token: 'x' }
      let header: string
      let clientId: string
      before(async () => {
        clientId = (await addClient(server, { preset: 'device', clientId: 'a:tool+of%mine' }))
          .clientId
        header = basic({ clientId })
      })
      const send = (more: Record<string, string> = {}, path = '/token', authorization = header) =>
        post(server, path, undefined, { ...fields, ...more }, { headers: { authorization } })

      it('is known by it at every endpoint that it may use', async () => {
        expectError(await send(), 400, 'invalid_grant')
        expectError(await send({ client_id: clientId }), 400, 'invalid_grant')
        expect((await send({ token: 'x' }, '/revoke')).status).to.equal(200)
        const answer = await send({ scope: 'openid' }, '/device_authorization')
        expect(answer.status, answer.body).to.equal(200)
        expect(answer.json()).to.have.property('user_code')
      })

      it('is known by it in a form that does not announce its length', async () => {
        const reply = await fetch(`${server.issuer}/token`, {
          method: 'POST',
          headers: { authorization: header, 'content-type': 'application/x-www-form-urlencoded' },
          body: new Blob([new URLSearchParams(fields).toString()]).stream(),
          duplex: 'half',
        })
        expect(await reply.json()).to.include({ error: 'invalid_grant' })
      })

      it('proves nothing by it', async () => {
        expectRefused(await send({ grant_type: 'client_credentials' }), 'invalid_request')
        const reply = await send({ token: 'x' }, '/introspect')
        expect([reply.status, reply.json()]).to.deep.equal([200, { active: false }])
      })

      it('is refused where it gives a secret or an assertion as well', async () => {
        expectRefused(await send({ client_secret: 'x' }))
        const assertion = await clientAssertion(server, clientId, key)
        expectRefused(await send({ ...assertion }))
        for (const secret of [' ', 'x', clientId]) {
          expectRefused(await send({}, '/token', basic({ clientId, secret })))
        }
      })

      it('is refused where the form names another client, or two', async () => {
        const other = await addClient(server, { preset: 'spa' })
        expectRefused(await send({ client_id: other.clientId }), 'invalid_request')
        const twice = { ...fields, client_id: [clientId, other.clientId] }
        const headers = { authorization: header }
        expectRefused(
          await post(server, '/token', undefined, twice, { headers }),
          'invalid_request',
        )
        const same = { ...fields, client_id: [clientId, clientId] }
        expectRefused(await post(server, '/token', undefined, same, { headers }), 'invalid_request')
      })

      it('is not believed when it is a client that has to prove itself, unknown or disabled', async () => {
        const confidential = await addService(server, SERVICE)
        const disabled = await addClient(server, { preset: 'spa' })
        await disableClient(server.parts, disabled.clientId)
        for (const name of [confidential.clientId, 'nobody']) {
          expectRefused(await send({}, '/token', basic({ clientId: name })), 'invalid_request')
        }
        expectRefused(await send({}, '/token', basic(disabled)))
      })

      it('takes no token to UserInfo in its place', async () => {
        const reply = await send({ access_token: 'x' }, '/userinfo')
        expect(reply.status).to.be.oneOf([400, 401])
      })
    })

    it('is refused where a secret comes along', async () => {
      const { clientId } = await addClient(server, { preset: 'spa' })
      expectRefused(await withForm({ client_id: clientId, client_secret: 'x' }))
    })

    it('does not exist without a client_id', async () => {
      for (const path of ['/token', '/introspect', '/revoke', '/par', '/device_authorization']) {
        expectError(await browser().post(`${server.issuer}${path}`, {}), 400, 'invalid_request')
      }
    })
  })

  it('is asked to wait when it fails too often, and nobody else is', async () => {
    const [noisy, quiet] = [await addService(server, SERVICE), await addService(server, SERVICE)]
    let last: Reply | undefined
    for (let attempt = 0; attempt < 40; attempt++) {
      last = await withHeader(basic({ ...noisy, secret: 'wrong' }))
      if (last.status === 429) break
    }
    expect(last?.status).to.equal(429)
    expect(Number(last?.headers['retry-after'])).to.be.above(0)
    expectTokens(await withHeader(basic(quiet)))
  })
})

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import {
  type CryptoKey,
  compactDecrypt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  type JWK,
} from 'jose'
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
  answerAt,
  authorizationUri,
  exchangeFields,
  expectError,
  expectErrorPage,
  expectTokens,
  post,
  refresh,
  signingParty,
  type TestClient,
  userinfo,
  verifyWithJwks,
} from './driver.ts'
import { jwksOf, requestObject } from './request_object.ts'

type Key = { jwk: JWK; privateKey: CryptoKey }

describe('Encrypted tokens (RFC 7516)', function () {
  this.timeout(40_000)
  let server: AuthCore
  let ada: Person
  let host: Server
  let address: string
  /** What the site of the client answers. */
  let published: object = { keys: [] }

  before(async () => {
    host = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(published))
    })
    await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
    address = `127.0.0.1:${(host.address() as AddressInfo).port}`
    server = await startAuthCore({ env: { AUTHCORE_OUTBOUND_ALLOW: address } })
    await addApi(server)
    ada = await addPerson(server)
  })
  after(async () => {
    await server?.stop()
    host?.closeAllConnections()
    host?.close()
  })

  const makeKey = async (alg: string, crv?: string): Promise<Key> => {
    const { publicKey, privateKey } = await generateKeyPair(alg, {
      extractable: true,
      ...(crv ? { crv } : {}),
    })
    return { jwk: { ...(await exportJWK(publicKey)), use: 'enc', kid: 'enc' }, privateKey }
  }
  type Metadata = NonNullable<NonNullable<Parameters<typeof addClient>[1]>['metadata']>
  const addEncrypted = (key: Key, metadata: Metadata) =>
    addClient(server, { metadata: { jwks: { keys: [key.jwk] }, ...metadata } })
  const open = async (jwe: string, { privateKey }: Key) => {
    const { plaintext, protectedHeader } = await compactDecrypt(jwe, privateKey)
    return { inner: Buffer.from(plaintext).toString(), header: protectedHeader }
  }
  const signIn = async (client: TestClient, parameters: Record<string, string> = {}) => {
    const at = await relyingParty(server, client)
    const signedIn = await authorize(server, at, ada, { parameters })
    const reply = await post(server, '/token', client, exchangeFields(signedIn))
    return { ...signedIn, reply }
  }

  it('are told in discovery, with nothing old, and nothing for requests', async () => {
    const reply = await browser().get(`${server.issuer}/.well-known/openid-configuration`)
    const document = reply.json<Record<string, unknown>>()
    for (const what of ['id_token', 'userinfo', 'introspection', 'authorization']) {
      expect(document[`${what}_encryption_alg_values_supported`], what).to.have.members([
        'ECDH-ES',
        'ECDH-ES+A256KW',
        'RSA-OAEP-256',
      ])
      expect(document[`${what}_encryption_enc_values_supported`], what).to.have.members([
        'A256GCM',
        'A128GCM',
      ])
    }
    expect(Object.keys(document).filter((name) => /request_object_enc/.test(name))).to.deep.equal(
      [],
    )
    const empty = Object.entries(document).filter(([, value]) => [value].flat().length === 0)
    expect(empty).to.deep.equal([])
  })

  for (const [alg, enc, crv] of [
    ['ECDH-ES', 'A256GCM', 'P-256'],
    ['ECDH-ES', 'A128GCM', 'X25519'],
    ['ECDH-ES+A256KW', 'A128GCM', 'P-384'],
    ['RSA-OAEP-256', 'A256GCM', undefined],
  ] as const) {
    it(`are signed first and then encrypted: ${alg} and ${enc}${crv ? ` on ${crv}` : ''}`, async () => {
      const key = await makeKey(alg, crv)
      const client = await addEncrypted(key, {
        id_token_encrypted_response_alg: alg,
        id_token_encrypted_response_enc: enc,
      })
      const tokens = expectTokens(
        (await signIn(client, { scope: 'openid offline_access', prompt: 'consent' })).reply,
      )
      const later = expectTokens(await refresh(server, client, tokens.refresh_token!))
      for (const { id_token } of [tokens, later]) {
        const { inner, header } = await open(id_token!, key)
        expect(header).to.include({ alg, enc, cty: 'JWT', kid: 'enc' })
        const { payload } = await verifyWithJwks(server, inner, { audience: client.clientId })
        expect(payload.sub).to.equal(ada.id)
      }
    })
  }

  it('carry UserInfo, and signed introspection of opaque and JWT tokens', async () => {
    const key = await makeKey('ECDH-ES')
    const client = await addEncrypted(key, {
      resource_scopes: { [API]: ['read'] },
      userinfo_signed_response_alg: 'ES256',
      userinfo_encrypted_response_alg: 'ECDH-ES',
      userinfo_encrypted_response_enc: 'A256GCM',
      introspection_signed_response_alg: 'ES256',
      introspection_encrypted_response_alg: 'ECDH-ES',
      introspection_encrypted_response_enc: 'A256GCM',
    })
    const opaque = expectTokens((await signIn(client)).reply)
    const info = await userinfo(server, opaque.access_token)
    expect(info.headers['content-type']).to.match(/^application\/jwt/)
    const { inner } = await open(info.body, key)
    expect((await verifyWithJwks(server, inner)).payload.sub).to.equal(ada.id)

    const signedIn = await signInFor(client)
    for (const token of [opaque.access_token, signedIn.access_token]) {
      const accept = 'application/token-introspection+jwt'
      const reply = await post(server, '/introspect', client, { token }, { headers: { accept } })
      expect(reply.headers['content-type']).to.include(accept)
      const opened = await open(reply.body, key)
      const { payload } = await verifyWithJwks(server, opened.inner)
      expect(payload['token_introspection']).to.include({ active: true, sub: ada.id })
    }
  })

  const signInFor = async (client: TestClient) => {
    const at = await relyingParty(server, client)
    const parameters = { scope: 'openid read', resource: API }
    const fields = exchangeFields(await authorize(server, at, ada, { parameters }))
    return expectTokens(await post(server, '/token', client, { ...fields, resource: API }))
  }

  it('carry authorization responses', async () => {
    const key = await makeKey('ECDH-ES')
    const client = await addEncrypted(key, {
      authorization_signed_response_alg: 'ES256',
      authorization_encrypted_response_alg: 'ECDH-ES',
      authorization_encrypted_response_enc: 'A256GCM',
    })
    const parameters = { response_mode: 'jwt', prompt: 'none' }
    const reply = await browser().get(await authorizationUri(server, client, parameters))
    const { inner } = await open(answerAt(reply).get('response') ?? '', key)
    const { payload } = await verifyWithJwks(server, inner, { audience: client.clientId })
    expect(payload).to.include({ error: 'login_required' })
  })

  it('are told apart from hints: those come back opened', async () => {
    const key = await makeKey('ECDH-ES')
    const client = await addEncrypted(key, {
      id_token_encrypted_response_alg: 'ECDH-ES',
      id_token_encrypted_response_enc: 'A256GCM',
    })
    const { reply, alice } = await signIn(client)
    const { id_token = '' } = expectTokens(reply)
    const ask = async (id_token_hint: string) =>
      answerAt(
        await alice.get(await authorizationUri(server, client, { prompt: 'none', id_token_hint })),
      )
    expect((await ask((await open(id_token, key)).inner)).get('code')).to.be.a('string')
    expect((await ask(id_token)).get('error')).to.equal('invalid_request')
  })

  it('take the key that is for encryption, from the site of the client too', async () => {
    const [key, signing] = [await makeKey('ECDH-ES'), await signingParty()]
    published = { keys: [...jwksOf(signing).keys, key.jwk] }
    const client = await addClient(server, {
      metadata: {
        jwks_uri: `http://${address}/jwks`,
        id_token_encrypted_response_alg: 'ECDH-ES',
        id_token_encrypted_response_enc: 'A256GCM',
      },
    })
    const { id_token = '' } = expectTokens((await signIn(client)).reply)
    expect(decodeProtectedHeader(id_token)['kid']).to.equal('enc')
    await open(id_token, key)
  })

  describe('are the client’s own fault where its site', () => {
    const faulty: [string, () => Promise<object>][] = [
      ['has no key', async () => ({ keys: [] })],
      ['has a key for signatures only', async () => jwksOf(await signingParty())],
      [
        'has a key that nothing can be encrypted to',
        async () => ({ keys: [{ ...(await signingParty('EdDSA')).jwk, kid: 'x' }] }),
      ],
      [
        'has a broken key',
        async () => ({ keys: [{ kty: 'EC', crv: 'P-256', x: 'AAAA', y: 'AAAA', use: 'enc' }] }),
      ],
      ['has no key set', async () => ({})],
    ]
    for (const [title, publish] of faulty) {
      it(title, async () => {
        published = await publish()
        const client = await addClient(server, {
          metadata: {
            jwks_uri: `http://${address}/jwks`,
            id_token_encrypted_response_alg: 'ECDH-ES',
            id_token_encrypted_response_enc: 'A256GCM',
            authorization_encrypted_response_alg: 'ECDH-ES',
            authorization_encrypted_response_enc: 'A256GCM',
          },
        })
        expectError((await signIn(client)).reply, 400, 'invalid_client_metadata')
        const parameters = { response_mode: 'jwt', prompt: 'none' }
        const reply = await browser().get(await authorizationUri(server, client, parameters))
        expect(reply.status).to.be.within(400, 499)
        expect(reply.location).to.equal(undefined)
      })
    }
  })

  it('are nothing that we take: an encrypted request is refused', async () => {
    const party = await signingParty()
    const client = await addClient(server, { metadata: { jwks: jwksOf(party) } })
    const request = await requestObject(server, client.clientId, party)
    const [, payload, signature] = request.split('.')
    for (const alg of ['ECDH-ES', 'RSA-OAEP', 'RSA1_5', 'dir', 'A256KW', 'PBES2-HS256+A128KW']) {
      const claims = { alg, enc: 'A256GCM', cty: 'JWT', p2c: 1e9, p2s: 'AAAA' }
      const header = Buffer.from(JSON.stringify(claims)).toString('base64url')
      const jwe = [header, payload, signature, payload, signature].join('.')
      const reply = await post(server, '/par', client, { request: jwe })
      expectError(reply, 400, 'invalid_request_object')
    }
  })

  it('leave a client that insists on them unusable where the deployment has them off', async () => {
    const without = await startAuthCore({ env: { AUTHCORE_ENCRYPTED_TOKENS: 'false' } })
    try {
      const key = await makeKey('ECDH-ES')
      const client = await addClient(without, {
        metadata: {
          jwks: { keys: [key.jwk] },
          id_token_encrypted_response_alg: 'ECDH-ES',
          id_token_encrypted_response_enc: 'A256GCM',
        },
      })
      expectErrorPage(await browser().get(await authorizationUri(without, client)), 400)
      const reply = await browser().get(`${without.issuer}/.well-known/openid-configuration`)
      expect(reply.body).not.to.match(/encryption_(alg|enc)_values/)
    } finally {
      await without.stop()
    }
  })
})

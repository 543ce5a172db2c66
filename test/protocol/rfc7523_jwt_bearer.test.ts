import { createServer, type Server, type ServerResponse } from 'node:http'
import { expect } from 'chai'
import { exportJWK, type JWTPayload, SignJWT } from 'jose'
import { randomToken } from '../../src/core/secrets.ts'
import { disableAccount, enableAccount } from '../../src/domain/accounts/block_account.ts'
import { createAccount } from '../../src/domain/accounts/create_account.ts'
import { disableClient } from '../../src/domain/clients/block_client.ts'
import {
  type AssertionIssuer,
  type ClientMetadataInput,
  JWT_BEARER_GRANT,
  TOKEN_EXCHANGE_GRANT,
} from '../../src/domain/clients/client_metadata.ts'
import { deleteRecordsOfAccount } from '../../src/surfaces/oidc/adapters/postgres_records.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
  statementsOf,
} from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import type { Reply } from '../support/http.ts'
import {
  addGuard,
  addService,
  clientAssertion,
  dpopProof,
  eventsOf,
  expectError,
  expectTokens,
  introspect,
  type ProofChanges,
  post,
  revoke,
  rows,
  type SigningParty,
  signingParty,
  type TestClient,
  verifyWithJwks,
} from './driver.ts'

const OPAQUE = 'https://opaque.example.test'
const FOREIGN = 'https://foreign.example.test'
const IDP = 'https://idp.example.test'

describe('JWT bearer grant (RFC 7523 §2.1)', function () {
  this.timeout(40_000)
  let server: AuthCore
  let ada: Person
  let idp: SigningParty
  let client: TestClient
  let guard: TestClient
  let host: Server
  let keysUri: string
  let asked = 0
  let answer: (response: ServerResponse) => void = (response) => response.end('{}')

  before(async () => {
    const port = await freePort()
    keysUri = `http://127.0.0.1:${port}/keys`
    host = createServer((_request, response) => {
      asked += 1
      answer(response)
    })
    await new Promise<void>((resolve) => host.listen(port, '127.0.0.1', resolve))
    server = await startAuthCore({ env: { AUTHCORE_OUTBOUND_ALLOW: `127.0.0.1:${port}` } })
    ada = await addPerson(server)
    await addApi(server)
    await addApi(server, 'jwt', FOREIGN)
    await addApi(server, 'opaque', OPAQUE)
    idp = await signingParty()
    client = await addBearer()
    guard = await addGuard(server)
  })
  after(async () => {
    await server?.stop()
    host?.closeAllConnections()
    host?.close()
  })

  const addBearer = (
    trusted: Partial<AssertionIssuer> = {},
    metadata: Partial<ClientMetadataInput> = {},
  ) =>
    addService(server, {
      grant_types: [JWT_BEARER_GRANT],
      resource_scopes: { [API]: ['read'], [OPAQUE]: ['read'] },
      assertion_issuers: [
        {
          issuer: IDP,
          subject: 'account_id',
          ...(trusted.jwks_uri ? {} : { jwks: { keys: [idp.jwk as Record<string, unknown>] } }),
          ...trusted,
        },
      ],
      ...metadata,
    } as ClientMetadataInput)

  const now = () => Math.floor(Date.now() / 1000)
  const assertion = async ({ header, claims, key }: ProofChanges = {}, by = idp) => {
    const all = {
      iss: IDP,
      sub: ada.id,
      aud: server.issuer,
      jti: randomToken(),
      iat: now(),
      exp: now() + 60,
      ...claims,
    }
    const payload = Object.entries(all).filter(([, value]) => value !== undefined)
    return await new SignJWT(Object.fromEntries(payload) as JWTPayload)
      .setProtectedHeader({ alg: by.alg, ...header } as { alg: string })
      .sign(key ?? by.privateKey)
  }
  type Fields = Record<string, string | string[]>
  const ask = (token: string, fields: Fields = {}, who = client, dpop?: string) =>
    post(
      server,
      '/token',
      who,
      { grant_type: JWT_BEARER_GRANT, assertion: token, resource: API, ...fields },
      dpop ? { headers: { dpop } } : {},
    )
  const refused = (reply: Reply) => expectError(reply, 400, 'invalid_grant')

  it('gives a token for the person that the assertion names', async () => {
    const tokens = expectTokens(await ask(await assertion(), { scope: 'read' }))
    expect(tokens).to.include({ token_type: 'Bearer', scope: 'read', expires_in: 600 })
    expect(tokens).not.to.have.any.keys('refresh_token', 'id_token', 'issued_token_type')
    const { payload } = await verifyWithJwks(server, tokens.access_token, { audience: API })
    expect(payload).to.include({ sub: ada.id, client_id: client.clientId, scope: 'read' })
    expect(payload).not.to.have.any.keys('act', 'acr', 'auth_time')
    const active = await introspect(server, guard, tokens.access_token)
    expect(active).to.include({ active: true, sub: ada.id, aud: API })
  })

  it('gives an opaque token to an API that wants to ask', async () => {
    const reply = await ask(await assertion(), { resource: OPAQUE, scope: 'read' })
    const { access_token } = expectTokens(reply)
    expect(access_token).to.match(/^[\w-]{43}$/)
    const active = await introspect(server, guard, access_token)
    expect(active).to.include({ active: true, sub: ada.id, aud: OPAQUE, scope: 'read' })
  })

  it('finds the person by username or by an address that is theirs', async () => {
    const byName = await addBearer({ subject: 'username' })
    const byEmail = await addBearer({ subject: 'email' })
    const [found] = await rows<{ username: string; email: string }>(
      server.parts.db,
      'SELECT username, email FROM account WHERE id = $1',
      [ada.id],
    )
    const { username, email } = found!
    for (const [who, sub] of [
      [byName, username.toUpperCase()],
      [byEmail, email.toUpperCase()],
    ] as const) {
      const { access_token } = expectTokens(
        await ask(await assertion({ claims: { sub } }), {}, who),
      )
      const { payload } = await verifyWithJwks(server, access_token)
      expect(payload.sub).to.equal(ada.id)
    }
  })

  it('makes nobody an account, and takes nobody who is not there, active, or shown', async () => {
    const count = async () =>
      (await rows<{ count: string }>(server.parts.db, 'SELECT count(*) FROM account'))[0]!.count
    const unverified = await createAccount(server.parts, { email: 'unseen@example.test' })
    const before = await count()
    const byEmail = await addBearer({ subject: 'email' })
    const byName = await addBearer({ subject: 'username' })
    for (const [who, sub] of [
      [client, '01900000-0000-7000-8000-000000000000'],
      [client, ada.email],
      [client, ada.id.toUpperCase()],
      [byEmail, 'new@example.test'],
      [byEmail, 'unseen@example.test'],
      [byEmail, unverified.id],
      [byName, 'nobody'],
      [byName, ada.email],
      [byName, '\u0000'],
    ] as const) {
      refused(await ask(await assertion({ claims: { sub } }), {}, who))
    }
    await disableAccount(server.parts, ada.id)
    refused(await ask(await assertion()))
    await enableAccount(server.parts, ada.id)
    expect(await count()).to.equal(before)
  })

  describe('refuses an assertion', () => {
    const REFUSED: [string, () => ProofChanges][] = [
      [
        'of an issuer that the client does not trust',
        () => ({ claims: { iss: 'https://x.test' } }),
      ],
      ['without issuer', () => ({ claims: { iss: undefined } })],
      ['of this server itself', () => ({ claims: { iss: server.issuer } })],
      ['for somebody else', () => ({ claims: { aud: 'https://elsewhere.test' } })],
      ['for the token endpoint', () => ({ claims: { aud: `${server.issuer}/token` } })],
      ['for others too', () => ({ claims: { aud: [server.issuer, 'https://elsewhere.test'] } })],
      ['for nobody', () => ({ claims: { aud: undefined } })],
      ['without subject', () => ({ claims: { sub: undefined } })],
      ['whose subject is no text', () => ({ claims: { sub: 7 } })],
      ['without id', () => ({ claims: { jti: undefined } })],
      ['whose id is empty', () => ({ claims: { jti: '' } })],
      ['whose id is no text', () => ({ claims: { jti: 7 } })],
      ['whose id is endless', () => ({ claims: { jti: 'x'.repeat(256) } })],
      ['without end', () => ({ claims: { exp: undefined } })],
      ['that has expired', () => ({ claims: { exp: now() - 60 } })],
      ['whose end is text', () => ({ claims: { exp: 'soon' } })],
      ['whose end is a fraction too far', () => ({ claims: { exp: now() + 660.5 } })],
      ['that lives for an hour', () => ({ claims: { exp: now() + 3_600 } })],
      ['that lives for ever', () => ({ claims: { exp: 1e300 } })],
      ['that is not yet good', () => ({ claims: { nbf: now() + 300 } })],
      ['from the future', () => ({ claims: { iat: now() + 300 } })],
      ['of another type', () => ({ header: { typ: 'at+jwt' } })],
      ['that is a proof', () => ({ header: { typ: 'dpop+jwt' } })],
      ['that authenticates a client', () => ({ header: { typ: 'client-authentication+jwt' } })],
      ['with a kid that is nobody’s', () => ({ header: { kid: "../../x' OR 1=1" } })],
    ]
    for (const [title, changes] of REFUSED) {
      it(title, async () => refused(await ask(await assertion(changes()))))
    }

    it('whose header wants what we do not know', async () => {
      const [, payload, signature] = (await assertion()).split('.')
      const header = { alg: 'ES256', crit: ['x'], x: 1 }
      const head = Buffer.from(JSON.stringify(header)).toString('base64url')
      refused(await ask(`${head}.${payload}.${signature}`))
    })

    it('signed by another key, even one that it brings along', async () => {
      const stranger = await signingParty()
      refused(await ask(await assertion({}, stranger)))
      asked = 0
      for (const header of [{ jwk: stranger.jwk }, { jku: keysUri }, { x5u: keysUri }]) {
        refused(await ask(await assertion({ header }, stranger)))
      }
      expect(asked).to.equal(0)
    })

    it('without a signature, with a shared secret, or with the signature of nothing', async () => {
      const [head = '', payload = '', signature = ''] = (await assertion()).split('.')
      const header = (fields: object) => Buffer.from(JSON.stringify(fields)).toString('base64url')
      const secrets = [Buffer.alloc(32), Buffer.from(JSON.stringify(idp.jwk))]
      const hmacs = secrets.map((secret) =>
        new SignJWT({ iss: IDP, sub: ada.id, aud: server.issuer, jti: randomToken() })
          .setProtectedHeader({ alg: 'HS256' })
          .setExpirationTime('1m')
          .sign(secret),
      )
      for (const bad of [
        ...(await Promise.all(hmacs)),
        ...['none', 'None', 'nOnE'].map((alg) => `${header({ alg })}.${payload}.`),
        `${head}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
        `${head}.${payload}.${signature.slice(0, -2)}`,
        `${head}.${payload}.`,
        `${head}.${payload}`,
        'a.b.c',
        'nonsense',
        '🙂',
        'x'.repeat(20_000),
      ]) {
        refused(await ask(bad))
      }
    })

    it('missing, or given twice', async () => {
      expectError(await ask(''), 400, 'invalid_request')
      const [one, two] = [await assertion(), await assertion()]
      expectError(await ask('', { assertion: [one, two] }), 400, 'invalid_request')
    })

    it('and says why in the trail', async () => {
      await ask(await assertion({ claims: { aud: 'https://elsewhere.test' } }))
      const refusal = (await eventsOf(server, 'auth.token.refused')).at(-1)
      expect(refusal?.data).to.include({
        clientId: client.clientId,
        error: 'invalid_grant',
        reason: 'assertion: its aud is not this issuer alone',
      })
    })
  })

  describe('takes the algorithms', () => {
    for (const alg of ['ES256', 'ES384', 'ES512', 'PS256', 'RS256', 'RS512', 'EdDSA', 'Ed25519']) {
      it(`${alg}, unless the client’s record has others only`, async () => {
        const by = await signingParty(alg)
        const jwks = { keys: [by.jwk as Record<string, unknown>] }
        expectTokens(await ask(await assertion({}, by), {}, await addBearer({ jwks })))
        const algs: AssertionIssuer['algs'] = [alg === 'ES384' ? 'ES256' : 'ES384']
        refused(await ask(await assertion({}, by), {}, await addBearer({ jwks, algs })))
      })
    }

    it('that go with the key, and no other', async () => {
      const rsa = await signingParty('RS256')
      const jwks = { keys: [{ ...rsa.jwk, alg: 'PS256' }] }
      refused(await ask(await assertion({}, rsa), {}, await addBearer({ jwks })))
    })
  })

  describe('takes each assertion once', () => {
    it('one after the other', async () => {
      const once = await assertion()
      expectTokens(await ask(once))
      refused(await ask(once))
    })

    it('of twenty at once, with one token for it', async () => {
      for (const resource of [API, OPAQUE]) {
        const once = await assertion()
        const replies = await Promise.all(Array.from({ length: 20 }, () => ask(once, { resource })))
        expect(replies.filter(({ status }) => status === 200)).to.have.length(1)
        for (const reply of replies) if (reply.status !== 200) refused(reply)
      }
    })

    it('whichever client brings it, under whichever signature', async () => {
      const jti = randomToken()
      expectTokens(await ask(await assertion({ claims: { jti } })))
      refused(await ask(await assertion({ claims: { jti } }), {}, await addBearer()))
    })

    it('and keeps the ids of issuers apart, and from those of clients', async () => {
      const jti = randomToken()
      const other = await addBearer({}, {
        assertion_issuers: [
          { issuer: 'https://other.test', subject: 'account_id', jwks: { keys: [idp.jwk] } },
        ],
      } as Partial<ClientMetadataInput>)
      expectTokens(await ask(await assertion({ claims: { jti } })))
      const theirs = await assertion({ claims: { jti, iss: 'https://other.test' } })
      expectTokens(await ask(theirs, {}, other))
      const own = await signingParty()
      const trusted = { issuer: 'robot', subject: 'account_id', jwks: { keys: [idp.jwk as never] } }
      await addClient(server, {
        clientId: 'robot',
        preset: 'service',
        metadata: {
          grant_types: [JWT_BEARER_GRANT],
          token_endpoint_auth_method: 'private_key_jwt',
          jwks: { keys: [own.jwk as never] },
          resource_scopes: { [API]: ['read'] },
          assertion_issuers: [trusted as never],
        },
      })
      const proof = await clientAssertion(server, 'robot', own, { claims: { jti } })
      const named = await assertion({ claims: { jti, iss: 'robot' } })
      const fields = { grant_type: JWT_BEARER_GRANT, assertion: named, resource: API, ...proof }
      expectTokens(await post(server, '/token', undefined, fields))
    })

    it('but not where it was refused for another reason', async () => {
      const once = await assertion()
      expectError(await ask(once, { scope: 'write' }), 400, 'invalid_scope')
      expectError(await ask(once, { resource: FOREIGN }), 400, 'invalid_target')
      expectError(await ask(once, {}, { ...client, secret: 'wrong' }), 401, 'invalid_client')
      expectTokens(await ask(once))
    })
  })

  describe('gives', () => {
    it('of the scopes what is assigned to the client, and none unasked', async () => {
      expect(expectTokens(await ask(await assertion())).scope).to.equal(undefined)
      for (const scope of ['write', 'read write', 'openid', 'offline_access']) {
        expectError(await ask(await assertion(), { scope }), 400, 'invalid_scope')
      }
    })

    it('a token for one API of the client, named or meant by its scope', async () => {
      const single = await addBearer({}, { resource_scopes: { [API]: ['read'] } })
      const fields = { grant_type: JWT_BEARER_GRANT, scope: 'read' }
      const reply = await post(server, '/token', single, {
        ...fields,
        assertion: await assertion(),
      })
      const { payload } = await verifyWithJwks(server, expectTokens(reply).access_token)
      expect(payload.aud).to.equal(API)
      for (const resource of [FOREIGN, 'https://nobody.test', '/x', [API, OPAQUE]]) {
        expectError(await ask(await assertion(), { resource }), 400, 'invalid_target')
      }
      const bare = { grant_type: JWT_BEARER_GRANT, assertion: await assertion() }
      expectError(await post(server, '/token', client, bare), 400, 'invalid_target')
    })

    it('nothing to a client that is not registered for it, or does not authenticate', async () => {
      for (const who of [await addService(server), await addClient(server)]) {
        expectError(await ask(await assertion(), {}, who), 400, 'invalid_request')
      }
      const nameless = { clientId: client.clientId }
      expectError(await ask(await assertion(), {}, nameless), 401, 'invalid_client')
    })

    it('a token to a client that authenticates with an assertion of its own', async () => {
      const own = await signingParty()
      const keyed = await addBearer(
        {},
        { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [own.jwk as never] } },
      )
      const fields = {
        grant_type: JWT_BEARER_GRANT,
        assertion: await assertion(),
        resource: API,
        ...(await clientAssertion(server, keyed.clientId, own)),
      }
      expectTokens(await post(server, '/token', undefined, fields))
      // The proof of who the client is, is no word for a person.
      const { client_assertion } = await clientAssertion(server, keyed.clientId, own)
      refused(await ask(client_assertion!))
    })

    it('a token bound to the key of the client, where it proves one or must', async () => {
      const key = await signingParty()
      const proof = await dpopProof(key, 'POST', `${server.issuer}/token`)
      const tokens = expectTokens(await ask(await assertion(), {}, client, proof))
      expect(tokens.token_type).to.equal('DPoP')
      const { payload } = await verifyWithJwks(server, tokens.access_token)
      expect(payload['cnf']).to.deep.equal({ jkt: key.thumbprint })
      const bound = await addBearer({}, { dpop_bound_access_tokens: true })
      refused(await ask(await assertion(), {}, bound))
    })

    it('an event that names the person, the client and the API', async () => {
      expectTokens(await ask(await assertion(), { scope: 'read' }))
      const event = (await eventsOf(server, 'auth.token.issued')).at(-1)
      expect(event?.subject).to.equal(ada.id)
      expect(event?.data).to.include({
        grantType: JWT_BEARER_GRANT,
        accountId: ada.id,
        clientId: client.clientId,
        resource: API,
        scope: 'read',
      })
    })
  })

  describe('its tokens end', () => {
    const both = async (who = client) =>
      await Promise.all(
        [API, OPAQUE].map(
          async (resource) =>
            expectTokens(await ask(await assertion(), { resource }, who)).access_token,
        ),
      )
    const expectActive = async (tokens: string[], active: boolean) => {
      for (const token of tokens) {
        expect(await introspect(server, guard, token)).to.include({ active })
      }
    }

    it('with the account', async () => {
      const tokens = await both()
      await disableAccount(server.parts, ada.id)
      await expectActive(tokens, false)
      await enableAccount(server.parts, ada.id)
      await expectActive(tokens, true)
      await deleteRecordsOfAccount(server.parts.db, ada.id)
      await expectActive(tokens, false)
    })

    it('with the client', async () => {
      const fleeting = await addBearer()
      const tokens = await both(fleeting)
      await disableClient(server.parts, fleeting.clientId)
      await new Promise((resolve) => setTimeout(resolve, 150))
      await expectActive(tokens, false)
    })

    it('when the client revokes them', async () => {
      const tokens = await both()
      for (const token of tokens) await revoke(server, client, token)
      await expectActive(tokens, false)
    })

    it('by themselves, and leave no grant behind for longer', async () => {
      await both()
      const left = await rows<{ late: boolean }>(
        server.parts.db,
        `SELECT expires_at > now() + interval '11 minutes' AS late FROM oidc_record
          WHERE model = 'Grant' AND client_id = $1`,
        [client.clientId],
      )
      expect(left.length).to.be.above(0)
      expect(left.filter(({ late }) => late)).to.deep.equal([])
    })

    it('and can be exchanged until then', async () => {
      const gateway = await addService(server, {
        grant_types: ['client_credentials', TOKEN_EXCHANGE_GRANT],
        resource_scopes: { [API]: [], [OPAQUE]: ['read'] },
      })
      for (const token of await both()) {
        const reply = await post(server, '/token', gateway, {
          grant_type: TOKEN_EXCHANGE_GRANT,
          subject_token: token,
          subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          resource: OPAQUE,
        })
        const { access_token } = expectTokens(reply)
        expect(await introspect(server, guard, access_token)).to.include({
          active: true,
          sub: ada.id,
        })
      }
    })
  })

  describe('fetches keys that are at a jwks_uri', () => {
    const publish = (...keys: object[]) => {
      answer = (response) => {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ keys }))
      }
    }
    let path = 0
    const addFetching = () => addBearer({ jwks_uri: `${keysUri}/${path++}` })

    it('once, and again for a key that it does not know, but not at every such', async () => {
      const named = { ...idp.jwk, kid: 'one', alg: 'ES256' }
      publish(named)
      asked = 0
      const fetching = await addFetching()
      const signed = (kid: string) => assertion({ header: { kid } })
      for (let time = 0; time < 3; time++)
        expectTokens(await ask(await signed('one'), {}, fetching))
      expect(asked).to.equal(1)
      for (let time = 0; time < 5; time++) refused(await ask(await signed('two'), {}, fetching))
      expect(asked).to.be.at.most(2)
    })

    it('but no secret ones, and none for HMAC', async () => {
      publish({ kty: 'oct', k: Buffer.alloc(32).toString('base64url'), alg: 'HS256' })
      const hmac = await new SignJWT({ iss: IDP, sub: ada.id, aud: server.issuer, jti: 'h' })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime('1m')
        .sign(Buffer.alloc(32))
      refused(await ask(hmac, {}, await addFetching()))
      publish(await exportJWK(idp.privateKey))
      refused(await ask(await assertion({}, await signingParty()), {}, await addFetching()))
    })

    it('from nowhere inside the house that is not on the list', async () => {
      const inner = await freePort()
      const inside = await addBearer({ jwks_uri: `http://127.0.0.1:${inner}/keys` })
      refused(await ask(await assertion(), {}, inside))
    })

    for (const [title, broken] of [
      ['nothing that is JSON', (response) => response.end('<html>')],
      ['something that is no key set', (response) => response.end('{"keys":"x"}')],
      ['keys that are none', (response) => response.end('{"keys":[{"kty":"oct"},{},{"kty":7}]}')],
      ['an error', (response) => response.writeHead(500).end('broken')],
      ['a redirect', (response) => response.writeHead(302, { location: keysUri }).end()],
      ['five megabytes', (response) => response.end(`{"keys":["${'x'.repeat(5_000_000)}"]}`)],
      ['a connection that breaks off', (response) => response.destroy()],
    ] as [string, (response: ServerResponse) => void][]) {
      it(`and refuses where they turn out to be ${title}`, async () => {
        answer = broken
        const once = await assertion()
        refused(await ask(once, {}, await addFetching()))
        publish(idp.jwk)
        expectTokens(await ask(once, {}, await addFetching()))
      })
    }
  })

  it('costs three statements: the account, the assertion, what is stored', async () => {
    expectTokens(await ask(await assertion()))
    for (const resource of [API, OPAQUE]) {
      await server.parts.recorder.flush()
      const once = await assertion()
      const { texts } = await statementsOf(() => ask(once, { resource }))
      const own = texts.filter((text) => !/FROM event_outbox|signing_key|job_queue/.test(text))
      expect(own, own.join('\n')).to.have.length(3)
    }
  })
})

describe('A JWT bearer grant that is switched off', function () {
  this.timeout(30_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_JWT_BEARER: 'false' } })
  })
  after(() => server?.stop())

  it('is not known', async () => {
    const { jwk } = await signingParty()
    const client = await addService(server, {
      grant_types: ['client_credentials', JWT_BEARER_GRANT],
      assertion_issuers: [{ issuer: IDP, subject: 'email', jwks: { keys: [jwk as never] } }],
    })
    const fields = { grant_type: JWT_BEARER_GRANT, assertion: 'x' }
    expectError(await post(server, '/token', client, fields), 400, 'unsupported_grant_type')
  })
})

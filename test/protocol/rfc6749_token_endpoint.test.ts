import { expect } from 'chai'
import { deleteClient } from '../../src/domain/clients/block_client.ts'
import { rotateClientSecret } from '../../src/domain/clients/rotate_client_secret.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  CALLBACK,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser } from '../support/http.ts'
import { authorize, type RelyingParty, relyingParty } from '../support/relying_party.ts'
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
  refresh,
  rows,
  type TestClient,
  type Tokens,
  userinfo,
} from './driver.ts'

describe('The token endpoint (RFC 6749, OAuth 2.1)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let alice: Browser
  let client: TestClient
  let party: RelyingParty

  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    await addApi(server)
    await addApi(server, 'jwt', 'https://other.example.test')
    client = await addClient(server, {
      metadata: { redirect_uris: [CALLBACK, 'https://rp.example.test/other'] },
    })
    party = await relyingParty(server, client)
    alice = (await authorize(server, party, ada)).alice
  })
  after(() => server?.stop())

  const fieldsOf = async (parameters: Record<string, string> = {}) =>
    exchangeFields(await authorize(server, party, ada, { alice, parameters }))
  const token = (fields: Record<string, string | string[]>, who: TestClient = client) =>
    post(server, '/token', who, fields)

  it('gives tokens once for a code, and takes everything back when the code comes again', async () => {
    const fields = await fieldsOf({ scope: 'openid offline_access', prompt: 'consent' })
    const tokens = expectTokens(await token(fields))
    expect((await userinfo(server, tokens.access_token)).status).to.equal(200)
    expectError(await token(fields), 400, 'invalid_grant')
    expect((await userinfo(server, tokens.access_token)).status).to.equal(401)
    expect(await introspect(server, client, tokens.access_token)).to.deep.equal({ active: false })
    expectError(await refresh(server, client, tokens.refresh_token!), 400, 'invalid_grant')
    const reuse = (await eventsOf(server, 'auth.token.reuse_detected')).at(-1)
    expect(reuse).to.deep.include({ subject: ada.id })
    expect(reuse?.data).to.include({ clientId: client.clientId, kind: 'AuthorizationCode' })
  })

  it('refuses a code with another redirect_uri, of another client, or that nobody issued', async () => {
    const fields = await fieldsOf()
    const other = await addClient(server)
    for (const redirect_uri of ['https://rp.example.test/other', `${CALLBACK}/`, '']) {
      const reply = await token({ ...fields, redirect_uri })
      expectError(reply, 400, redirect_uri === '' ? 'invalid_request' : 'invalid_grant')
    }
    expectError(await token(fields, other), 400, 'invalid_grant')
    expectError(await token({ ...fields, code: 'nobody' }), 400, 'invalid_grant')
    expectError(await token({ ...fields, code: '' }), 400, 'invalid_request')
    expectTokens(await token(fields))
  })

  it('keeps a code for a minute', async () => {
    for (const [age, alive] of [
      [58, true],
      [61, false],
    ] as const) {
      const fields = await fieldsOf()
      await rows(
        server.parts.db,
        `UPDATE oidc_record SET payload = jsonb_set(jsonb_set(payload::jsonb, '{exp}',
             to_jsonb((payload ->> 'exp')::integer - $2::integer)), '{iat}',
             to_jsonb((payload ->> 'iat')::integer - $2::integer))::json
          WHERE model = 'AuthorizationCode' AND id_hash = $1`,
        [server.parts.codec.idHash(fields.code), age + (alive ? 0 : 15)],
      )
      const reply = await token(fields)
      if (alive) expectTokens(reply)
      else expectError(reply, 400, 'invalid_grant')
    }
  })

  it('never stores an answer with tokens, and says of what kind they are', async () => {
    const reply = await token(await fieldsOf())
    expect(reply.headers).to.include({ 'cache-control': 'no-store' })
    expect(reply.headers['content-type']).to.match(/^application\/json/)
    expect(expectTokens(reply)).to.include({ token_type: 'Bearer', expires_in: 600 })
  })

  it('gives no refresh token to whom offline_access was not granted', async () => {
    expect(expectTokens(await token(await fieldsOf()))).not.to.have.property('refresh_token')
    const asked = await fieldsOf({ scope: 'openid offline_access' })
    expect(expectTokens(await token(asked))).not.to.have.property('refresh_token')
  })

  describe('grant types', () => {
    for (const grant_type of [
      'password',
      'implicit',
      '__proto__',
      'constructor',
      'toString',
      'AUTHORIZATION_CODE',
    ]) {
      it(`knows no ${grant_type}`, async () => {
        const fields = { grant_type, username: ada.email, password: ada.password }
        expectError(await token(fields), 400, 'unsupported_grant_type')
      })
    }

    it('wants one', async () => {
      expectError(await token({}), 400, 'invalid_request')
      expectError(await token({ grant_type: '' }), 400, 'invalid_request')
    })

    it('gives a client only what it is registered for', async () => {
      const reply = await token({ grant_type: 'client_credentials' })
      expectError(reply, 400, 'invalid_request')
      const service = await addService(server)
      expectError(
        await token({ grant_type: 'refresh_token', refresh_token: 'x' }, service),
        400,
        'invalid_request',
      )
    })
  })

  describe('resources (RFC 8707)', () => {
    const both = { scope: 'openid read', resource: API }

    it('gives a token for the API that the request named', async () => {
      const fields = await fieldsOf(both)
      const tokens = expectTokens(await token({ ...fields, resource: API }))
      expect(tokens.scope).to.equal('read')
      const [, claims] = tokens.access_token.split('.')
      expect(JSON.parse(Buffer.from(claims!, 'base64url').toString())).to.include({ aud: API })
    })

    it('gives a token for UserInfo where the exchange names no API', async () => {
      const tokens = expectTokens(await token(await fieldsOf(both)))
      expect((await userinfo(server, tokens.access_token)).status).to.equal(200)
    })

    it('refuses an API that was not asked for, that nobody knows, or that is no URI', async () => {
      for (const resource of ['https://other.example.test', 'https://nobody.test', 'nonsense']) {
        const fields = await fieldsOf(both)
        expectError(await token({ ...fields, resource }), 400, 'invalid_target')
      }
      const fields = await fieldsOf(both)
      const two = [API, 'https://other.example.test']
      expectError(await token({ ...fields, resource: two }), 400, 'invalid_target')
    })

    it('lets a refresh narrow the scope and widen it again, never beyond what was granted', async () => {
      const granted = { scope: 'openid email offline_access', prompt: 'consent' }
      let { refresh_token } = expectTokens(await token(await fieldsOf(granted)))
      for (const [scope, given] of [
        ['openid', 'openid'],
        ['openid email', 'openid email'],
      ] as const) {
        const reply = await token({
          grant_type: 'refresh_token',
          refresh_token: refresh_token!,
          scope,
        })
        const tokens = expectTokens(reply)
        expect(tokens.scope).to.equal(given)
        refresh_token = tokens.refresh_token
      }
      const wide = {
        grant_type: 'refresh_token',
        refresh_token: refresh_token!,
        scope: 'openid profile',
      }
      expectError(await token(wide), 400, 'invalid_scope')
      expectTokens(await refresh(server, client, refresh_token!))
    })
  })

  describe('what is not a form', () => {
    const uri = () => `${server.issuer}/token`
    const fields = 'grant_type=client_credentials'
    const send = (headers: Record<string, string>, body: string) =>
      browser().request('POST', uri(), {
        headers: { authorization: basic(client), ...headers },
        body,
      })

    for (const type of [
      'application/json',
      'multipart/form-data; boundary=x',
      'text/plain',
      'application/x-www-form-urlencoded-not',
    ]) {
      it(`refuses ${type}`, async () => {
        expectError(await send({ 'content-type': type }, fields), 400, 'invalid_request')
      })
    }

    it('refuses a charset that would read other bytes', async () => {
      for (const charset of ['utf-7', 'utf-16', 'nonsense']) {
        const type = `application/x-www-form-urlencoded; charset=${charset}`
        const reply = await send({ 'content-type': type }, fields)
        expect(reply.status, charset).to.be.within(400, 415)
      }
    })

    it('refuses a compressed body', async () => {
      const reply = await send({ 'content-encoding': 'gzip' }, fields)
      expect(reply.status).to.equal(415)
    })

    it('refuses 70 kB, and reads no gigabyte', async () => {
      const type = { 'content-type': 'application/x-www-form-urlencoded' }
      const large = await send(type, `${fields}&scope=${'a'.repeat(70_000)}`)
      expect(large.status).to.equal(413)
      expect(large.json()).to.include({ error: 'invalid_request' })
      const reply = await send({ ...type, 'content-length': '1000000000' }, fields).catch(
        () => null,
      )
      if (reply) expect(reply.status).to.be.within(400, 413)
    })

    it('refuses a parameter that comes twice', async () => {
      const given = await fieldsOf()
      for (const name of [
        'grant_type',
        'code',
        'code_verifier',
        'redirect_uri',
        'client_id',
      ] as const) {
        const value = name === 'client_id' ? client.clientId : given[name]
        const reply = await token({ ...given, [name]: [value, value] })
        expectError(reply, 400, 'invalid_request')
      }
      expectTokens(await token(given))
    })

    it('ignores parameters that it does not know', async () => {
      expectTokens(await token({ ...(await fieldsOf()), nonsense: 'x', code2: 'y' }))
    })

    it('is no page: GET and the query are not read', async () => {
      const reply = await browser().get(`${uri()}?${fields}&client_id=${client.clientId}`)
      expect(reply.status).to.be.within(404, 405)
      expect(reply.headers['content-type']).to.match(/json/)
    })

    it('answers in JSON whatever the Accept header says', async () => {
      for (const accept of ['text/html', '*/*', 'text/html,application/xhtml+xml', 'image/png']) {
        const reply = await send(
          { accept, 'content-type': 'application/x-www-form-urlencoded' },
          'grant_type=password',
        )
        expectError(reply, 400, 'unsupported_grant_type')
      }
    })
  })

  it('takes the old secret during an overlap, and not after it', async () => {
    const { clientId, secret: old } = await addService(server, { introspection: 'any' })
    const ask = async (secret: string) =>
      (await post(server, '/introspect', { clientId, secret }, { token: 'x' })).status
    expect(await ask(old!)).to.equal(200)
    const { secret } = await rotateClientSecret(server.parts, clientId, { overlapS: 60 })
    await until(async () => (await ask(secret)) === 200)
    expect(await ask(old!)).to.equal(200)
    const last = await rotateClientSecret(server.parts, clientId, { overlapS: 0 })
    await until(async () => (await ask(last.secret)) === 200)
    expect(await ask(secret)).to.equal(401)
    expect(await ask(old!)).to.equal(401)
  })

  it('gives a client that is deleted at the same moment nothing that lasts', async () => {
    for (let round = 0; round < 3; round++) {
      const fleeting = await addClient(server)
      const at = await relyingParty(server, fleeting)
      const parameters = { scope: 'openid offline_access', prompt: 'consent' }
      const fields = exchangeFields(await authorize(server, at, ada, { alice, parameters }))
      const [reply] = await Promise.all([
        token(fields, fleeting),
        deleteClient(server.parts, fleeting.clientId),
      ])
      expect(reply.status).to.be.oneOf([200, 400, 401])
      const guard = await addGuard(server)
      await until(async () => (await token(fields, fleeting)).status === 401)
      if (reply.status !== 200) continue
      const { access_token, refresh_token } = reply.json<Tokens>()
      expect((await userinfo(server, access_token)).status).to.equal(401)
      expectError(await refresh(server, fleeting, refresh_token!), 401, 'invalid_client')
      expect(await introspect(server, guard, access_token)).to.deep.equal({ active: false })
    }
  })

  it('keeps everybody else out of a grant', async () => {
    const fields = await fieldsOf({ scope: 'openid offline_access', prompt: 'consent' })
    const { refresh_token } = expectTokens(await token(fields))
    const [guard, other] = [await addGuard(server), await addClient(server)]
    expectError(await refresh(server, other, refresh_token!), 400, 'invalid_grant')
    expect(await introspect(server, other, refresh_token!)).to.deep.equal({ active: false })
    expect(await introspect(server, guard, refresh_token!)).to.include({ active: true })
    expectTokens(await refresh(server, client, refresh_token!))
  })
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('did not come to hold within a second')
}

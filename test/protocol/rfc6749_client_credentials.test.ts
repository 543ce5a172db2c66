import { expect } from 'chai'
import { deleteClient, disableClient, enableClient } from '../../src/domain/clients/block_client.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  startAuthCore,
  statementsOf,
} from '../support/authcore.ts'
import {
  addGuard,
  addService,
  eventsOf,
  expectError,
  expectTokens,
  introspect,
  post,
  type TestClient,
  userinfo,
  verifyWithJwks,
} from './driver.ts'

const OPAQUE_API = 'https://opaque.example.test'

describe('Client credentials (RFC 6749 §4.4)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let service: TestClient
  let guard: TestClient

  before(async () => {
    server = await startAuthCore()
    await addApi(server)
    await addApi(server, 'opaque', OPAQUE_API)
    await addApi(server, 'jwt', 'https://other.example.test')
    service = await addService(server, {
      resource_scopes: { [API]: ['read'], [OPAQUE_API]: ['read', 'write'] },
    })
    guard = await addGuard(server)
  })
  after(() => server?.stop())

  const ask = (fields: Record<string, string | string[]> = {}, who = service) =>
    post(server, '/token', who, { grant_type: 'client_credentials', ...fields })

  it('gives a JWT that says whose it is and what it is good for', async () => {
    const tokens = expectTokens(await ask({ resource: API, scope: 'read' }))
    expect(tokens).to.include({ token_type: 'Bearer', scope: 'read' })
    expect(tokens).not.to.have.any.keys('refresh_token', 'id_token')
    const { payload, protectedHeader } = await verifyWithJwks(server, tokens.access_token, {
      audience: API,
      typ: 'at+jwt',
    })
    expect(protectedHeader.alg).to.equal('ES256')
    expect(payload).to.include({
      client_id: service.clientId,
      sub: service.clientId,
      scope: 'read',
      aud: API,
    })
    expect(payload).not.to.have.any.keys('gid', 'auth_time', 'acr')
    expect(payload.exp! - payload.iat!).to.equal(600)
  })

  it('gives an opaque token for an API that wants to ask', async () => {
    const tokens = expectTokens(await ask({ resource: OPAQUE_API, scope: 'read write' }))
    expect(tokens.access_token).to.match(/^[\w-]{43}$/)
    const active = await introspect(server, guard, tokens.access_token)
    expect(active).to.include({ active: true, aud: OPAQUE_API, scope: 'read write' })
    expect(active).to.include({ client_id: service.clientId, iss: server.issuer })
  })

  it('finds the one API of the client that has the scope, where none is named', async () => {
    const { access_token } = expectTokens(await ask({ scope: 'write' }))
    expect(await introspect(server, guard, access_token)).to.include({ aud: OPAQUE_API })
  })

  it('gives of the scopes what is assigned to the client, and no more', async () => {
    const tokens = expectTokens(await ask({ resource: API, scope: 'read write' }))
    expect(tokens.scope).to.equal('read')
  })

  it('refuses an API that is not the client’s, that nobody knows, or two at once', async () => {
    for (const resource of [
      'https://other.example.test',
      'https://nobody.test',
      '/relative',
      `${API}#fragment`,
      [API, OPAQUE_API],
    ]) {
      expectError(await ask({ resource }), 400, 'invalid_target')
    }
  })

  it('refuses a scope that no scope can be', async () => {
    for (const scope of ['"read"', 'read\\', 'réad']) {
      expectError(await ask({ resource: API, scope }), 400, 'invalid_scope')
    }
  })

  it('gives no token that opens UserInfo or carries a person', async () => {
    const reply = await ask({ scope: 'openid profile' })
    if (reply.status === 200) {
      const { access_token } = reply.json<{ access_token: string }>()
      expect((await userinfo(server, access_token)).status).to.be.oneOf([401, 403])
    }
    const { access_token } = expectTokens(await ask({ resource: OPAQUE_API }))
    expect((await userinfo(server, access_token)).status).to.equal(401)
  })

  it('is for confidential clients that are registered for it', async () => {
    const web = await addClient(server)
    expectError(await ask({}, web), 400, 'invalid_request')
    const open = await addClient(server, { preset: 'spa' })
    expectError(await ask({}, open), 400, 'invalid_request')
  })

  it('ends at once with the client, and so do its tokens', async () => {
    const fleeting = await addService(server, {
      resource_scopes: { [API]: ['read'], [OPAQUE_API]: ['read'] },
    })
    const issued = [API, OPAQUE_API].map(async (resource) =>
      expectTokens(await ask({ resource }, fleeting)),
    )
    const tokens = await Promise.all(issued)
    for (const change of [
      () => disableClient(server.parts, fleeting.clientId),
      () => enableClient(server.parts, fleeting.clientId),
      () => deleteClient(server.parts, fleeting.clientId),
    ]) {
      await change()
      await new Promise((resolve) => setTimeout(resolve, 150))
      const alive = (await server.parts.clients.find(fleeting.clientId))?.status === 'active'
      const reply = await ask({ resource: API }, fleeting)
      if (alive) expectTokens(reply)
      else expectError(reply, 401, 'invalid_client')
      for (const { access_token } of tokens) {
        expect(await introspect(server, guard, access_token)).to.include({ active: alive })
      }
    }
  })

  it('leaves an event for every token', async () => {
    expectTokens(await ask({ resource: API }))
    const event = (await eventsOf(server, 'auth.token.issued')).at(-1)
    expect(event).to.deep.include({ subject: service.clientId })
    expect(event?.data).to.include({ grantType: 'client_credentials', resource: API })
    expect(event?.data['issued']).to.deep.equal(['access_token'])
  })

  it('costs no statement for a JWT of a client that is known', async () => {
    expectTokens(await ask({ resource: API }))
    const { texts } = await statementsOf(() => ask({ resource: API }))
    expect(texts.filter((text) => !text.includes('appended_event'))).to.deep.equal([])
  })
})

import { expect } from 'chai'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser } from '../support/http.ts'
import { authorize, relyingParty } from '../support/relying_party.ts'
import {
  addGuard,
  addService,
  eventsOf,
  exchangeFields,
  expectError,
  expectTokens,
  introspect,
  post,
  refresh,
  refreshFields,
  revoke,
  type TestClient,
  userinfo,
} from './driver.ts'

describe('Token revocation (RFC 7009)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let alice: Browser
  let client: TestClient
  let open: TestClient
  let guard: TestClient

  before(async () => {
    server = await startAuthCore()
    await addApi(server)
    await addApi(server, 'opaque', 'https://opaque.example.test')
    ada = await addPerson(server)
    client = await addClient(server)
    open = await addClient(server, { preset: 'spa' })
    guard = await addGuard(server)
    alice = (await authorize(server, await relyingParty(server, open), ada)).alice
  })
  after(() => server?.stop())

  async function tokensOf(of: TestClient) {
    const party = await relyingParty(server, of)
    const parameters = { scope: 'openid offline_access read', resource: API, prompt: 'consent' }
    const fields = exchangeFields(await authorize(server, party, ada, { alice, parameters }))
    const opaque = expectTokens(await post(server, '/token', of, fields))
    const asked = { ...refreshFields(opaque.refresh_token!), resource: API }
    const jwt = expectTokens(await post(server, '/token', of, asked))
    return { opaque: opaque.access_token, jwt: jwt.access_token, refresh: jwt.refresh_token! }
  }
  type All = Awaited<ReturnType<typeof tokensOf>>
  const isActive = async (token: string) => (await introspect(server, guard, token))['active']
  const stateOf = async (tokens: All) => ({
    opaque: await isActive(tokens.opaque),
    jwt: await isActive(tokens.jwt),
    refresh: await isActive(tokens.refresh),
  })
  const ALIVE = { opaque: true, jwt: true, refresh: true }
  const DEAD = { opaque: false, jwt: false, refresh: false }

  for (const kind of ['confidential', 'public'] as const) {
    const of = () => (kind === 'public' ? open : client)

    describe(`by a ${kind} client`, () => {
      it('of a refresh token takes everything of its grant along', async () => {
        const tokens = await tokensOf(of())
        expect(await stateOf(tokens)).to.deep.equal(ALIVE)
        const reply = await revoke(server, of(), tokens.refresh)
        expect(reply.status, reply.body).to.equal(200)
        expect(await stateOf(tokens)).to.deep.equal(DEAD)
        expect((await userinfo(server, tokens.opaque)).status).to.equal(401)
        expectError(await refresh(server, of(), tokens.refresh), 400, 'invalid_grant')
        const event = (await eventsOf(server, 'auth.token.revoked')).at(-1)
        expect(event).to.deep.include({ subject: ada.id })
        expect(event?.data).to.include({ clientId: of().clientId, kind: 'RefreshToken' })
      })

      it('of an opaque access token ends it alone', async () => {
        const tokens = await tokensOf(of())
        expect((await revoke(server, of(), tokens.opaque)).status).to.equal(200)
        expect(await stateOf(tokens)).to.deep.equal({ ...ALIVE, opaque: false })
        expect((await userinfo(server, tokens.opaque)).status).to.equal(401)
        expectTokens(await refresh(server, of(), tokens.refresh))
        const event = (await eventsOf(server, 'auth.token.revoked')).at(-1)
        expect(event?.data).to.include({ clientId: of().clientId, kind: 'AccessToken' })
      })

      it('of a JWT ends it alone', async () => {
        const tokens = await tokensOf(of())
        const reply = await revoke(server, of(), tokens.jwt)
        expect(reply.status, reply.body).to.equal(200)
        expect(await stateOf(tokens)).to.deep.equal({ ...ALIVE, jwt: false })
        expectTokens(await refresh(server, of(), tokens.refresh))
        const event = (await eventsOf(server, 'auth.token.revoked')).at(-1)
        expect(event?.data).to.include({ clientId: of().clientId, kind: 'AccessToken' })
      })

      it('is the same a second time, and with a wrong hint', async () => {
        for (const hint of ['access_token', 'refresh_token', 'nonsense']) {
          const tokens = await tokensOf(of())
          for (const token of Object.values(tokens)) {
            expect((await revoke(server, of(), token, hint)).status).to.equal(200)
            expect((await revoke(server, of(), token, hint)).status).to.equal(200)
          }
          expect(await stateOf(tokens)).to.deep.equal(DEAD)
        }
      })
    })
  }

  it('does nothing to a token of somebody else, and does not say whether there is one', async () => {
    const tokens = await tokensOf(client)
    const strangers = [open, await addClient(server), await addService(server)]
    for (const stranger of strangers) {
      for (const token of [...Object.values(tokens), 'nobody']) {
        const reply = await revoke(server, stranger, token)
        expect([reply.status, reply.body]).to.deep.equal([200, ''])
      }
    }
    expect(await stateOf(tokens)).to.deep.equal(ALIVE)
  })

  it('bears whatever is sent as a token', async () => {
    for (const token of ['nobody', 'a.b.c', 'eyJhbGciOiJub25lIn0.e30.', 'x'.repeat(10_000), '🙂']) {
      expect((await revoke(server, client, token)).status, token.slice(0, 20)).to.equal(200)
    }
    expectError(await post(server, '/revoke', client, {}), 400, 'invalid_request')
    expectError(
      await post(server, '/revoke', client, { token: ['a', 'b'] }),
      400,
      'invalid_request',
    )
  })

  it('wants a client that says who it is', async () => {
    const { refresh: token } = await tokensOf(client)
    const liar = { ...client, secret: 'wrong' }
    expectError(await revoke(server, liar, token), 401, 'invalid_client')
    expectError(await revoke(server, { clientId: client.clientId }, token), 401, 'invalid_client')
    const bare = await browser().post(`${server.issuer}/revoke`, { token })
    expectError(bare, 400, 'invalid_request')
    expect(await isActive(token)).to.equal(true)
  })

  it('ends tokens that a service holds for itself', async () => {
    const OPAQUE = 'https://opaque.example.test'
    const service = await addService(server, {
      resource_scopes: { [API]: ['read'], [OPAQUE]: ['read'] },
    })
    for (const resource of [API, OPAQUE]) {
      const fields = { grant_type: 'client_credentials', resource }
      const { access_token } = expectTokens(await post(server, '/token', service, fields))
      expect(await isActive(access_token)).to.equal(true)
      expect((await revoke(server, service, access_token)).status).to.equal(200)
      expect(await isActive(access_token)).to.equal(false)
    }
  })

  it('leaves the browser signed in: another sign-in of the application is its own grant', async () => {
    const first = await tokensOf(client)
    await revoke(server, client, first.refresh)
    const second = await tokensOf(client)
    expect(await stateOf(second)).to.deep.equal(ALIVE)
    expect(await stateOf(first)).to.deep.equal(DEAD)
  })
})

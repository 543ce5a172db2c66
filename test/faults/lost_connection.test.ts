import { expect } from 'chai'
import pg from 'pg'
import { TOKEN_EXCHANGE_GRANT } from '../../src/domain/clients/client_metadata.ts'
import {
  addGuard,
  addService,
  BEHIND_PROXY,
  exchangeFields,
  expectTokens,
  fromSomewhere,
  post,
  redeemDevice,
  refresh,
  revoke,
  startDevice,
  type TestClient,
  userinfo,
} from '../protocol/driver.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  startAuthCore,
} from '../support/authcore.ts'
import { browser, type Reply } from '../support/http.ts'
import { authorizationRequest, authorize, relyingParty } from '../support/relying_party.ts'

/**
 * The connection is ended by PostgreSQL just before the first statement of a request, the second, and
 * so on to the last: whatever asked for it (a hook of the engine, a page, a limit, a transaction that
 * had begun), the answer is "not now" or what it would have been.
 */
describe('a connection that is lost within a request', function () {
  this.timeout(180_000)
  const OPAQUE_API = 'https://opaque.example.test'
  let server: AuthCore
  let admin: pg.Client
  let clients: Record<'app' | 'ours' | 'service' | 'guard' | 'device', TestClient>

  before(async () => {
    server = await startAuthCore({ env: BEHIND_PROXY })
    admin = new pg.Client({ connectionString: String(server.env['DATABASE_URL']) })
    await admin.connect()
    await addApi(server)
    await addApi(server, 'opaque', OPAQUE_API)
    clients = {
      app: await addClient(server),
      ours: await addClient(server, { firstParty: true }),
      service: await addService(server, {
        grant_types: ['client_credentials', TOKEN_EXCHANGE_GRANT],
        resource_scopes: { [API]: ['read'], [OPAQUE_API]: ['read'] },
      }),
      guard: await addGuard(server),
      device: await addClient(server, { preset: 'device' }),
    }
  })
  after(async () => {
    await admin?.end()
    await server?.stop()
  })

  const parameters = { scope: 'openid offline_access', prompt: 'consent' }
  const partyOf = async (client: TestClient) => await relyingParty(server, client)
  const signedIn = async () =>
    await authorize(server, await partyOf(clients.app), await addPerson(server), {
      parameters,
      alice: browser({ headers: fromSomewhere() }),
    })
  const tokens = async () =>
    expectTokens(await post(server, '/token', clients.app, exchangeFields(await signedIn())))
  const asService = (resource: string) => ({ grant_type: 'client_credentials', resource })
  /** A browser before a page of ours. */
  async function arrived(client: TestClient) {
    const mind = browser({ headers: fromSomewhere() })
    const { url } = await authorizationRequest(
      await partyOf(client),
      client === clients.app ? parameters : {},
    )
    return { mind, page: await mind.followAll(await mind.get(url.href)) }
  }
  async function login() {
    const { email, password } = await addPerson(server)
    return { login: email, password }
  }

  /** All that comes before a request, and then the request alone. */
  const STEPS: Record<string, () => Promise<() => Promise<Reply>>> = {
    async 'an authorization request of nobody'() {
      const { url } = await authorizationRequest(await partyOf(clients.app))
      return () => browser().get(url.href)
    },
    async 'an authorization request of somebody'() {
      const { alice } = await signedIn()
      const { url } = await authorizationRequest(await partyOf(clients.app), { scope: 'openid' })
      return () => alice.get(url.href)
    },
    async 'the sign-in page'() {
      const { mind, page } = await arrived(clients.app)
      return () => mind.get(page.url)
    },
    async 'the sign-in form'() {
      const { mind, page } = await arrived(clients.ours)
      const fields = await login()
      return () => mind.submit(page, fields)
    },
    async 'the end of a sign-in'() {
      const { mind, page } = await arrived(clients.ours)
      const proven = await mind.submit(page, await login())
      return () => mind.follow(proven)
    },
    async 'what follows a sign-in'() {
      const { mind, page } = await arrived(clients.ours)
      const done = await mind.follow(await mind.submit(page, await login()))
      return () => mind.follow(done)
    },
    async 'the consent form'() {
      const { mind, page } = await arrived(clients.app)
      const consent = await mind.followAll(await mind.submit(page, await login()))
      return () => mind.submit(consent, {}, { button: 'Allow' })
    },
    async 'what follows a consent'() {
      const { mind, page } = await arrived(clients.app)
      const consent = await mind.followAll(await mind.submit(page, await login()))
      const done = await mind.submit(consent, {}, { button: 'Allow' })
      return () => mind.follow(done)
    },
    async 'the exchange of a code'() {
      const fields = exchangeFields(await signedIn())
      return () => post(server, '/token', clients.app, fields)
    },
    async 'a refresh'() {
      const { refresh_token } = await tokens()
      return () => refresh(server, clients.app, refresh_token!)
    },
    async UserInfo() {
      const { access_token } = await tokens()
      return () => userinfo(server, access_token)
    },
    async 'an introspection'() {
      const { access_token: token } = await tokens()
      return () => post(server, '/introspect', clients.guard, { token })
    },
    async 'a revocation'() {
      const { refresh_token } = await tokens()
      return () => revoke(server, clients.app, refresh_token!)
    },
    'client credentials, JWT': async () => () =>
      post(server, '/token', clients.service, asService(API)),
    'client credentials, opaque': async () => () =>
      post(server, '/token', clients.service, asService(OPAQUE_API)),
    async 'a token exchange'() {
      const { access_token } = expectTokens(
        await post(server, '/token', clients.service, asService(OPAQUE_API)),
      )
      return () =>
        post(server, '/token', clients.service, {
          grant_type: TOKEN_EXCHANGE_GRANT,
          subject_token: access_token,
          subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          resource: API,
        })
    },
    async 'a pushed request'() {
      const { url } = await authorizationRequest(await partyOf(clients.app))
      return () => post(server, '/par', clients.app, Object.fromEntries(url.searchParams))
    },
    'a device that begins': async () => () =>
      post(server, '/device_authorization', clients.device, { scope: 'openid' }),
    async 'a device that asks'() {
      const { device_code } = await startDevice(server, clients.device)
      return () => redeemDevice(server, clients.device, device_code)
    },
    async 'the sign-out page'() {
      const { alice } = await signedIn()
      return () => alice.get(`${server.issuer}/logout`)
    },
    async 'the sign-out form'() {
      const { alice } = await signedIn()
      const page = await alice.get(`${server.issuer}/logout`)
      return () => alice.submit(page)
    },
    async 'the account pages'() {
      const { alice } = await signedIn()
      await alice.followAll(await alice.get(`${server.issuer}/account`))
      return () => alice.get(`${server.issuer}/account`)
    },
  }

  for (const [name, prepare] of Object.entries(STEPS)) {
    it(name, async () => {
      const usual = (await (await prepare())()).status
      expect(usual).to.be.below(500)
      for (let n = 1; ; n++) {
        await admin.query('DELETE FROM rate_limit')
        const go = await prepare()
        await server.parts.recorder.flush()
        const cut = cutBefore(n, admin)
        const reply = await go()
        if (!cut.end()) return
        if (reply.status === usual) continue
        expect(reply.status, `${n}: ${cut.text()}`).to.equal(503)
        expect(Number(reply.headers['retry-after']), `${n}: ${cut.text()}`).to.be.above(0)
      }
    })
  }
})

type Query = (this: PooledClient, ...args: unknown[]) => Promise<unknown>
type PooledClient = pg.Client & { processID: number }

/** The n-th statement from now on finds its connection ended. */
function cutBefore(n: number, admin: pg.Client) {
  const { prototype } = pg.Client as unknown as { prototype: { query: Query } }
  const query = prototype.query
  let [left, text] = [n, '']
  prototype.query = function (...args) {
    if (this === admin || !isOfPool(this)) return query.apply(this, args)
    left -= 1
    if (left !== 0) return query.apply(this, args)
    text = JSON.stringify(args[0]).slice(0, 150)
    const end = `SELECT pg_terminate_backend(${this.processID}, 5000)`
    return query.call(admin as PooledClient, end).then(() => query.apply(this, args))
  }
  return {
    text: () => text,
    /** Whether there were so many. */
    end() {
      prototype.query = query
      return left <= 0
    },
  }
}

function isOfPool(client: pg.Client): boolean {
  const { connectionParameters } = client as unknown as {
    connectionParameters: { application_name: string }
  }
  return connectionParameters.application_name === 'authcore'
}

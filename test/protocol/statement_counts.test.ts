import { expect } from 'chai'
import * as oidc from 'openid-client'
import { TOKEN_EXCHANGE_GRANT } from '../../src/domain/clients/client_metadata.ts'
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
import { type Browser, browser } from '../support/http.ts'
import { placeFile } from '../support/place_file.ts'
import * as redis from '../support/redis.ts'
import {
  authorizationRequest,
  authorize,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import { requires } from '../support/skip.ts'
import {
  addGuard,
  addService,
  exchangeFields,
  expectTokens,
  introspect,
  post,
  refresh,
  refreshFields,
  revoke,
  startDevice,
  type TestClient,
  userinfo,
} from './driver.ts'

/**
 * What each request may cost in statements to PostgreSQL. The round trips are what an authorization
 * server waits for; a change that adds one should know that it does.
 */

const OPAQUE_API = 'https://opaque.example.test'

type Backend = { env: Record<string, string>; stop?(): Promise<void> }

for (const [name, start] of [
  ['PostgreSQL', async (): Promise<Backend> => ({ env: {} })],
  [
    'PostgreSQL and Redis',
    async (context: Mocha.Context): Promise<Backend> => {
      requires(context, redis.available())
      const { url, stop } = await redis.startRedis()
      return { env: { REDIS_URL: url }, stop }
    },
  ],
] as const) {
  describe(`what a request costs: ${name}`, function () {
    this.timeout(40_000)
    let backend: Backend
    let server: AuthCore
    let ada: Person
    let alice: Browser
    let client: TestClient
    let party: RelyingParty
    let guard: TestClient
    let service: TestClient
    let gateway: TestClient

    before(async function () {
      backend = await start(this)
      server = await startAuthCore({ env: backend.env })
      ada = await addPerson(server)
      await addApi(server)
      await addApi(server, 'opaque', OPAQUE_API)
      client = await addClient(server)
      party = await relyingParty(server, client)
      guard = await addGuard(server)
      service = await addService(server, {
        resource_scopes: { [API]: ['read'], [OPAQUE_API]: ['read'] },
      })
      gateway = await addService(server, {
        grant_types: ['client_credentials', TOKEN_EXCHANGE_GRANT],
        resource_scopes: { [API]: ['read'], [OPAQUE_API]: ['read'] },
      })
      alice = (await authorize(server, party, ada)).alice
      // Everybody is known from here on.
      await introspect(server, guard, 'x')
      for (const resource of [API, OPAQUE_API]) await asService(resource)
    })
    after(async () => {
      await server?.stop()
      await backend?.stop?.()
    })

    const asService = async (resource: string) =>
      expectTokens(
        await post(server, '/token', service, { grant_type: 'client_credentials', resource }),
      )
    const OFFLINE = { scope: 'openid offline_access read', resource: API, prompt: 'consent' }
    const begin = async (parameters: Record<string, string> = {}) =>
      await authorize(server, party, ada, { alice, parameters })
    const exchange = async (parameters: Record<string, string> = {}, extra: object = {}) =>
      expectTokens(
        await post(server, '/token', client, {
          ...exchangeFields(await begin(parameters)),
          ...extra,
        }),
      )

    /** Refusals and stateless tokens leave events that are gathered and written by and by. */
    async function cost<T>(work: () => Promise<T>, atMost: number): Promise<T> {
      await server.parts.recorder.flush()
      const { result, texts } = await statementsOf(work)
      const own = texts.filter(
        (text) =>
          !/^WITH\s+appended_event|FROM event_outbox|signing_key|job_queue/.test(text.trim()),
      )
      expect(own.length, own.map((text) => text.slice(0, 90)).join('\n')).to.be.at.most(atMost)
      return result
    }

    it('an authorization request of a browser that is signed in: 4', async () => {
      const { url } = await authorizationRequest(party)
      const reply = await cost(() => alice.get(url.href), 4)
      expect(reply.location).to.include('code=')
    })

    it('an authorization request of nobody: 1', async () => {
      const { url } = await authorizationRequest(party)
      await cost(() => browser().get(url.href), 1)
    })

    it('the exchange of a code: 4, with or without refresh token, for an API or not', async () => {
      for (const [parameters, extra] of [
        [{}, {}],
        [OFFLINE, {}],
        [OFFLINE, { resource: API }],
      ] as const) {
        const fields = { ...exchangeFields(await begin(parameters)), ...extra }
        expectTokens(await cost(() => post(server, '/token', client, fields), 4))
      }
    })

    it('a refresh: 4', async () => {
      const { refresh_token } = await exchange(OFFLINE)
      const first = await cost(() => refresh(server, client, refresh_token!), 4)
      const next = expectTokens(first).refresh_token!
      const asked = { ...refreshFields(next), resource: API }
      expectTokens(await cost(() => post(server, '/token', client, asked), 4))
    })

    it('an honest retry of a refresh: 4', async () => {
      const { refresh_token } = await exchange(OFFLINE)
      expectTokens(await refresh(server, client, refresh_token!))
      expectTokens(await cost(() => refresh(server, client, refresh_token!), 4))
    })

    it('UserInfo: 2', async () => {
      for (const parameters of [{}, OFFLINE]) {
        const { access_token } = await exchange(parameters)
        const reply = await cost(() => userinfo(server, access_token), 2)
        expect(reply.status).to.equal(200)
      }
    })

    it('the introspection of an opaque token: 2, with and without a hint', async () => {
      const { access_token, refresh_token } = await exchange(OFFLINE)
      for (const token of [access_token, refresh_token!, 'nobody']) {
        for (const hint of [undefined, 'access_token', 'refresh_token']) {
          const answer = await cost(() => introspect(server, guard, token, hint), 2)
          expect(answer).to.include({ active: token !== 'nobody' })
        }
      }
    })

    it('the introspection of a JWT: 2', async () => {
      const { access_token } = await exchange(OFFLINE, { resource: API })
      expect(await cost(() => introspect(server, guard, access_token), 2)).to.include({
        active: true,
      })
      const own = await asService(API)
      expect(await cost(() => introspect(server, guard, own.access_token), 2)).to.include({
        active: true,
      })
    })

    it('client credentials for a JWT: none, and 1 where the client is not known yet', async () => {
      await cost(() => asService(API), 0)
      server.parts.clients.invalidate()
      await cost(() => asService(API), 1)
      await cost(() => asService(API), 0)
      await exchange()
      await introspect(server, guard, 'x')
    })

    it('client credentials for an opaque token: 1', async () => {
      await cost(() => asService(OPAQUE_API), 1)
    })

    it('the exchange of a token for another: 1 for a JWT, 2 for an opaque one', async () => {
      const exchanged = async (token: string, resource: string) =>
        expectTokens(
          await post(server, '/token', gateway, {
            grant_type: TOKEN_EXCHANGE_GRANT,
            subject_token: token,
            subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
            resource,
          }),
        ).access_token
      const jwt = await exchange({ scope: 'openid read', resource: API }, { resource: API })
      const opaque = await exchanged(jwt.access_token, OPAQUE_API)
      for (const token of [jwt.access_token, opaque]) {
        await cost(() => exchanged(token, API), 1)
        const issued = await cost(() => exchanged(token, OPAQUE_API), 2)
        expect(await cost(() => introspect(server, guard, issued), 2)).to.include({ active: true })
      }
    })

    it('a pushed request: 1', async () => {
      const { url } = await authorizationRequest(party)
      const fields = Object.fromEntries(url.searchParams)
      const reply = await cost(() => post(server, '/par', client, fields), 1)
      expect(reply.status).to.equal(201)
    })

    it('a device that begins, and that asks whether its person is done: 1 each', async () => {
      const clientId = 'television'
      // The notice of the change empties the cache; until then its place in the count is not known.
      const heard = new Promise<void>((resolve) => {
        server.parts.changes.subscribe(({ id }) => void (id === clientId && resolve()))
      })
      const device = await addClient(server, { preset: 'device', clientId })
      await heard
      await startDevice(server, device)
      const { device_code } = await cost(() => startDevice(server, device), 1)
      const fields = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code }
      await cost(() => post(server, '/token', device, fields), 1)
    })

    it('revoking a refresh token: 4', async () => {
      const { refresh_token } = await exchange(OFFLINE)
      expect((await cost(() => revoke(server, client, refresh_token!), 4)).status).to.equal(200)
    })

    it('the documents: none', async () => {
      for (const path of ['/jwks', '/.well-known/openid-configuration']) {
        await cost(() => browser().get(`${server.issuer}${path}`), 0)
      }
    })

    it('a whole exchange of openid-client adds nothing to that', async () => {
      const { callback, checks } = await begin()
      await cost(() => oidc.authorizationCodeGrant(party.configuration, callback, checks), 4)
    })
  })
}

describe('what looking for unusual sign-ins costs', function () {
  this.timeout(60_000)

  /** The statements of the two requests: the password form, and the one that completes. */
  async function signInCosts(env: Record<string, string>): Promise<number[]> {
    const server = await startAuthCore({ env })
    try {
      const person = await addPerson(server)
      const party = await relyingParty(server, await addClient(server, { firstParty: true }))
      const { alice: mind } = await authorize(server, party, person)
      const { url } = await authorizationRequest(party, { prompt: 'login' })
      const login = await mind.followAll(await mind.get(url.href))
      const fields = { login: person.email, password: person.password }
      const form = await statementsOf(() => mind.submit(login, fields))
      const end = await statementsOf(() => mind.follow(form.result))
      expect(new URL(end.result.location!).pathname).to.match(/^\/authorize\/|^\/auth/)
      return [form, end].map(({ texts }) => texts.length)
    } finally {
      await server.stop()
    }
  }

  it('is nothing where none are looked for, and one statement where they are', async () => {
    const places = placeFile()
    try {
      const [form = 0, end] = await signInCosts({})
      const file = { AUTHCORE_GEO_DATABASE: places.path }
      // Without a file the defaults look at nothing; nor does a file of which nothing follows.
      const off = { AUTHCORE_RISK_NEW_COUNTRY: 'off', AUTHCORE_RISK_TRAVEL: 'off' }
      expect(await signInCosts({ ...file, ...off })).to.deep.equal([form, end])
      expect(await signInCosts(file)).to.deep.equal([form + 1, end])
    } finally {
      places.remove()
    }
  })
})

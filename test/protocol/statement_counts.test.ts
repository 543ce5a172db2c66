import { expect } from 'chai'
import * as oidc from 'openid-client'
import { TOKEN_EXCHANGE_GRANT } from '../../src/domain/clients/client_metadata.ts'
import type { RedisClient } from '../../src/platform/persistence/redis.ts'
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
 * What each request costs in statements to PostgreSQL and commands to Redis. The round trips are what an authorization
 * server waits for; a change that adds one should know that it does.
 */

const OPAQUE_API = 'https://opaque.example.test'

/** Statements; where it differs with Redis, then those and the commands to Redis: `[1, [0, 1]]`. */
type Expected = number | readonly [number, readonly [number, number]]

/** An opaque token is looked for among those of people and those of services. */
const TOKEN_LOOK_UPS = 2

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
    async function cost<T>(work: () => Promise<T>, expected: Expected): Promise<T> {
      await server.parts.recorder.flush()
      const commands = countCommands(server.parts.redis)
      const { result, texts } = await statementsOf(work)
      const own = texts.filter(
        (text) =>
          !/^INSERT INTO event_outbox|FROM event_outbox|signing_key|job_queue/.test(text.trim()),
      )
      const spent = { statements: own.length, commands: commands.end() }
      const [alone, withRedis = [alone, 0]] = [expected].flat() as [number, [number, number]?]
      const [statements, others] = server.parts.redis ? withRedis : [alone, 0]
      const heads = own.map((text) => text.slice(0, 90)).join('\n')
      expect(spent, heads).to.deep.equal({ statements, commands: others })
      return result
    }

    it('an authorization request of a browser that is signed in', async () => {
      const { url } = await authorizationRequest(party)
      const reply = await cost(() => alice.get(url.href), 3)
      expect(reply.location).to.include('code=')
    })

    it('an authorization request of nobody', async () => {
      const { url } = await authorizationRequest(party)
      await cost(() => browser().get(url.href), [1, [0, 1]])
    })

    it('a whole sign-in with password and consent, to its code: eight requests', async () => {
      const newcomer = await addPerson(server)
      await cost(() => authorize(server, party, newcomer), [26, [17, 12]])
    })

    it('the exchange of a code, with or without refresh token, for an API or not', async () => {
      for (const [parameters, extra, commands] of [
        [{}, {}, 1],
        [OFFLINE, {}, 1],
        // A JWT is stored nowhere.
        [OFFLINE, { resource: API }, 0],
      ] as const) {
        const fields = { ...exchangeFields(await begin(parameters)), ...extra }
        expectTokens(await cost(() => post(server, '/token', client, fields), [2, [2, commands]]))
      }
    })

    it('a refresh', async () => {
      const { refresh_token } = await exchange(OFFLINE)
      const first = await cost(() => refresh(server, client, refresh_token!), [2, [2, 1]])
      const next = expectTokens(first).refresh_token!
      const asked = { ...refreshFields(next), resource: API }
      expectTokens(await cost(() => post(server, '/token', client, asked), 2))
    })

    it('an honest retry of a refresh', async () => {
      const { refresh_token } = await exchange(OFFLINE)
      expectTokens(await refresh(server, client, refresh_token!))
      expectTokens(await cost(() => refresh(server, client, refresh_token!), [3, [2, 1]]))
    })

    it('UserInfo', async () => {
      for (const parameters of [{}, OFFLINE]) {
        const { access_token } = await exchange(parameters)
        const reply = await cost(() => userinfo(server, access_token), [1, [1, 1]])
        expect(reply.status).to.equal(200)
      }
    })

    it('the introspection of an opaque token, with and without a hint', async () => {
      const { access_token, refresh_token } = await exchange(OFFLINE)
      for (const token of [access_token, refresh_token!, 'nobody']) {
        for (const hint of [undefined, 'access_token', 'refresh_token']) {
          const answer = await cost(() => introspect(server, guard, token, hint), [1, [1, 2]])
          expect(answer).to.include({ active: token !== 'nobody' })
        }
      }
    })

    it('the introspection of a JWT', async () => {
      const { access_token } = await exchange(OFFLINE, { resource: API })
      expect(await cost(() => introspect(server, guard, access_token), 1)).to.include({
        active: true,
      })
      const own = await asService(API)
      expect(await cost(() => introspect(server, guard, own.access_token), 1)).to.include({
        active: true,
      })
    })

    it('client credentials for a JWT: none, and one where the client is not known yet', async () => {
      await cost(() => asService(API), 0)
      server.parts.clients.invalidate()
      await cost(() => asService(API), 1)
      await cost(() => asService(API), 0)
      await exchange()
      await introspect(server, guard, 'x')
    })

    it('client credentials for an opaque token', async () => {
      await cost(() => asService(OPAQUE_API), [1, [0, 1]])
    })

    it('the exchange of a token for another', async () => {
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
        const looks = token === opaque ? TOKEN_LOOK_UPS : 0
        await cost(() => exchanged(token, API), [1, [1, looks]])
        const issued = await cost(() => exchanged(token, OPAQUE_API), [2, [1, looks + 1]])
        expect(await cost(() => introspect(server, guard, issued), [1, [1, 2]])).to.include({
          active: true,
        })
      }
    })

    it('a pushed request', async () => {
      const { url } = await authorizationRequest(party)
      const fields = Object.fromEntries(url.searchParams)
      const reply = await cost(() => post(server, '/par', client, fields), 1)
      expect(reply.status).to.equal(201)
    })

    it('a device that begins, and that asks whether its person is done', async () => {
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

    it('revoking a refresh token', async () => {
      const { refresh_token } = await exchange(OFFLINE)
      expect(
        (await cost(() => revoke(server, client, refresh_token!), [4, [4, 2]])).status,
      ).to.equal(200)
    })

    it('the documents: none', async () => {
      for (const path of ['/jwks', '/.well-known/openid-configuration']) {
        await cost(() => browser().get(`${server.issuer}${path}`), 0)
      }
    })

    it('a whole exchange of openid-client adds nothing to that', async () => {
      const { callback, checks } = await begin()
      await cost(
        () => oidc.authorizationCodeGrant(party.configuration, callback, checks),
        [2, [2, 1]],
      )
    })
  })
}

/** Commands that a client sends from now on. */
function countCommands(client: RedisClient | undefined): { end(): number } {
  if (!client) return { end: () => 0 }
  let count = 0
  const send = client.sendCommand as (...args: unknown[]) => unknown
  client.sendCommand = (...args: unknown[]) => {
    count += 1
    return send.apply(client, args)
  }
  return {
    end() {
      client.sendCommand = send as typeof client.sendCommand
      return count
    },
  }
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

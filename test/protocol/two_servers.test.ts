import { expect } from 'chai'
import { disableClient } from '../../src/domain/clients/block_client.ts'
import { updateClient } from '../../src/domain/clients/update_client.ts'
import { compose, type Parts } from '../../src/main/compose.ts'
import { startWebServer, type WebServer } from '../../src/main/server.ts'
import { openStorage } from '../../src/main/storage.ts'
import { createMetrics } from '../../src/platform/observability/metrics.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import { atOnce, type Browser } from '../support/http.ts'
import {
  authorizationRequest,
  authorize,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import {
  addService,
  clientAssertion,
  dpopProof,
  exchangeFields,
  expectError,
  expectTokens,
  introspect,
  post,
  refreshFields,
  revoke,
  signingParty,
  type TestClient,
  type Tokens,
  userinfo,
} from './driver.ts'

describe('Two servers on one database', function () {
  this.timeout(40_000)
  let one: AuthCore
  /** The second one: the same issuer, another port. */
  let two: AuthCore
  let parts: Parts
  let web: WebServer
  let ada: Person
  let alice: Browser
  let client: TestClient
  let party: RelyingParty

  before(async () => {
    one = await startAuthCore()
    const port = await freePort()
    const { config, log } = one.parts
    const own = { ...config, server: { ...config.server, port } }
    const storage = await openStorage(own, { log: () => {} })
    parts = await compose({ config: own, log, metrics: createMetrics(), storage })
    web = await startWebServer(parts)
    two = { ...one, issuer: `http://localhost:${port}`, parts, web }
    ada = await addPerson(one)
    await addApi(one)
    client = await addClient(one)
    party = await relyingParty(one, client)
    alice = (await authorize(one, party, ada)).alice
  })
  after(async () => {
    await web?.http.stop()
    await parts?.close()
    await parts?.storage.close().catch(() => {})
    await one?.stop()
  })

  const both = (index: number) => (index % 2 === 0 ? one : two)
  const OFFLINE = { scope: 'openid offline_access', prompt: 'consent' }
  const begin = async (parameters: Record<string, string> = {}) =>
    exchangeFields(await authorize(one, party, ada, { alice, parameters }))

  it('take a person’s steps wherever they land', async () => {
    const { url, checks } = await authorizationRequest(party, { prompt: 'login consent' })
    const elsewhere = (address: string) => address.replace(one.issuer, two.issuer)
    const start = await alice.get(url.href)
    const login = await alice.followAll(await alice.get(elsewhere(start.location!)))
    expect(login.status).to.equal(200)
    const callback = await goThrough(alice, await alice.get(start.location!), ada, one.issuer)
    expectTokens(await post(two, '/token', client, exchangeFields({ callback, checks })))
  })

  it('give tokens once for a code, whichever of them is asked', async () => {
    for (let round = 0; round < 3; round++) {
      const fields = await begin()
      const replies = await atOnce(20, (gate, i) =>
        post(both(i), '/token', client, fields, { gate }),
      )
      expect(replies.filter(({ status }) => status === 200)).to.have.length(1)
    }
  })

  it('make one successor of a refresh token', async () => {
    const first = expectTokens(await post(one, '/token', client, await begin(OFFLINE)))
    const fields = refreshFields(first.refresh_token!)
    const replies = await atOnce(20, (gate, i) => post(both(i), '/token', client, fields, { gate }))
    const issued = replies
      .filter(({ status }) => status === 200)
      .map((reply) => reply.json<Tokens>())
    expect(new Set(issued.map((tokens) => tokens.refresh_token)).size).to.equal(1)
    expectTokens(await post(two, '/token', client, refreshFields(issued[0]!.refresh_token!)))
  })

  it('accept an assertion and a proof once', async () => {
    const key = await signingParty()
    const { clientId } = await addService(one, {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...key.jwk }] },
      resource_scopes: { [API]: ['read'] },
    })
    const fields = {
      grant_type: 'client_credentials',
      resource: API,
      ...(await clientAssertion(one, clientId, key)),
    }
    const replies = await atOnce(10, (gate, i) =>
      post(both(i), '/token', undefined, fields, { gate }),
    )
    expect(replies.filter(({ status }) => status === 200)).to.have.length(1)

    const service = await addService(one, { resource_scopes: { [API]: ['read'] } })
    const dpop = await dpopProof(key, 'POST', `${one.issuer}/token`)
    const ask = { grant_type: 'client_credentials', resource: API }
    const bound = await atOnce(10, (gate, i) =>
      post(both(i), '/token', service, ask, { gate, headers: { dpop } }),
    )
    expect(bound.filter(({ status }) => status === 200)).to.have.length(1)
  })

  it('forget together: what one revokes is gone at the other with the next request', async () => {
    const tokens = expectTokens(await post(one, '/token', client, await begin(OFFLINE)))
    expect((await userinfo(two, tokens.access_token)).status).to.equal(200)
    expect((await revoke(one, client, tokens.refresh_token!)).status).to.equal(200)
    expect((await userinfo(two, tokens.access_token)).status).to.equal(401)
    expect(await introspect(two, client, tokens.access_token)).to.deep.equal({ active: false })
    expectError(
      await post(two, '/token', client, refreshFields(tokens.refresh_token!)),
      400,
      'invalid_grant',
    )
  })

  it('hear of a changed client within a second', async () => {
    const service = await addService(one, { resource_scopes: { [API]: ['read'] } })
    const ask = () =>
      post(two, '/token', service, { grant_type: 'client_credentials', resource: API })
    expectTokens(await ask())
    await updateClient(one.parts, service.clientId, { metadata: { resource_scopes: {} } })
    await within(1_000, async () => (await ask()).status === 400)
    await disableClient(one.parts, service.clientId)
    await within(1_000, async () => (await ask()).status === 401)
  })
})

async function within(ms: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + ms
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`did not come to hold within ${ms} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

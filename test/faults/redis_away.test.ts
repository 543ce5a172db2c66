import { expect } from 'chai'
import {
  addGuard,
  addService,
  exchangeFields,
  expectError,
  expectTokens,
  introspect,
  post,
  refresh,
  revoke,
  type TestClient,
  userinfo,
} from '../protocol/driver.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { browser, type Reply } from '../support/http.ts'
import * as redis from '../support/redis.ts'
import {
  authorizationRequest,
  authorize,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import { requires } from '../support/skip.ts'

/**
 * Redis is a convenience: while it hangs or is gone people sign in all the same, what is only there
 * is "not now" and never "no", and when it is back everything is as it was.
 */
for (const [title, takeAway, giveBack] of [
  ['hangs', 'SIGSTOP', 'SIGCONT'],
  ['is gone', 'SIGKILL', undefined],
] as const) {
  describe(`while Redis ${title}`, function () {
    this.timeout(90_000)
    let node: Awaited<ReturnType<typeof redis.startRedis>>
    let server: AuthCore
    let ada: Person
    let client: TestClient
    let guard: TestClient
    let service: TestClient
    let party: RelyingParty

    before(async function () {
      requires(this, redis.available())
      node = await redis.startRedis()
      server = await startAuthCore({ env: { REDIS_URL: node.url } })
      ada = await addPerson(server)
      await addApi(server)
      client = await addClient(server)
      guard = await addGuard(server)
      service = await addService(server, { resource_scopes: { [API]: ['read'] } })
      party = await relyingParty(server, client)
    })
    after(async () => {
      if (giveBack) process.kill(node.component.pid, giveBack)
      await server?.stop()
      await node?.stop()
    })

    const parameters = { scope: 'openid offline_access', prompt: 'consent' }
    const signIn = async () => {
      const fields = exchangeFields(await authorize(server, party, ada, { parameters }))
      return expectTokens(await post(server, '/token', client, fields))
    }
    function expectNotNow(reply: Reply): void {
      expectError(reply, 503, 'temporarily_unavailable')
      expect(Number(reply.headers['retry-after'])).to.be.above(0)
    }

    it('goes on, and nobody is told anything wrong', async () => {
      const before = await signIn()
      const { url, checks } = await authorizationRequest(party)
      const eve = browser()
      const opened = await eve.followAll(await eve.get(url.href))
      process.kill(node.component.pid, takeAway)

      const startedAt = performance.now()
      const during = await signIn()
      expect(performance.now() - startedAt, 'a sign-in, in ms').to.be.below(20_000)
      expect((await userinfo(server, during.access_token)).json()).to.include({ sub: ada.id })
      const next = expectTokens(await refresh(server, client, during.refresh_token!))
      const fields = { grant_type: 'client_credentials', resource: API }
      expectTokens(await post(server, '/token', service, fields))

      const known = await userinfo(server, before.access_token)
      expect(known.status, 'a token that only Redis knows').to.equal(503)
      const asked = await post(server, '/introspect', guard, { token: before.access_token })
      expectNotNow(asked)
      expect((await browser().get(`${server.issuer}/health/live`)).status).to.equal(200)

      if (!giveBack) return
      process.kill(node.component.pid, giveBack)
      await until(async () => (await userinfo(server, before.access_token)).status === 200)
      for (const { access_token } of [before, during, next]) {
        expect(await introspect(server, guard, access_token)).to.include({ active: true })
      }
      expect((await revoke(server, client, during.access_token)).status).to.equal(200)
      expect((await userinfo(server, during.access_token)).status).to.equal(401)
      const page = await eve.get(opened.url)
      const callback = await goThrough(eve, page, ada, server.issuer)
      expectTokens(await post(server, '/token', client, exchangeFields({ callback, checks })))
    })
  })
}

async function until(holds: () => Promise<boolean>, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('did not come to hold in time')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

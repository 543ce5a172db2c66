import { expect } from 'chai'
import * as oidc from 'openid-client'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../../support/authcore.ts'
import { available, startRedis } from '../../support/redis.ts'
import { relyingParty, signIn } from '../../support/relying_party.ts'
import { requires } from '../../support/skip.ts'

describe('Redis away', function () {
  this.timeout(60_000)
  let redis: Awaited<ReturnType<typeof startRedis>>
  let server: AuthCore
  let ada: Person
  before(async function () {
    requires(this, available())
    redis = await startRedis()
    server = await startAuthCore({ env: { REDIS_URL: redis.url } })
    ada = await addPerson(server)
  })
  after(() => server?.stop())

  it('people sign in all the same, and what they get works', async () => {
    const party = await relyingParty(server, await addClient(server))
    const before = await signIn(server, party, ada)
    await redis.stop()
    const { tokens } = await signIn(server, party, ada)
    const info = await oidc.fetchUserInfo(party.configuration, tokens.access_token, ada.id)
    expect(info.sub).to.equal(ada.id)
    const lost = await oidc
      .fetchUserInfo(party.configuration, before.tokens.access_token, ada.id)
      .catch((error) => error)
    expect(
      lost.status ?? lost.cause?.status ?? lost.response?.status,
      'a token that only Redis knows',
    ).to.be.oneOf([401, 503])
    const ready = await fetch(`${server.issuer}/health/ready`)
    expect(ready.status).to.equal(200)
    expect(await ready.json()).to.nested.include({ 'dependencies.redis.state': 'down' })
  })
})

import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { disableAccount } from '../../src/domain/accounts/block_account.ts'
import { listSessions } from '../../src/domain/sessions/session_store.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
  signIn,
} from '../support/relying_party.ts'
import { exchangeFields, expectTokens, post, refresh, type TestClient } from './driver.ts'

describe('Several accounts in one browser', function () {
  this.timeout(60_000)
  let server: AuthCore
  let client: TestClient
  let party: RelyingParty
  before(async () => {
    server = await startAuthCore()
    client = await addClient(server)
    party = await relyingParty(server, client)
  })
  after(() => server?.stop())

  const ours = (location: string) => !location.startsWith(server.issuer)
  const chooser = async (mind: Browser, parameters: Record<string, string> = {}) => {
    const request = await authorizationRequest(party, { prompt: 'select_account', ...parameters })
    const page = await mind.followAll(await mind.get(request.url.href), ours)
    return { page, checks: request.checks }
  }
  const offered = (page: Reply) =>
    [...page.body.matchAll(/name="account" value="([^"]+)"/g)].map(([, id]) => id)
  const choose = async (mind: Browser, page: Reply, account: string) =>
    await mind.followAll(await mind.submit(page, { account }), ours)
  /** One after the other in the same browser; the last one is the one in use. */
  const everybodyIn = async (...people: Person[]) => {
    const mind = browser()
    const tokens = []
    for (const person of people) {
      const parameters = { prompt: 'login', scope: 'openid offline_access' }
      const consents = { ...parameters, prompt: 'login consent' }
      tokens.push(
        (await signIn(server, party, person, { alice: mind, parameters: consents })).tokens,
      )
    }
    return { mind, tokens }
  }
  const sessionsOf = async ({ id: accountId }: Person) =>
    await listSessions(server.parts.db, { accountId, now: new Date() })

  it('stay signed in, are offered, and change places without a password', async () => {
    const [ada, bob, eve] = [
      await addPerson(server),
      await addPerson(server),
      await addPerson(server),
    ]
    const { mind, tokens } = await everybodyIn(ada, bob, eve)
    for (const [at, person] of [bob, ada, eve, bob].entries()) {
      const { page, checks } = await chooser(mind)
      expect(offered(page), String(at)).to.have.members([ada.id, bob.id, eve.id])
      const callback = await goThrough(
        mind,
        await choose(mind, page, person.id),
        person,
        server.issuer,
      )
      const reply = await post(server, '/token', client, exchangeFields({ callback, checks }))
      expect(decodeJwt(expectTokens(reply).id_token!).sub).to.equal(person.id)
      // A silent request is about the one in use.
      const silent = await authorizationRequest(party, { prompt: 'none' })
      expect((await mind.get(silent.url.href)).location).to.include('code=')
    }
    for (const person of [ada, bob, eve]) expect(await sessionsOf(person)).to.have.length(1)
    for (const { refresh_token } of tokens) {
      expect((await refresh(server, client, refresh_token!)).status).to.equal(200)
    }
  })

  it('are two for one person only where they are two browsers', async () => {
    const [ada, bob] = [await addPerson(server), await addPerson(server)]
    await everybodyIn(ada, bob, ada, bob)
    expect(await sessionsOf(ada)).to.have.length(1)
    expect(await sessionsOf(bob)).to.have.length(1)
  })

  it('sign out together', async () => {
    const [ada, bob] = [await addPerson(server), await addPerson(server)]
    const { mind } = await everybodyIn(ada, bob)
    const confirm = await mind.get(`${server.issuer}/logout`)
    await mind.submit(confirm, {}, { button: 'logout' })
    for (const person of [ada, bob]) expect(await sessionsOf(person)).to.deep.equal([])
    const { page } = await chooser(mind)
    expect(page.url).to.match(/login$/)
  })

  it('are offered no more once they ended elsewhere, or the account is disabled', async () => {
    const [ada, bob, eve] = [
      await addPerson(server),
      await addPerson(server),
      await addPerson(server),
    ]
    const { mind } = await everybodyIn(ada, bob, eve)
    const { page } = await chooser(mind)
    await disableAccount(server.parts, ada.id)
    await server.parts.db('oidc_record').where({ model: 'Session', account_id: bob.id }).del()
    for (const person of [ada, bob]) {
      expect((await choose(mind, page, person.id)).url).to.match(/login$/)
    }
    expect(offered((await chooser(mind)).page)).to.deep.equal([eve.id])
  })

  it('are of the browser that signed them in: nobody chooses an account by its id', async () => {
    const [ada, eve] = [await addPerson(server), await addPerson(server)]
    await everybodyIn(ada)
    const { mind } = await everybodyIn(eve)
    const { page } = await chooser(mind)
    expect((await choose(mind, page, ada.id)).url).to.match(/login$/)
    for (const cookie of ['x', 'a.b.c', `${'A'.repeat(43)}.${'B'.repeat(43)}`]) {
      await mind.jar.setCookie(`authcore_accounts=${cookie}; Path=/`, server.issuer)
      expect(offered((await chooser(mind)).page)).to.deep.equal([eve.id])
    }
  })

  it('are five at most: the one that waits longest ends', async () => {
    const people = []
    for (let i = 0; i < 6; i += 1) people.push(await addPerson(server))
    const { mind } = await everybodyIn(...people)
    const { page } = await chooser(mind)
    expect(offered(page)).to.have.members(people.slice(1).map(({ id }) => id))
    expect(await sessionsOf(people[0]!)).to.deep.equal([])
  })
})

import { expect } from 'chai'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser } from '../support/http.ts'
import {
  authorizationRequest,
  authorize,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'

describe('Requests as forms (OpenID Connect Core §3.1.2.1)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let party: RelyingParty
  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    party = await relyingParty(server, await addClient(server, { firstParty: true }))
  })
  after(() => server?.stop())

  const foreign = { origin: 'https://rp.example.test', 'sec-fetch-site': 'cross-site' }

  async function send(mind: Browser, change: Record<string, string> = {}, query = '') {
    const { url } = await authorizationRequest(party)
    const fields = { ...Object.fromEntries(url.searchParams), ...change }
    return await mind.post(`${server.issuer}/authorize${query}`, fields, { headers: foreign })
  }

  it('are answered like the GET that they stand for', async () => {
    const { alice } = await authorize(server, party, ada)
    const sent = await send(alice)
    expect(sent.status).to.equal(303)
    expect(sent.headers['cache-control']).to.match(/no-store/)
    const answer = await alice.get(new URL(sent.location!, server.issuer).href)
    expect(new URL(answer.location!).searchParams.get('code')).to.be.a('string')
  })

  it('begin a sign-in where there is no session', async () => {
    const mind = browser()
    const page = await mind.follow(await send(mind))
    expect(page.location).to.match(/\/interaction\//)
  })

  it('lose nothing on the way, whatever is in it', async () => {
    const state = 'a b&c=d+é%"><script>'
    const sent = await send(browser(), { state })
    expect(new URL(sent.location!, server.issuer).searchParams.get('state')).to.equal(state)
    expect(sent.location).to.match(new RegExp(`^${server.issuer}/authorize\\?`))
  })

  it('are refused where a parameter is in the form and in the query', async () => {
    const mind = browser()
    const reply = await mind.follow(await send(mind, {}, '?client_id=another'))
    expect(reply.status).to.equal(400)
    expect(reply.text()).to.match(/invalid_request/)
  })

  it('are refused where they are no form, or too long', async () => {
    const json = await browser().request('POST', `${server.issuer}/authorize`, {
      json: { client_id: 'x' },
    })
    expect(json.status).to.equal(415)
    expect((await send(browser(), { state: 's'.repeat(9_000) })).status).to.equal(413)
  })

  it('end a session only after the page that asks', async () => {
    const { alice } = await authorize(server, party, ada)
    const sent = await alice.post(`${server.issuer}/logout`, { state: 's' }, { headers: foreign })
    const page = await alice.follow(sent)
    expect(page.status).to.equal(200)
    expect(page.body).to.include('id="logout-form"')
    const { url } = await authorizationRequest(party, { prompt: 'none' })
    expect((await alice.get(url.href)).location).to.match(/code=/)
  })

  it('are not there where they are switched off', async () => {
    const strict = await startAuthCore({ env: { AUTHCORE_AUTHORIZATION_POST: 'false' } })
    try {
      const reply = await browser().post(`${strict.issuer}/authorize`, { client_id: 'x' })
      expect(reply.status).to.be.oneOf([404, 405])
    } finally {
      await strict.stop()
    }
  })
})

import { expect } from 'chai'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../../support/authcore.ts'
import { type Browser, browser, type Reply } from '../../support/http.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../../support/relying_party.ts'

/** The same as in test/browser, from the outside of the pages: status, headers, and where links lead. */

describe('surfaces/interactions: pages to go on from', function () {
  this.timeout(30_000)
  let server: AuthCore
  let party: RelyingParty
  let ada: Person
  before(async () => {
    server = await startAuthCore()
    party = await relyingParty(server, await addClient(server))
    ada = await addPerson(server)
  })
  after(() => server?.stop())

  /** A browser at the sign-in page of a new request. */
  async function atLogin(alice: Browser = browser()): Promise<{ alice: Browser; login: Reply }> {
    const { url } = await authorizationRequest(party, { prompt: 'login' })
    return { alice, login: await alice.followAll(await alice.get(url.href)) }
  }

  const linksOf = ({ body }: Reply) =>
    [...body.matchAll(/<a [^>]*id="([a-z-]+)" href="([^"]*)"/g)]
      .map(([, id, href]) => `${id} ${href}`)
      .filter((link) => !link.startsWith('locale-'))

  it('let a form say where it comes from, and a window keep its opener', async () => {
    const { login } = await atLogin()
    expect(login.headers['referrer-policy']).to.equal('same-origin')
    expect(login.headers['cross-origin-opener-policy']).to.equal('unsafe-none')
    expect(login.headers['content-security-policy']).to.include("form-action 'self';")
  })

  it('tell a browser without cookies so, and whose request it was', async () => {
    const { login } = await atLogin()
    const reply = await browser().get(login.url)
    expect(reply.status).to.equal(400)
    expect(reply.text()).to.include('Your browser did not send our cookie')
    expect(linksOf(reply)).to.deep.equal(['back-to-client https://rp.example.test'])
  })

  it('lead from a finished request to its client, wherever it is opened again', async () => {
    const { alice, login } = await atLogin()
    const answer = await alice.submit(login, { login: ada.email, password: ada.password })
    await goThrough(alice, answer, ada, server.issuer)
    const resumed = login.url.replace(/interaction\/([\w-]+)\/login$/, 'authorize/$1')
    for (const url of [resumed, login.url]) {
      const reply = await alice.get(url)
      expect(reply.status).to.equal(400)
      expect(reply.text()).to.include('This step is already complete')
      expect(linksOf(reply)).to.deep.equal(['back-to-client https://rp.example.test'])
    }
  })

  it('say 403 where the page was made for somebody else, and lead to the step that is due', async () => {
    const { alice, login } = await atLogin()
    const other = await addPerson(server)
    await alice.submit(login, { login: other.email, password: other.password })
    const consent = await alice.get(login.url.replace(/login$/, 'consent'))
    const another = await addPerson(server)
    await alice.submit(login, { login: another.email, password: another.password })
    const reply = await alice.submit(consent, {}, { button: 'Allow' })
    expect(reply.status).to.equal(403)
    expect(linksOf(reply)[0]).to.equal(
      `restart ${new URL(login.url).pathname.replace(/\/login$/, '')}`,
    )
  })

  it('tell a client nothing of another request in the same browser', async () => {
    const alice = browser()
    const { login: one } = await atLogin(alice)
    await atLogin(alice)
    const cookies = await alice.jar.getCookies(one.url)
    const remembered = cookies.filter(({ key }) => key === 'authcore_request')
    expect(remembered.map(({ path }) => path)).to.deep.equal([
      new URL(one.url).pathname.replace(/\/login$/, ''),
    ])
  })

  it('answer a second logout with what it asked for, and no 5xx without cookies', async () => {
    const { issuer } = server
    const logout = await browser().post(`${issuer}/logout/confirm`, { xsrf: 'x', logout: 'yes' })
    expect(logout.text()).to.include('You are signed out')
    const device = await browser().post(`${issuer}/device`, { xsrf: 'x', user_code: 'BBBB-BBBB' })
    expect(device.status).to.equal(400)
    expect(linksOf(device)).to.deep.equal(['restart /device'])
  })
})

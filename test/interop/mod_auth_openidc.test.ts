import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import * as apache from '../support/apache.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import { goThrough } from '../support/relying_party.ts'
import { requires } from '../support/skip.ts'

/** A relying party in C, written by others: discovery, code flow with PKCE, UserInfo, both logouts. */

describe('Apache with mod_auth_openidc', function () {
  this.timeout(60_000)
  let server: AuthCore
  let site: apache.Apache
  let ada: Person
  before(async function () {
    requires(this, apache.available())
    const port = await freePort()
    const urls = apache.apacheUrls(port)
    server = await startAuthCore({
      worker: true,
      env: { AUTHCORE_OUTBOUND_ALLOW: `127.0.0.1:${port}` },
    })
    const { clientId, secret } = await addClient(server, {
      name: 'Apache',
      metadata: {
        redirect_uris: [urls.redirectUri],
        post_logout_redirect_uris: [urls.loggedOutUrl],
        backchannel_logout_uri: urls.backchannelLogoutUri,
        backchannel_logout_session_required: true,
      },
    })
    site = await apache.startApache({
      issuer: server.issuer,
      clientId,
      clientSecret: secret!,
      port,
    })
    ada = await addPerson(server)
  })
  after(async () => {
    await site?.stop()
    await server?.stop()
  })

  const visit = (alice: Browser) => alice.get(site.protectedUrl)

  /** From Apache to the sign-in pages and back, until the protected page is there. */
  async function signIn(alice: Browser): Promise<Reply> {
    const callback = await goThrough(alice, await visit(alice), ada, server.issuer)
    const answer = await alice.get(callback.href)
    expect(answer.location, answer.text()).to.equal(site.protectedUrl)
    return await alice.follow(answer)
  }

  async function signOut(alice: Browser, start: Reply): Promise<Reply> {
    const page = await alice.followAll(start)
    return await alice.followAll(await alice.submit(page, {}, { button: 'Sign out' }))
  }

  it('signs a person in and tells the page behind it who came', async () => {
    const page = await signIn(browser())
    expect(page.status).to.equal(200)
    expect(page.body).to.equal('secret page\n')
    expect(page.headers['x-remote-user']).to.match(/^person\d+$/)
    expect(page.headers['x-email']).to.equal(ada.email)
  })

  it('ends both sessions where the person signs out of it', async () => {
    const alice = browser()
    await signIn(alice)
    const there = encodeURIComponent(site.loggedOutUrl)
    const bye = await signOut(alice, await alice.get(`${site.logoutUrl}?logout=${there}`))
    expect([bye.url, bye.body]).to.deep.equal([site.loggedOutUrl, 'bye\n'])
    const again = await alice.followAll(await visit(alice))
    expect(again.url).to.match(/\/interaction\/[\w-]+\/login$/)
  })

  it('ends its session through the back channel where the person signs out elsewhere', async () => {
    const [alice, other] = [browser(), browser()]
    await signIn(alice)
    await signIn(other)
    await signOut(alice, await alice.get(`${server.issuer}/logout`))
    const deadline = Date.now() + 10_000
    while ((await visit(alice)).status === 200 && Date.now() < deadline) await sleep(100)
    expect((await visit(alice)).location).to.match(new RegExp(`^${server.issuer}/authorize`))
    expect((await visit(other)).status, 'another browser of the same person').to.equal(200)
  })
})

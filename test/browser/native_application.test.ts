import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { type AuthCore, addClient, addPerson, startAuthCore } from '../support/authcore.ts'
import { authorizationRequest, type RelyingParty, relyingParty } from '../support/relying_party.ts'
import { browserTests, fillInLogin } from './visitor.ts'

/**
 * A browser opens an application for somebody who has just pressed a button: the redirect to its own
 * scheme must be the last hop of the form, and the policy must let it pass.
 */
const CALLBACK = 'com.example.lantern:/callback'
const BYE = 'com.example.lantern:/bye'

describe('A native application with a scheme of its own (RFC 8252 §7.1)', function () {
  this.timeout(60_000)
  let server: AuthCore
  let party: RelyingParty
  before(async () => {
    server = await startAuthCore()
    const client = await addClient(server, {
      preset: 'native',
      metadata: { redirect_uris: [CALLBACK], post_logout_redirect_uris: [BYE] },
    })
    party = await relyingParty(server, client, { redirectUri: CALLBACK })
  })
  const test = browserTests()
  after(() => server?.stop())

  /** Where the browser was sent out of the web, and whether each hop before followed a form. */
  async function leaving(page: Page, work: () => Promise<void>): Promise<string> {
    const left = page.waitForResponse((response) =>
      (response.headers()['location'] ?? '').startsWith('com.example.lantern:'),
    )
    await work()
    const response = await left
    for (let hop = response.request(); ; ) {
      const before = hop.redirectedFrom()
      if (!before) {
        expect(hop.method()).to.equal('POST')
        break
      }
      hop = before
    }
    return response.headers()['location']!
  }

  test('is reached by the redirects of the form', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto((await authorizationRequest(party)).url.href)
    await fillInLogin(page, await addPerson(server))
    await page.locator('#allow').waitFor()
    const answer = await leaving(page, () => page.locator('#allow').click({ noWaitAfter: true }))
    expect(answer).to.match(/^com\.example\.lantern:\/callback\?code=/)
  })

  test('is told of whoever turns back', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto((await authorizationRequest(party)).url.href)
    const answer = await leaving(page, () => page.locator('#cancel').click({ noWaitAfter: true }))
    expect(answer).to.match(/^com\.example\.lantern:\/callback\?error=access_denied/)
  })

  test('is reached after logging out', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto((await authorizationRequest(party)).url.href)
    await fillInLogin(page, await addPerson(server))
    await page.locator('#allow').waitFor()
    await leaving(page, () => page.locator('#allow').click({ noWaitAfter: true }))
    const query = new URLSearchParams({
      client_id: party.configuration.clientMetadata().client_id,
      post_logout_redirect_uri: BYE,
    })
    // A window of its own, as an application opens it: the other one is still on its way out.
    const other = await page.context().newPage()
    await other.goto(`${server.issuer}/logout?${query}`)
    expect(
      await leaving(other, () => other.locator('#logout').click({ noWaitAfter: true })),
    ).to.equal(BYE)
  })
})

import { expect } from 'chai'
import * as oidc from 'openid-client'
import type { Page } from 'playwright-core'
import { type AuthCore, addClient, addPerson, startAuthCore } from '../support/authcore.ts'
import { type RelyingParty, relyingParty } from '../support/relying_party.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

const PHONE = { width: 375, height: 667 }
const CIBA = 'urn:openid:params:grant-type:ciba'

describe('Approving on a telephone (OpenID Connect CIBA)', function () {
  this.timeout(60_000)
  let server: AuthCore
  let bank: RelyingParty
  before(async () => {
    server = await startAuthCore()
    const client = await addClient(server, {
      name: 'The bank',
      metadata: {
        grant_types: [CIBA],
        response_types: [],
        backchannel_token_delivery_mode: 'poll',
      },
    })
    bank = await relyingParty(server, client)
  })
  const test = browserTests()
  after(() => server?.stop())

  const begin = (email: string, binding_message: string) =>
    oidc.initiateBackchannelAuthentication(bank.configuration, {
      scope: 'openid profile',
      login_hint: email,
      binding_message,
    })
  const poll = (begun: oidc.BackchannelAuthenticationResponse) =>
    oidc.pollBackchannelAuthenticationGrant(bank.configuration, { ...begun, interval: 0.2 })

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`signs in, shows who asks and approves or denies each, ${how}`, async (newVisitor) => {
      const [ada, page] = await Promise.all([
        addPerson(server),
        newVisitor({ ...PHONE, javaScriptEnabled }),
      ])
      const [first, second] = [await begin(ada.email, 'till 1'), await begin(ada.email, 'till 2')]
      await page.goto(`${server.issuer}/ciba`)
      await fillInLogin(page, ada)
      if (!javaScriptEnabled) await goOn(page)
      await expectHeading(page, 'Requests for your approval')
      expect(await page.locator('#binding-message-0').innerText()).to.equal('till 1')
      expect(await page.locator('article').first().innerText()).to.include('See your profile')
      await page.locator('#approve-0').click()
      await expectHeading(page, 'You have approved it')
      await page.locator('#others').click()
      expect(await page.locator('#binding-message-0').innerText()).to.equal('till 2')
      await page.locator('#deny-0').click()
      await expectHeading(page, 'You have denied it')
      await page.locator('#others').click()
      expect(await page.locator('#approvals-none').innerText()).to.match(/^Nothing is waiting/)
      const tokens = await poll(first)
      expect(tokens.claims()).to.include({ sub: ada.id })
      expect((await poll(second).catch((error) => error)).error).to.equal('access_denied')
    })
  }

  test('forgives a double click', async (newVisitor) => {
    const ada = await addPerson(server)
    const begun = await begin(ada.email, 'till 3')
    const page = await newVisitor(PHONE)
    await page.goto(`${server.issuer}/ciba`)
    await fillInLogin(page, ada)
    await page.locator('#approve-0').dblclick()
    await expectHeading(page, 'You have approved it')
    expect((await poll(begun)).claims()).to.include({ sub: ada.id })
  })

  test('lets somebody else sign in, and shows what waits for them', async (newVisitor) => {
    const [ada, bob] = [await addPerson(server), await addPerson(server)]
    await begin(bob.email, 'for Bob')
    const page = await newVisitor(PHONE)
    await page.goto(`${server.issuer}/ciba`)
    await fillInLogin(page, ada)
    expect(await page.locator('#approvals-none').innerText()).to.match(/^Nothing is waiting/)
    await page.locator('#switch-account').click()
    await page.locator('#another-account').click()
    await fillInLogin(page, bob)
    expect(await page.locator('#binding-message-0').innerText()).to.equal('for Bob')
  })
})

/** Without a script the page after a form has a link to the next one. */
async function goOn(page: Page): Promise<void> {
  const link = page.locator('#continue')
  if (await link.count()) await link.click()
}

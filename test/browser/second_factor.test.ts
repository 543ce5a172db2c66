import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { MULTI_FACTOR_ACR } from '../../src/domain/authentication/assurance.ts'
import { totpCodeAt } from '../../src/domain/credentials/totp/totp.ts'
import { type AuthCore, addPerson, type Person, startAuthCore } from '../support/authcore.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

describe('A second factor in a browser', function () {
  this.timeout(90_000)
  let server: AuthCore
  let site: ClientSite
  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_MFA: 'required' } })
    site = await startClientSite(server)
  })
  const test = browserTests()
  after(async () => {
    await site?.stop()
    await server?.stop()
  })

  /** Through the password and the set-up to the page of the application. */
  async function enrol(page: Page, person: Person) {
    await page.goto(site.startUri)
    await fillInLogin(page, person)
    await expectHeading(page, 'Set up an authenticator app')
    await page.getByText('I can’t scan it').click()
    const secret = (await page.locator('#totp-secret').innerText()).replaceAll(' ', '')
    await page.getByLabel('Code from the app').fill(totpCodeAt(secret, new Date()))
    await page.getByRole('button', { name: 'Confirm' }).click()
    await expectHeading(page, 'Keep these recovery codes')
    const codes = await page.locator('#recovery-codes li').allInnerTexts()
    await page.getByRole('link', { name: 'I have kept them' }).click()
    await page.locator('#allow').click()
    await expectHeading(page, `Welcome ${person.id}`)
    return { secret, codes }
  }

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`is set up on the way, and asked for the next time, ${how}`, async (newVisitor) => {
      const person = await addPerson(server)
      const { secret, codes } = await enrol(await newVisitor({ javaScriptEnabled }), person)
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(site.startUri)
      await fillInLogin(page, person)
      await expectHeading(page, 'Confirm it’s you')
      expect(await page.locator('#code:focus').count()).to.equal(1)
      const next = new Date(Date.now() + 30_000)
      await page.getByLabel('Code').fill(totpCodeAt(secret, next))
      await page.getByLabel(/Don’t ask again/).check()
      await page.getByRole('button', { name: 'Continue' }).click()
      await expectHeading(page, `Welcome ${person.id}`)
      await page.goto(`${site.startUri}?prompt=login`)
      await fillInLogin(page, person)
      await expectHeading(page, `Welcome ${person.id}`)
      await page.goto(
        `${site.startUri}?prompt=login&acr_values=${encodeURIComponent(MULTI_FACTOR_ACR)}`,
      )
      await fillInLogin(page, person)
      await page.getByRole('link', { name: 'Use a recovery code' }).click()
      await page.getByLabel('Recovery code').fill(codes[3]!.toUpperCase())
      await page.getByRole('button', { name: 'Continue' }).click()
      await expectHeading(page, `Welcome ${person.id}`)
    })
  }
})

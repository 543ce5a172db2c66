import { expect } from 'chai'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

const TERMS = 'https://lantern.example/terms'

describe('The terms in a browser', function () {
  this.timeout(90_000)
  let mail: SmtpSink
  let server: AuthCore
  let site: ClientSite
  before(async () => {
    mail = await startSmtp()
    const env = {
      ...mail.env(),
      AUTHCORE_SIGN_UP: 'open',
      AUTHCORE_TERMS_URI: TERMS,
      AUTHCORE_TERMS_VERSION: '2026-11',
    }
    server = await startAuthCore({ worker: true, env })
    site = await startClientSite(server)
  })
  const test = browserTests()
  after(async () => {
    await site?.stop()
    await server?.stop()
    await mail?.stop()
  })

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`are read in a tab of their own and accepted at the sign-in, ${how}`, async (newVisitor) => {
      const page = await newVisitor({ javaScriptEnabled })
      await page
        .context()
        .route(TERMS, (route) =>
          route.fulfill({ contentType: 'text/html', body: '<h1>What counts here</h1>' }),
        )
      const person = await addPerson(server)
      await page.goto(site.startUri)
      await fillInLogin(page, person)
      await expectHeading(page, 'Accept the terms of use')
      const [tab] = await Promise.all([
        page.context().waitForEvent('page'),
        page.getByRole('link', { name: 'Read the terms of use' }).click(),
      ])
      await expectHeading(tab, 'What counts here')
      expect(await tab.evaluate<unknown>('window.opener')).to.equal(null)
      await tab.close()
      await page.getByRole('button', { name: 'Accept and continue' }).click()
      await page.getByRole('button', { name: 'Allow' }).click()
      await expectHeading(page, `Welcome ${person.id}`)
      await page.goto(`${site.startUri}?prompt=login`)
      await fillInLogin(page, person)
      await expectHeading(page, `Welcome ${person.id}`)
    })

    test(`are accepted with a new account, ${how}`, async (newVisitor) => {
      const email = `grace.${javaScriptEnabled ? 'js' : 'plain'}@example.test`
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(site.startUri)
      await page.getByRole('link', { name: 'Create an account' }).click()
      await page.getByLabel('Email').fill(email)
      await page.getByLabel('Password').fill('seven quiet lanterns')
      await page.getByRole('button', { name: 'Continue' }).click()
      await expectHeading(page, 'Create your account')
      await page.getByLabel('I accept the terms of use').check()
      await page.getByRole('button', { name: 'Continue' }).click()
      await expectHeading(page, 'Check your email')
      await page.getByLabel('Code from the email').fill((await mail.next(email)).code!)
      await page.getByRole('button', { name: 'Confirm' }).click()
      await page.getByRole('button', { name: 'Allow' }).click()
      await expectHeading(page, /^Welcome /)
    })
  }

  test('lead back to the application where they are not accepted', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(site.startUri)
    await fillInLogin(page, await addPerson(server))
    await expectHeading(page, 'Accept the terms of use')
    await page.getByRole('button', { name: 'Back to Lantern Books' }).click()
    await page.locator('#sign-in-again').waitFor()
  })
})

import { expect } from 'chai'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading } from './visitor.ts'

describe('Signing in on two pages in a browser', function () {
  this.timeout(60_000)
  let server: AuthCore
  let site: ClientSite
  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_SIGN_IN_PAGE: 'identifier_first' } })
    site = await startClientSite(server)
  })
  const test = browserTests()
  after(async () => {
    await site?.stop()
    await server?.stop()
  })

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`names somebody else, then oneself, and gets in, ${how}`, async (newVisitor) => {
      const ada = await addPerson(server)
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(site.startUri)
      await page.getByLabel('Email, phone or username').fill('not.me@example.test')
      await page.getByRole('button', { name: 'Next' }).click()
      await expectHeading(page, 'Enter your password')
      await page.getByRole('link', { name: 'Not you?' }).click()
      await expectHeading(page, 'Sign in')
      await page.getByLabel('Email, phone or username').fill(ada.email)
      await page.getByRole('button', { name: 'Next' }).click()
      await page.getByLabel('Password').fill('not this one')
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.getByRole('alert').waitFor()
      expect(await page.getByLabel('Email, phone or username').inputValue()).to.equal(ada.email)
      await page.getByLabel('Password').fill(ada.password)
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.getByRole('button', { name: 'Allow' }).click()
      await expectHeading(page, `Welcome ${ada.id}`)
    })
  }
})

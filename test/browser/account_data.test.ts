import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

describe('What is known of an account, in a browser', function () {
  this.timeout(60_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore({ worker: true })
  })
  const test = browserTests()
  after(() => server?.stop())

  /** The trail hears of an event a moment after it is true. */
  async function waitForActivity(page: Page, words: string): Promise<void> {
    const found = page.locator('#activities').getByText(words, { exact: true })
    for (let tries = 0; tries < 20 && !(await found.first().isVisible()); tries += 1) {
      await page.waitForTimeout(500)
      await page.reload()
    }
    await found.first().waitFor()
  }

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`is told from the devices on, ${how}`, async (newVisitor) => {
      const person = await addPerson(server)
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(`${server.issuer}/account/sessions`)
      await fillInLogin(page, { ...person, password: 'not the right one' })
      await page.locator('#problem').waitFor()
      await fillInLogin(page, person)
      await expectHeading(page, 'Devices')
      await page.locator('#to-activity').click()
      await expectHeading(page, 'Recent activity')
      await waitForActivity(page, 'Signed in')
      await waitForActivity(page, 'A sign-in failed')
      await page.locator('#nav-overview').click()
      await page.locator('#to-activity').click()
      await expectHeading(page, 'Recent activity')
    })

    test(`is taken along as a file, ${how}`, async (newVisitor) => {
      const person = await addPerson(server)
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(`${server.issuer}/account`)
      await fillInLogin(page, person)
      await page.locator('#to-data').click()
      await expectHeading(page, 'Your data')
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.locator('#download').click(),
      ])
      expect(download.suggestedFilename()).to.equal('account-data.json')
      const { account } = JSON.parse(await readFile(await download.path(), 'utf8'))
      expect(account).to.include({ id: person.id, email: person.email })
      await expectHeading(page, 'Your data')
      await page.goto(`${server.issuer}/account/activity`)
      await waitForActivity(page, 'Everything held about you was handed out')
    })
  }
})

import { expect } from 'chai'
import { generateRecoveryCodes } from '../../src/domain/credentials/recovery_codes/generate_recovery_codes.ts'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

describe('The inbox of an account, in a browser', function () {
  this.timeout(60_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore({ worker: true })
  })
  const test = browserTests()
  after(() => server?.stop())

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`tells what happened, until it is read, ${how}`, async (newVisitor) => {
      const person = await addPerson(server)
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(`${server.issuer}/account`)
      await fillInLogin(page, person)
      await expectHeading(page, 'Your account')
      await generateRecoveryCodes(server.parts, person.id, {})
      // The worker hears of an event a moment after it is true.
      for (let tries = 0; tries < 40 && !(await page.locator('#unread').isVisible()); tries += 1) {
        await page.waitForTimeout(250)
        await page.reload()
      }
      await page.locator('#to-inbox').click()
      await expectHeading(page, 'Notices about your account')
      await page.locator('#notices').getByText('A way to sign in was added at AuthCore').waitFor()
      await page.locator('#mark-read').click()
      await page.locator('#done').waitFor()
      expect(await page.locator('#unread').count()).to.equal(0)
      expect(await page.locator('#notices li').count()).to.be.greaterThan(0)
    })
  }
})

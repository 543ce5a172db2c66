import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

describe('A username, in a browser', function () {
  this.timeout(60_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_USERNAMES: 'self' } })
  })
  const test = browserTests()
  after(() => server?.stop())

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`is chosen, and signs in, ${how}`, async (newVisitor) => {
      const person = await addPerson(server)
      const name = javaScriptEnabled ? 'lantern.keeper' : 'lantern.maker'
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(`${server.issuer}/account/profile`)
      await fillInLogin(page, person)
      await page.locator('#change-username').click()
      await expectHeading(page, 'Change your username')
      await page.locator('#username').fill('admin')
      await page.locator('#save').click()
      await page.locator('#problem').waitFor()
      await page.locator('#username').fill(name)
      await page.locator('#save').click()
      await page.locator('#done').waitFor()
      const other = await newVisitor({ javaScriptEnabled })
      await other.goto(`${server.issuer}/account`)
      await fillInLogin(other, { ...person, email: name })
      await other.locator('#username').getByText(name).waitFor()
    })
  }
})

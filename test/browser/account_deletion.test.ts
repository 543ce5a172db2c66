import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

describe('Deleting an account in a browser', function () {
  this.timeout(60_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore()
  })
  const test = browserTests()
  after(() => server?.stop())

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`can be thought better of, ${how}`, async (newVisitor) => {
      const person = await addPerson(server)
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(`${server.issuer}/account`)
      await fillInLogin(page, person)
      await page.locator('#delete-account').click()
      await page.locator('#confirm-deletion').click()
      await page.getByText('you are signed out everywhere').waitFor()
      await page.goto(`${server.issuer}/account`)
      await fillInLogin(page, person)
      await page.getByText('This account will be deleted on').waitFor()
      await page.getByRole('button', { name: 'Keep the account' }).click()
      // The page that the button leads to, before another one is asked for.
      await page.waitForURL(`${server.issuer}/account`)
      await page.goto(`${server.issuer}/account`)
      await expectHeading(page, 'Your account')
      await page.locator('#delete-account').waitFor()
    })
  }
})

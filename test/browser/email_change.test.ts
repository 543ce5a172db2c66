import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

describe('Another e-mail address in a browser', function () {
  this.timeout(60_000)
  let mail: SmtpSink
  let server: AuthCore
  before(async () => {
    mail = await startSmtp()
    server = await startAuthCore({ worker: true, env: mail.env() })
  })
  const test = browserTests()
  after(async () => {
    await server?.stop()
    await mail?.stop()
  })

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`is proven by its code, and taken back by the old one, ${how}`, async (newVisitor) => {
      const person = await addPerson(server)
      const email = `changed.${javaScriptEnabled}@example.net`
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(`${server.issuer}/account/profile`)
      await fillInLogin(page, person)
      await page.getByRole('link', { name: 'Change your email address' }).click()
      await page.getByLabel('New email address').fill(email)
      await page.getByRole('button', { name: 'Send the code' }).click()
      const { code } = await mail.next(email)
      await page.locator('#code').fill(code!)
      await page.locator('#confirm').click()
      await page.getByText('Your email address has been changed.').waitFor()
      const owner = await newVisitor({ javaScriptEnabled })
      await owner.goto((await mail.next(person.email)).link!)
      await owner.getByRole('button', { name: 'Take it back' }).click()
      await owner.getByText('Your old address is back').waitFor()
      await owner.locator('#password').fill('nine patient harbours')
      await owner.locator('#set-password').click()
      await owner.locator('#password-changed').waitFor()
      await page.goto(`${server.issuer}/account`)
      await expectHeading(page, 'Sign in')
    })
  }
})

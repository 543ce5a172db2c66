import { expect } from 'chai'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

describe('An unusual sign-in in a browser', function () {
  this.timeout(90_000)
  let mail: SmtpSink
  let server: AuthCore
  let site: ClientSite
  before(async () => {
    mail = await startSmtp()
    const env = { ...mail.env(), AUTHCORE_RISK_NEW_DEVICE: 'factor' }
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

    test(`is confirmed by a code from the mailbox, and told of, ${how}`, async (newVisitor) => {
      const person = await addPerson(server)
      const known = await newVisitor({ javaScriptEnabled })
      await known.goto(site.startUri)
      await fillInLogin(known, person)
      await known.getByRole('button', { name: 'Allow' }).click()
      await expectHeading(known, `Welcome ${person.id}`)

      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(site.startUri)
      await fillInLogin(page, person)
      await expectHeading(page, 'Is it you?')
      await page.getByRole('button', { name: 'Send the code' }).click()
      const { code } = await mail.next(person.email)
      await page.getByLabel('Code from the email').fill('0000-0000')
      await page.getByRole('button', { name: 'Go on' }).click()
      expect(await page.getByRole('alert').innerText()).to.include('This code is not right')
      await page.getByLabel('Code from the email').fill(code!)
      await page.getByRole('button', { name: 'Go on' }).click()
      await expectHeading(page, `Welcome ${person.id}`)
      expect((await mail.next(person.email)).subject).to.include('New sign-in')

      await page.goto(`${site.startUri}?prompt=login`)
      await fillInLogin(page, person)
      await expectHeading(page, `Welcome ${person.id}`)
    })
  }
})

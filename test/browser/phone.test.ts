import { expect } from 'chai'
import { totpCodeAt } from '../../src/domain/credentials/totp/totp.ts'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { type SmsSink, startSms } from '../support/sms.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { browserTests, fillInLogin } from './visitor.ts'

describe('A telephone number in a browser', function () {
  this.timeout(90_000)
  let mail: SmtpSink
  let sms: SmsSink
  let server: AuthCore
  before(async () => {
    mail = await startSmtp()
    sms = await startSms()
    server = await startAuthCore({ worker: true, env: { ...mail.env(), ...sms.env() } })
  })
  const test = browserTests()
  after(async () => {
    await server?.stop()
    await mail?.stop()
    sms?.stop()
  })

  for (const [javaScriptEnabled, phone] of [
    [true, '+491719876501'],
    [false, '+491719876502'],
  ] as const) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`is proven, stands as a second factor, signs in, and is taken away, ${how}`, async (newVisitor) => {
      const person = await addPerson(server)
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(`${server.issuer}/account/profile`)
      await fillInLogin(page, person)
      await page.locator('#change-phone').click()
      await page.locator('#phone').fill('0171 123')
      await page.locator('#send-code').click()
      await page.locator('#problem').waitFor()
      await page.locator('#phone').fill(phone)
      await page.locator('#send-code').click()
      await page.locator('#code').fill((await sms.next(phone, 'verify_phone')).code!)
      await page.locator('#confirm').click()
      await page.locator('#done').waitFor()
      expect((await mail.next(person.email)).subject).to.include('phone number')

      await page.goto(`${server.issuer}/account/security/totp`)
      await page.locator('.manual summary').click()
      const secret = (await page.locator('#totp-secret').innerText()).replace(/\s/g, '')
      await page.locator('#code').fill(totpCodeAt(secret, new Date()))
      await page.locator('#confirm').click()
      await page.locator('#recovery-codes').waitFor()
      await page.goto(`${server.issuer}/account/security`)
      // There is a second factor now: whoever changes something shows it.
      await page.locator('#sms-factor').click()
      await page.locator('#code').fill(totpCodeAt(secret, new Date(Date.now() + 30_000)))
      await page.locator('#verify').click()
      await page.locator('#sms-factor').click()
      await page.locator('#done').waitFor()
      expect((await mail.next(person.email)).subject).to.include('was added')

      const other = await newVisitor({ javaScriptEnabled })
      await other.goto(`${server.issuer}/account`)
      await fillInLogin(other, { ...person, email: phone })
      await other.locator('#use-sms').click()
      await other.locator('#send-sms').click()
      await other.locator('#code').fill((await sms.next(phone, 'second_factor_code')).code!)
      await other.locator('#verify').click()
      await other.locator('#phone').waitFor()
      await other.goto(`${server.issuer}/account/profile/phone`)
      await other.locator('#remove-number').click()
      await other.locator('#done').waitFor()
      expect((await sms.next(phone, 'phone_changed')).text).to.include('was changed')
      await other.goto(`${server.issuer}/account`)
      expect(await other.locator('#phone').count()).to.equal(0)
    })
  }
})

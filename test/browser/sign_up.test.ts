import { expect } from 'chai'
import { issueInvitation } from '../../src/domain/accounts/invitation.ts'
import { type AuthCore, startAuthCore } from '../support/authcore.ts'
import { type SmsSink, startSms } from '../support/sms.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading } from './visitor.ts'

const PASSWORD = 'seven quiet lanterns'
const NEW_PASSWORD = 'nine patient harbours'

describe('A newcomer in a browser', function () {
  this.timeout(90_000)
  let mail: SmtpSink
  let server: AuthCore
  let site: ClientSite
  before(async () => {
    mail = await startSmtp()
    server = await startAuthCore({ worker: true, env: { ...mail.env(), AUTHCORE_SIGN_UP: 'open' } })
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

    test(`signs up, forgets the password and comes back, ${how}`, async (newVisitor) => {
      const email = `grace.${javaScriptEnabled ? 'js' : 'plain'}@example.test`
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(site.startUri)
      await page.getByRole('link', { name: 'Create an account' }).click()
      await page.getByLabel('Email').fill(email)
      await page.getByLabel('Your name').fill('Grace Example')
      await page.getByLabel('Password').fill(PASSWORD)
      await page.getByRole('button', { name: 'Continue' }).click()
      await expectHeading(page, 'Check your email')
      await page.getByLabel('Code from the email').fill((await mail.next(email)).code!)
      await page.getByRole('button', { name: 'Confirm' }).click()
      await page.getByRole('button', { name: 'Allow' }).click()
      await expectHeading(page, /^Welcome /)

      await page.goto(`${site.startUri}?prompt=login`)
      await page.getByRole('link', { name: 'Forgot your password?' }).click()
      await page.getByLabel('Email, phone or username').fill(email)
      await page.getByRole('button', { name: 'Send the code' }).click()
      await expectHeading(page, 'Choose a new password')
      await page.getByLabel('Code', { exact: true }).fill((await mail.next(email)).code!)
      await page.getByLabel('New password').fill(NEW_PASSWORD)
      await page.getByRole('button', { name: 'Set the password' }).click()
      await expectHeading(page, 'Your password has been changed')
      await page.getByRole('link', { name: 'Sign in', exact: true }).click()
      await page.getByLabel('Email, phone or username').fill(email)
      await page.getByLabel('Password').fill(NEW_PASSWORD)
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await expectHeading(page, /^Welcome /)
    })
  }

  test('comes by an invitation, without JavaScript', async (newVisitor) => {
    const email = 'invited@example.test'
    const { token } = await issueInvitation(server.parts, { email, lifeS: 3_600, by: 'test' })
    const page = await newVisitor({ javaScriptEnabled: false })
    await page.goto(`${server.issuer}/invitation?link=${token}`)
    await expectHeading(page, 'You are invited')
    await page.getByRole('button', { name: 'Create an account' }).click()
    await expectHeading(page, 'Create your account')
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByLabel('Code from the email').fill((await mail.next(email)).code!)
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.locator('#nav-security').waitFor()
  })

  test('finds the code filled in by the link of the mail', async (newVisitor) => {
    const email = 'link@example.test'
    const page = await newVisitor()
    await page.goto(site.startUri)
    await page.getByRole('link', { name: 'Create an account' }).click()
    await page.getByLabel('Email').fill(email)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Continue' }).click()
    const { link, code } = await mail.next(email)
    const phone = await newVisitor()
    await phone.goto(link!)
    await expectHeading(phone, 'Enter this code where you began')
    await phone.getByText(code!.replace('-', ' ')).waitFor()
    await page.goto(link!)
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.getByRole('button', { name: 'Allow' }).click()
    await expectHeading(page, /^Welcome /)
  })
})

describe('A newcomer in a browser, where signing up has two pages', function () {
  this.timeout(90_000)
  let mail: SmtpSink
  let server: AuthCore
  let site: ClientSite
  before(async () => {
    mail = await startSmtp()
    const env = {
      ...mail.env(),
      AUTHCORE_SIGN_UP: 'open',
      AUTHCORE_SIGN_IN_PAGE: 'identifier_first',
      AUTHCORE_SIGN_UP_DOMAINS: 'example.test',
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

    test(`takes the address along, changes it, and gets an account, ${how}`, async (newVisitor) => {
      const email = `ada.${javaScriptEnabled ? 'js' : 'plain'}@example.test`
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(site.startUri)
      await page.getByLabel('Email, phone or username').fill('ada.typo@example.test')
      await page.getByRole('button', { name: 'Create an account' }).click()
      await expectHeading(page, 'Create your account')
      expect(await page.getByLabel('Email').inputValue()).to.equal('ada.typo@example.test')
      await page.getByRole('button', { name: 'Next' }).click()
      await expectHeading(page, 'Set up your account')
      await page.getByRole('link', { name: 'Use another address' }).click()
      await expectHeading(page, 'Create your account')
      await page.getByLabel('Email').fill('ada@elsewhere.test')
      await page.getByRole('button', { name: 'Next' }).click()
      await page.getByRole('alert').waitFor()
      await page.getByLabel('Email').fill(email)
      await page.getByRole('button', { name: 'Next' }).click()
      await expectHeading(page, 'Set up your account')
      expect(await page.getByLabel('Email').inputValue()).to.equal(email)
      await page.getByLabel('Your name').fill('Ada Example')
      await page.getByLabel('Password').fill(PASSWORD)
      await page.getByRole('button', { name: 'Continue' }).click()
      await expectHeading(page, 'Check your email')
      await page.getByLabel('Code from the email').fill((await mail.next(email)).code!)
      await page.getByRole('button', { name: 'Confirm' }).click()
      await page.getByRole('button', { name: 'Allow' }).click()
      await expectHeading(page, /^Welcome /)
    })
  }

  test('signs in by the key Enter, which makes no account', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(site.startUri)
    await page.getByLabel('Email, phone or username').fill('ada@example.test')
    await page.keyboard.press('Enter')
    await expectHeading(page, 'Enter your password')
    await page.getByRole('link', { name: 'Create an account' }).click()
    expect(await page.getByLabel('Email').inputValue()).to.equal('ada@example.test')
  })
})

describe('A newcomer with a telephone, in a browser', function () {
  this.timeout(90_000)
  let sms: SmsSink
  let server: AuthCore
  let site: ClientSite
  before(async () => {
    sms = await startSms()
    const env = {
      ...sms.env(),
      AUTHCORE_SIGN_UP: 'open',
      AUTHCORE_SIGN_UP_BY: 'email_or_phone',
      AUTHCORE_PHONE_COUNTRY: 'DE',
    }
    server = await startAuthCore({ worker: true, env })
    site = await startClientSite(server)
  })
  const test = browserTests()
  after(async () => {
    await site?.stop()
    await server?.stop()
    sms?.stop()
  })

  for (const [javaScriptEnabled, phone] of [
    [true, '+491719877601'],
    [false, '+491719877602'],
  ] as const) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`signs up by its number, and comes back with it, ${how}`, async (newVisitor) => {
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(site.startUri)
      await page.getByRole('link', { name: 'Create an account' }).click()
      await page.getByLabel('Email or phone number').fill(phone.replace('+49', '0'))
      await page.getByLabel('Password').fill(PASSWORD)
      await page.getByRole('button', { name: 'Continue' }).click()
      await expectHeading(page, 'Check your phone')
      const { code } = await sms.next(phone, 'verify_phone')
      await page.getByLabel('Code from the message').fill(code!)
      await page.getByRole('button', { name: 'Confirm' }).click()
      await page.getByRole('button', { name: 'Allow' }).click()
      await expectHeading(page, /^Welcome /)

      await page.goto(`${site.startUri}?prompt=login`)
      await page.getByLabel('Email, phone or username').fill(phone)
      await page.getByLabel('Password').fill(PASSWORD)
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await expectHeading(page, /^Welcome /)
    })
  }
})

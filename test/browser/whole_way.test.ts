import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { MULTI_FACTOR_ACR, PASSWORD_ACR } from '../../src/domain/authentication/assurance.ts'
import { totpCodeAt } from '../../src/domain/credentials/totp/totp.ts'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { addAuthenticator } from './authenticator.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading, fillInLogin, signIn } from './visitor.ts'

const PASSWORD = 'seven quiet lanterns'
const TELL = new URLSearchParams({ claims: JSON.stringify({ id_token: { acr: null, amr: null } }) })

describe('The whole way of a person, in one browser', function () {
  this.timeout(120_000)
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

  test('signs up, types the code, makes a passkey, signs out, and is let in by the passkey', async (newVisitor) => {
    const email = 'whole.way@example.test'
    const page = await newVisitor()
    const authenticator = await addAuthenticator(page)
    await authenticator.present(false)
    await page.goto(site.startUri)
    await page.getByRole('link', { name: 'Create an account' }).click()
    await page.getByLabel('Email').fill(email)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByLabel('Code from the email').fill((await mail.next(email)).code!)
    await page.getByRole('button', { name: 'Confirm' }).click()
    await page.getByRole('button', { name: 'Allow' }).click()
    await expectHeading(page, /^Welcome /)

    await page.goto(`${server.issuer}/account/security/passkey`)
    await authenticator.present(true)
    await page.getByRole('button', { name: 'Create the passkey' }).click()
    await page.getByRole('link', { name: 'I have kept them' }).click()
    await authenticator.present(false)
    await page.goto(`${server.issuer}/logout`)
    await page.locator('#logout').click()
    await page.locator('#continue').waitFor()

    // The field offers the passkey by itself: nobody types a name, or anything else.
    await authenticator.present(true)
    await page.goto(`${site.startUri}?${TELL}`)
    await expectHeading(page, /^Welcome /)
    expect(decodeJwt(site.tokens().id_token!)['amr']).to.deep.equal(['hwk', 'mfa'])
  })

  test('shows the missing factor, and no password, where an application asks for more of a session', async (newVisitor) => {
    const person = await addPerson(server)
    const page = await newVisitor()
    await signIn(page, site, person)
    await page.goto(`${site.startUri}?${TELL}`)
    await expectHeading(page, /^Welcome /)
    expect(decodeJwt(site.tokens().id_token!)['acr']).to.equal(PASSWORD_ACR)
    const elsewhere = await newVisitor()
    await elsewhere.goto(`${server.issuer}/account/security/totp`)
    await fillInLogin(elsewhere, person)
    await elsewhere.locator('.manual summary').click()
    const secret = (await elsewhere.locator('#totp-secret').innerText()).replace(/\s/g, '')
    await elsewhere.locator('#code').fill(totpCodeAt(secret, new Date()))
    await elsewhere.locator('#confirm').click()
    await elsewhere.locator('#recovery-codes').waitFor()

    await page.goto(`${site.startUri}?acr_values=${MULTI_FACTOR_ACR}&${TELL}`)
    await expectHeading(page, 'Confirm it’s you')
    expect(await page.locator('#password').count()).to.equal(0)
    await page.locator('#code').fill(totpCodeAt(secret, new Date(Date.now() + 30_000)))
    await page.locator('#verify').click()
    await expectHeading(page, /^Welcome /)
    expect(decodeJwt(site.tokens().id_token!)['acr']).to.equal(MULTI_FACTOR_ACR)
  })
})

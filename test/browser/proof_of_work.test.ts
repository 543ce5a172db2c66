import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { browserTests } from './visitor.ts'

describe('A proof of work in a browser', function () {
  this.timeout(90_000)
  let mail: SmtpSink
  let server: AuthCore
  before(async () => {
    mail = await startSmtp()
    const env = { ...mail.env(), AUTHCORE_SIGN_UP: 'open', AUTHCORE_PROOF_OF_WORK: 'on' }
    server = await startAuthCore({ worker: true, env })
  })
  const test = browserTests()
  after(async () => {
    await server?.stop()
    await mail?.stop()
  })

  test('is made while the form is filled in', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(`${server.issuer}/account`)
    await page.locator('#sign-up').click()
    await page.locator('#login').fill('robotless@example.test')
    await page.locator('#password').fill('nine patient harbours')
    await page.locator('#create-account').click()
    const { code } = await mail.next('robotless@example.test')
    await page.locator('#code').fill(code!)
    await page.locator('#code').press('Enter')
    await page.locator('#sign-out').waitFor()
  })

  test('is waited for by a form that is sent before it is done', async (newVisitor) => {
    const { email } = await addPerson(server)
    const page = await newVisitor()
    await page.goto(`${server.issuer}/account`)
    await page.locator('#forgot-password').click()
    await page.locator('#login').fill(email)
    await page.locator('#send-code').click()
    await page.locator('#code').fill((await mail.next(email)).code!)
  })

  test('is told of where there is no JavaScript', async (newVisitor) => {
    const page = await newVisitor({ javaScriptEnabled: false })
    await page.goto(`${server.issuer}/account`)
    await page.locator('#forgot-password').click()
    await page.locator('#proof-script').waitFor()
  })
})

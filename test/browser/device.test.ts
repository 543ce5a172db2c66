import { expect } from 'chai'
import * as oidc from 'openid-client'
import { ipKeys } from '../../src/domain/security/ip_key.ts'
import { type AuthCore, addClient, addPerson, startAuthCore } from '../support/authcore.ts'
import { type RelyingParty, relyingParty } from '../support/relying_party.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

const PHONE = { width: 375, height: 667 }

describe('Connecting a device with a browser (RFC 8628)', function () {
  this.timeout(60_000)
  let server: AuthCore
  let television: RelyingParty
  before(async () => {
    server = await startAuthCore()
    const client = await addClient(server, { preset: 'device', name: 'Television', metadata: {} })
    television = await relyingParty(server, client)
  })
  const test = browserTests()
  after(() => server?.stop())

  const begin = () =>
    oidc.initiateDeviceAuthorization(television.configuration, { scope: 'openid profile' })
  const poll = (begun: oidc.DeviceAuthorizationResponse) =>
    oidc.pollDeviceAuthorizationGrant(television.configuration, { ...begun, interval: 0.2 })

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`takes the code, asks whether it is this device and signs in, ${how}`, async (newVisitor) => {
      const [ada, begun, page] = await Promise.all([
        addPerson(server),
        begin(),
        newVisitor({ ...PHONE, javaScriptEnabled }),
      ])
      await page.goto(begun.verification_uri)
      await expectHeading(page, 'Connect a device')
      await page.locator('#user_code').fill(begun.user_code.toLowerCase().replace('-', ' '))
      await page.locator('#submit-code').click()
      await expectHeading(page, 'Is this your device?')
      expect(await page.locator('#device-user-code').innerText()).to.equal(begun.user_code)
      await page.getByRole('button', { name: 'Yes, connect' }).click()
      await fillInLogin(page, ada)
      await expectHeading(page, 'Television would like to access your account')
      await page.locator('#allow').click()
      await expectHeading(page, 'Your device is connected')
      const tokens = await poll(begun)
      expect(tokens.claims()).to.include({ sub: ada.id })
    })

    test(`brings the code along from a link but connects nothing by itself, ${how}`, async (newVisitor) => {
      const begun = await begin()
      const page = await newVisitor({ ...PHONE, javaScriptEnabled })
      await page.goto(begun.verification_uri_complete!)
      if (!javaScriptEnabled) await page.locator('#continue').click()
      await expectHeading(page, 'Is this your device?')
      expect(await page.locator('#device-user-code').innerText()).to.equal(begun.user_code)
      await page.getByRole('button', { name: 'Cancel' }).click()
      await expectHeading(page, 'The device was not connected')
      expect((await poll(begun).catch((error) => error)).error).to.equal('access_denied')
    })
  }

  test('says what is wrong with a code, at its field, and takes another', async (newVisitor) => {
    const begun = await begin()
    const page = await newVisitor(PHONE)
    await page.goto(begun.verification_uri)
    await page.locator('#user_code').fill('BBBB-BBBB')
    await page.locator('#submit-code').click()
    expect(await page.getByRole('alert').innerText()).to.match(/^We don’t know this code/)
    expect(await page.locator('#user_code').inputValue()).to.equal('BBBB-BBBB')
    expect(await page.evaluate('document.activeElement.id')).to.equal('user_code')
    await page.locator('#user_code').fill(begun.user_code)
    await page.locator('#submit-code').click()
    await expectHeading(page, 'Is this your device?')
  })

  test('tells whoever guesses codes when to go on', async (newVisitor) => {
    const page = await newVisitor(PHONE)
    await page.goto(`${server.issuer}/device`)
    const { limits } = server.parts
    const addresses = ['127.0.0.1', '::1'].map((address) => ipKeys(address).narrow)
    try {
      for (const address of addresses) {
        for (let i = 0; i < 31; i++) await limits.consume('user_code_ip', address)
      }
      await page.locator('#user_code').fill('BBBB-BBBB')
      await page.locator('#submit-code').click()
      await expectHeading(page, 'Too many requests')
      expect(await page.locator('.lead').innerText()).to.match(/Try again in \d+ minutes\.$/)
    } finally {
      for (const address of addresses) await limits.reset('user_code_ip', address)
    }
  })

  for (const [where, button] of [
    ['sign-in', 'Back to Television'],
    ['consent', 'Not now'],
  ] as const) {
    test(`tells the device of a person who turns back on the ${where} page`, async (newVisitor) => {
      const begun = await begin()
      const page = await newVisitor(PHONE)
      await page.goto(begun.verification_uri_complete!)
      await page.getByRole('button', { name: 'Yes, connect' }).click()
      if (where === 'consent') await fillInLogin(page, await addPerson(server))
      await page.getByRole('button', { name: button }).click()
      await expectHeading(page, 'The device was not connected')
      expect((await poll(begun).catch((error) => error)).error).to.equal('access_denied')
    })
  }

  test('forgives a double click on each button', async (newVisitor) => {
    const begun = await begin()
    const page = await newVisitor(PHONE)
    await page.goto(begun.verification_uri)
    await page.locator('#user_code').fill(begun.user_code)
    await page.locator('#submit-code').dblclick()
    await expectHeading(page, 'Is this your device?')
    await page.getByRole('button', { name: 'Yes, connect' }).dblclick()
    await expectHeading(page, /^(Sign in|This page has expired|Connect a device)$/)
  })

  test('shows a browser without cookies the way on', async (newVisitor) => {
    const begun = await begin()
    const page = await newVisitor(PHONE)
    await page.goto(begun.verification_uri)
    await page.locator('#user_code').fill(begun.user_code)
    await page.context().clearCookies()
    await page.locator('#submit-code').click()
    await expectHeading(page, 'Your browser did not send our cookie')
    await page.getByRole('link', { name: 'Start again' }).click()
    await expectHeading(page, 'Connect a device')
  })
})

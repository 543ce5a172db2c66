import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { axe } from '../support/chromium.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading, fillInLogin, type NewVisitor } from './visitor.ts'

const PASSPHRASE = 'seven quiet lanterns'

describe('A new password while it is typed', function () {
  this.timeout(90_000)
  let server: AuthCore
  let site: ClientSite
  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_SIGN_UP: 'open' } })
    site = await startClientSite(server)
  })
  const test = browserTests()
  after(async () => {
    await site?.stop()
    await server?.stop()
  })

  async function openSignUp(newVisitor: NewVisitor, options = {}): Promise<Page> {
    const page = await newVisitor(options)
    await page.goto(site.startUri)
    await page.locator('#sign-up').click()
    await page.locator('#create-account').waitFor()
    return page
  }

  const line = (page: Page) => page.locator('#password-strength')
  const bar = (page: Page) => page.getByRole('meter', { name: 'Strength' })
  const barValue = (page: Page) => page.evaluate<number>("document.querySelector('meter').value")

  /** Types it and waits until the line says this. */
  async function expectLine(page: Page, password: string, text: string): Promise<void> {
    await page.locator('#password').fill(password)
    await line(page).filter({ hasText: text }).waitFor()
  }

  test('says how many characters are wanted, as the server counts them', async (newVisitor) => {
    const page = await openSignUp(newVisitor)
    expect(await bar(page).isVisible()).to.equal(false)
    await expectLine(page, 'lantern', '8 more characters are needed.')
    expect(await barValue(page)).to.be.within(0.1, 0.9)
    // One code point each, after composition.
    await expectLine(page, '🏮'.repeat(14), '1 more character is needed.')
    await expectLine(page, 'e\u0301'.repeat(12), '3 more characters are needed.')
    await page.locator('#password').fill('')
    await bar(page).waitFor({ state: 'hidden' })
  })

  test('is not taken in by length alone', async (newVisitor) => {
    const page = await openSignUp(newVisitor)
    for (const password of [
      'a'.repeat(40),
      'abcdefghijklmnop12345678',
      'QWERTYUIOPasdfghjkl',
      'lantern lantern lantern',
      'xyxyyxyxxyxyyxxyyxyx',
    ]) {
      await expectLine(page, password, 'Long enough, but easy to guess.')
      expect(await barValue(page), password).to.equal(1)
      await page.locator('#password').fill('')
      await page.locator('#password-strength:empty').waitFor({ state: 'attached' })
    }
  })

  test('grows with what nobody could foresee', async (newVisitor) => {
    const page = await openSignUp(newVisitor)
    await expectLine(page, 'lantern moon 12345678', 'Fair.')
    expect(await barValue(page)).to.equal(2)
    await expectLine(page, 'quiet lanterns on', 'Good.')
    expect(await barValue(page)).to.equal(3)
    await expectLine(page, PASSPHRASE, 'Strong.')
    expect(await barValue(page)).to.equal(4)
  })

  test('wants the address, the name and the brand left out', async (newVisitor) => {
    const page = await openSignUp(newVisitor)
    const leaveOut = 'Leave out your name'
    await expectLine(page, 'my authcore of quiet lanterns', leaveOut)
    await expectLine(page, PASSPHRASE, 'Strong.')
    await page.locator('#login').fill('quiet@example.test')
    await line(page).filter({ hasText: leaveOut }).waitFor()
    expect(await barValue(page)).to.equal(1)
    await page.locator('#login').fill('grace@example.test')
    await line(page).filter({ hasText: 'Strong.' }).waitFor()
    await page.locator('#name').fill('Quiet Lanterns')
    await line(page).filter({ hasText: leaveOut }).waitFor()
  })

  test('is told to a screen reader after a pause, and passes WCAG 2.2 AA', async (newVisitor) => {
    const page = await openSignUp(newVisitor)
    await page.evaluate(
      `{ globalThis.told = []
        new MutationObserver(() => told.push(document.getElementById('password-strength').textContent))
          .observe(document.getElementById('password-strength'), { childList: true }) }`,
    )
    await page.locator('#password').pressSequentially(PASSPHRASE, { delay: 20 })
    await line(page).filter({ hasText: 'Strong.' }).waitFor()
    const told = await page.evaluate<string[]>('told')
    expect(told.length).to.be.below(PASSPHRASE.length / 2)
    expect(await line(page).getAttribute('aria-live')).to.equal('polite')
    const described = await page.locator('#password').getAttribute('aria-describedby')
    expect(described?.split(' ')).to.include('password-strength')
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      expect(await axe(page), colorScheme).to.deep.equal([])
    }
  })

  test('speaks the language of the page', async (newVisitor) => {
    const page = await openSignUp(newVisitor, { locale: 'ar' })
    await expectLine(page, 'seven quiet l', 'ينقص حرفان.')
    await expectLine(page, PASSPHRASE, 'قوية.')
  })

  test('is measured with the account’s own address where it is changed', async (newVisitor) => {
    const person = await addPerson(server)
    const page = await newVisitor()
    await page.goto(`${server.issuer}/account/security`)
    await fillInLogin(page, person)
    await page.locator('#change-password').waitFor()
    await expectLine(page, PASSPHRASE, 'Strong.')
    await expectLine(page, `${person.email} and lanterns`, 'Leave out your name')
  })

  test('is not commented on without JavaScript, and is taken', async (newVisitor) => {
    const page = await openSignUp(newVisitor, { javaScriptEnabled: false })
    await page.locator('#login').fill('plain@example.test')
    await page.locator('#password').fill(PASSPHRASE)
    expect(await bar(page).count()).to.equal(0)
    expect(await line(page).isVisible()).to.equal(false)
    await page.locator('#create-account').click()
    await expectHeading(page, 'Check your email')
  })
})

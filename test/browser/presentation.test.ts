import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading, fillInLogin, signIn } from './visitor.ts'

describe('The pages in the hands of a person', function () {
  this.timeout(60_000)
  let server: AuthCore
  let site: ClientSite
  before(async () => {
    server = await startAuthCore()
    site = await startClientSite(server)
  })
  const test = browserTests()
  after(async () => {
    await site?.stop()
    await server?.stop()
  })

  test('can be gone through with a keyboard alone, and show where it is', async (newVisitor) => {
    const person = await addPerson(server)
    const page = await newVisitor()
    await page.goto(site.startUri)
    await tabTo(page, 'login')
    await page.keyboard.type(person.email)
    await tabTo(page, 'password')
    await page.keyboard.type('wrong password')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').waitFor()
    expect(await focusedId(page)).to.equal('password')
    await page.keyboard.type(person.password)
    await tabTo(page, 'sign-in')
    await page.keyboard.press('Enter')
    await expectHeading(page, 'Lantern Books would like to access your account')
    await tabTo(page, 'switch-account')
    await tabTo(page, 'allow')
    await page.keyboard.press('Space')
    await expectHeading(page, `Welcome ${person.id}`)
    await page.goto(site.logoutUri)
    await tabTo(page, 'stay')
    await page.keyboard.press('Enter')
    await expectHeading(page, 'Signed out of the shop')
  })

  test('change their language by keyboard, and remember it', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(site.startUri)
    for (let i = 0; i < 10 && (await page.locator('summary:focus').count()) === 0; i++) {
      await page.keyboard.press('Tab')
    }
    await page.keyboard.press('Enter')
    await tabTo(page, 'locale-de')
    await page.keyboard.press('Enter')
    await expectHeading(page, 'Anmelden')
    expect(await page.locator('html').getAttribute('lang')).to.equal('de')
    await fillInLogin(page, await addPerson(server))
    await expectHeading(page, 'Lantern Books möchte auf Ihr Konto zugreifen')
    await page.goto(`${server.issuer}/nowhere`)
    await expectHeading(page, 'Diese Seite gibt es nicht')
  })

  test('lead into every language', async (newVisitor) => {
    const page = await newVisitor()
    for (const locale of ['ar', 'de', 'en', 'es', 'fr', 'ja']) {
      await page.goto(site.startUri)
      await page.locator('summary').click()
      await page.locator(`#locale-${locale}`).click()
      await page.locator(`html[lang=${locale}]`).waitFor()
      expect(await page.locator('html').getAttribute('dir')).to.equal(
        locale === 'ar' ? 'rtl' : 'ltr',
      )
    }
  })

  test('speak the language that the application asks for, to the end', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(`${site.startUri}?ui_locales=de`)
    await expectHeading(page, 'Anmelden')
    await fillInLogin(page, await addPerson(server))
    await expectHeading(page, 'Lantern Books möchte auf Ihr Konto zugreifen')
    const address = page.url()
    await page.locator('#cancel').click()
    await expectHeading(page, 'No: access_denied')
    await page.goto(address)
    await expectHeading(page, 'Dieser Schritt ist bereits erledigt')
    await signIn(page, site, await addPerson(server))
    await page.goto(`${site.logoutUri}?ui_locales=fr`)
    await expectHeading(page, 'Voulez-vous vous déconnecter\u202f?')
  })

  test('speak the language of the browser otherwise', async (newVisitor) => {
    const page = await newVisitor({ locale: 'fr-CA' })
    await page.goto(site.startUri)
    expect(await page.locator('html').getAttribute('lang')).to.equal('fr')
  })
})

describe('The pages of a brand', function () {
  this.timeout(60_000)
  let server: AuthCore
  let site: ClientSite
  before(async () => {
    server = await startAuthCore({
      env: {
        AUTHCORE_BRAND_NAME: 'Harbour',
        AUTHCORE_BRAND_LOGO: 'https://harbour.example/logo.svg',
        AUTHCORE_BRAND_ACCENT: '#6b2fa0',
        AUTHCORE_BRAND_ACCENT_DARK: '#d9b8ff',
      },
    })
    site = await startClientSite(server)
  })
  const test = browserTests()
  after(async () => {
    await site?.stop()
    await server?.stop()
  })

  test('show its logo, its name and its colours, by day and by night', async (newVisitor) => {
    const page = await newVisitor({ colorScheme: 'light' })
    await page.context().route('https://harbour.example/logo.svg', (route) =>
      route.fulfill({
        contentType: 'image/svg+xml',
        body: '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="36"><path d="M0 0h120v36H0z" fill="#6b2fa0"/></svg>',
      }),
    )
    await page.goto(site.startUri)
    expect(await page.title()).to.equal('Sign in – Harbour')
    const logo = page.getByRole('img', { name: 'Harbour' })
    expect((await logo.boundingBox())?.width).to.be.within(100, 130)
    const ground = () =>
      page.evaluate<string>("getComputedStyle(document.getElementById('sign-in')).backgroundColor")
    await page.emulateMedia({ reducedMotion: 'reduce' })
    expect(await ground()).to.equal('rgb(107, 47, 160)')
    await page.emulateMedia({ colorScheme: 'dark' })
    expect(await ground()).to.equal('rgb(217, 184, 255)')
  })
})

const focusedId = (page: Page) => page.evaluate<string>('document.activeElement.id')

/** Presses Tab until this element has the focus; whatever has it on the way must show it. */
async function tabTo(page: Page, id: string): Promise<void> {
  const passed: string[] = []
  for (let i = 0; i < 15; i++) {
    await page.keyboard.press('Tab')
    const [found, outline] = await page.evaluate<[string, string]>(
      `[document.activeElement.id, (({ outlineStyle, outlineWidth }) =>
        outlineStyle === 'none' ? '0px' : outlineWidth)(getComputedStyle(document.activeElement))]`,
    )
    if (Number.parseFloat(outline) < 2) expect.fail(`no visible focus at #${found}`)
    if (found === id) return
    passed.push(found)
  }
  expect.fail(`Tab does not lead to #${id} but to ${passed.join(', ')}`)
}

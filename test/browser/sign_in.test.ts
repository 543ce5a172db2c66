import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { type AuthCore, addPerson, type Person, startAuthCore } from '../support/authcore.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import {
  browserTests,
  expectHeading,
  fillInLogin,
  type NewVisitor,
  signIn,
  signInHere,
} from './visitor.ts'

const CONSENT = 'Lantern Books would like to access your account'

describe('Signing in with a browser', function () {
  this.timeout(60_000)
  let server: AuthCore
  let site: ClientSite
  let ada: Person
  let bob: Person
  before(async () => {
    server = await startAuthCore()
    site = await startClientSite(server)
    ada = await addPerson(server, { claims: { name: 'Ada Example' } })
    bob = await addPerson(server, { claims: { name: 'Bob Example' } })
  })
  const test = browserTests()
  after(async () => {
    await site?.stop()
    await server?.stop()
  })

  async function signedIn(person: Person, newVisitor: NewVisitor): Promise<Page> {
    const page = await newVisitor()
    await signIn(page, site, person)
    return page
  }

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`leads through password and consent to tokens, ${how}`, async (newVisitor) => {
      const person = await addPerson(server)
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(site.startUri)
      await expectHeading(page, 'Sign in')
      await fillInLogin(page, person)
      await expectHeading(page, CONSENT)
      await page.locator('#allow').click()
      await expectHeading(page, `Welcome ${person.id}`)
      expect(site.tokens().claims()).to.include({ sub: person.id })
    })

    test(`lasts beyond the browser for who asks for that, ${how}`, async (newVisitor) => {
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(site.startUri)
      await page.getByLabel('Keep me signed in').check()
      await fillInLogin(page, { ...ada, password: 'not this one' })
      await page.getByRole('alert').waitFor()
      expect(await page.getByLabel('Keep me signed in').isChecked()).to.equal(true)
      await signInHere(page, ada)
      const cookies = await page.context().cookies(server.issuer)
      const session = cookies.find(({ name }) => name === 'authcore_session')!
      expect(session.expires - Date.now() / 1000).to.be.above(13 * 86_400)
    })

    test(`posts the answer where the client asks for form_post, ${how}`, async (newVisitor) => {
      const person = await addPerson(server)
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(`${site.startUri}?response_mode=form_post`)
      await fillInLogin(page, person)
      await page.locator('#allow').click()
      if (!javaScriptEnabled) {
        await expectHeading(page, 'One moment')
        await page.locator('#continue').click()
      }
      await expectHeading(page, `Welcome ${person.id}`)
    })
  }

  test('says the same of a wrong password and of an unknown name, aloud and at the field', async (newVisitor) => {
    const page = await newVisitor()
    const words: string[] = []
    for (const email of [ada.email, 'nobody@example.test']) {
      await page.goto(site.startUri)
      await fillInLogin(page, { id: '', email, password: 'wrong password' })
      const problem = page.getByRole('alert')
      words.push(await problem.innerText())
      expect(await page.title()).to.match(/^Error: Sign in/)
      expect(await page.locator('#login').inputValue()).to.equal(email)
      expect(await page.locator('#password').inputValue()).to.equal('')
      expect(await page.evaluate('document.activeElement.id')).to.equal('password')
      const described = await page.locator('#password').getAttribute('aria-describedby')
      expect(await page.locator(`#${described}`).innerText()).to.equal(words.at(-1))
    }
    expect(words[0]).to.equal(words[1])
    await fillInLogin(page, ada)
    await expectHeading(page, new RegExp(`^(${CONSENT}|Welcome ${ada.id})$`))
  })

  test('takes whoever does not want to back to the client, from either page', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(site.startUri)
    await page.getByRole('button', { name: 'Back to Lantern Books' }).click()
    await expectHeading(page, 'No: access_denied')
    await page.goto(site.startUri)
    await fillInLogin(page, await addPerson(server))
    await page.getByRole('button', { name: 'Not now' }).click()
    await expectHeading(page, 'No: access_denied')
  })

  test('lets a person choose: the account signed in, or another', async (newVisitor) => {
    const page = await signedIn(ada, newVisitor)
    await page.goto(`${site.startUri}?prompt=select_account`)
    await expectHeading(page, 'Choose an account')
    await page.getByRole('button', { name: 'Ada Example' }).click()
    await expectHeading(page, `Welcome ${ada.id}`)
    await page.goto(`${site.startUri}?prompt=select_account`)
    await page.getByRole('button', { name: 'Use another account' }).click()
    await expectHeading(page, 'Sign in')
    const other = await addPerson(server)
    await fillInLogin(page, other)
    await expectHeading(page, CONSENT)
    await page.locator('#allow').click()
    await expectHeading(page, `Welcome ${other.id}`)
  })

  test('lets somebody else sign in at a browser where a person is signed in', async (newVisitor) => {
    const page = await signedIn(ada, newVisitor)
    await page.goto(`${site.startUri}?prompt=login`)
    await fillInLogin(page, bob)
    await expectHeading(page, CONSENT)
    await page.locator('#allow').click()
    await expectHeading(page, `Welcome ${bob.id}`)
    await page.goto(site.startUri)
    await expectHeading(page, `Welcome ${bob.id}`)
  })

  test('lets a person change the account while being asked for consent', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(site.startUri)
    await fillInLogin(page, await addPerson(server))
    await expectHeading(page, CONSENT)
    await page.getByRole('link', { name: 'Use another account' }).click()
    const other = await addPerson(server)
    await fillInLogin(page, other)
    await expectHeading(page, CONSENT)
    expect(await page.locator('.account-email').innerText()).to.equal(other.email)
    await page.locator('#allow').click()
    await expectHeading(page, `Welcome ${other.id}`)
  })

  test('asks again for a password where the client wants a fresh one, and not for consent', async (newVisitor) => {
    const page = await signedIn(ada, newVisitor)
    await page.waitForTimeout(1_100)
    await page.goto(`${site.startUri}?max_age=0`)
    await expectHeading(page, 'Sign in')
    await fillInLogin(page, ada)
    await expectHeading(page, `Welcome ${ada.id}`)
  })

  test('works in a window that the client opens beside its page', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(site.popupUri)
    const opened = page.waitForEvent('popup')
    await page.locator('#sign-in-beside').click()
    const popup = await opened
    const person = await addPerson(server)
    await fillInLogin(popup, person)
    await popup.locator('#allow').click({ noWaitAfter: true })
    await expectHeading(page, `Welcome ${person.id}`)
  })

  test('shows no page where none may be shown', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(`${site.startUri}?prompt=none`)
    await expectHeading(page, 'No: login_required')
  })

  test('asks nobody for consent to an application of the house', async (newVisitor) => {
    const house = await startClientSite(server, { name: 'House', firstParty: true })
    const page = await newVisitor()
    await page.goto(house.startUri)
    const person = await addPerson(server)
    await fillInLogin(page, person)
    await expectHeading(page, `Welcome ${person.id}`)
    await house.stop()
  })

  test('tells password managers what its fields are', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(`${site.startUri}?login_hint=${ada.email}`)
    const login = page.locator('#login')
    expect(await login.getAttribute('autocomplete')).to.equal('username webauthn')
    expect(await login.inputValue()).to.equal(ada.email)
    const password = page.locator('#password')
    expect(await password.getAttribute('autocomplete')).to.equal('current-password')
    expect(await password.getAttribute('type')).to.equal('password')
    expect(await page.locator('form:has(#login):has(#password)').count()).to.equal(1)
  })
})

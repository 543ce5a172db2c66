import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { query } from '../../src/platform/persistence/db.ts'
import { type AuthCore, addPerson, type Person, startAuthCore } from '../support/authcore.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { startCookieEater } from './cookie_eater.ts'
import {
  browserTests,
  expectHeading,
  expectLink,
  fillInLogin,
  signIn,
  signInHere,
} from './visitor.ts'

/** Whatever a person does to these pages, each ends where they can go on. */

const CONSENT = 'Lantern Books would like to access your account'

describe('What people do to pages, and where it leads them', function () {
  this.timeout(60_000)
  let server: AuthCore
  let site: ClientSite
  let ada: Person
  before(async () => {
    server = await startAuthCore()
    ;[site, ada] = await Promise.all([startClientSite(server), addPerson(server)])
  })
  const test = browserTests()
  after(async () => {
    await site?.stop()
    await server?.stop()
  })

  const startAgain = (page: Page) => page.getByRole('link', { name: 'Start again' }).click()

  /** As if this browser had been left alone for an hour. */
  async function letItExpire(page: Page): Promise<() => void> {
    await query(server.parts.db, "DELETE FROM oidc_record WHERE model = 'Interaction'")
    const cookies = await page.context().cookies()
    await page.context().clearCookies()
    const lasting = cookies.filter(({ name }) => !/authcore_(interaction|resume)/.test(name))
    await page.context().addCookies(lasting)
    const { clock } = server.parts
    const { now } = clock
    clock.now = () => new Date(Date.now() + 3_600_000)
    return () => {
      clock.now = now
    }
  }

  test('a page left open for too long starts again', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(site.startUri)
    const comeBack = await letItExpire(page)
    try {
      await fillInLogin(page, ada)
      await expectHeading(page, 'This page has expired')
    } finally {
      comeBack()
    }
    await expectLink(page, 'Back to Lantern Books', `${site.origin}/`)
    await startAgain(page)
    await signInHere(page, ada)
  })

  test('the way back from a finished sign-in says so, and leads to the client', async (newVisitor) => {
    const page = await newVisitor()
    await signIn(page, site, await addPerson(server))
    await page.goBack()
    await expectHeading(page, 'This step is already complete')
    await page.getByRole('link', { name: 'Back to Lantern Books' }).click()
    await expectHeading(page, 'The shop')
  })

  test('the address that ends a sign-in, opened again, shows the same', async (newVisitor) => {
    const page = await newVisitor()
    const seen: string[] = []
    page.on('request', (request) => seen.push(request.url()))
    await signIn(page, site, ada)
    await page.goto(seen.find((url) => /\/authorize\/[\w-]+$/.test(url))!)
    await expectHeading(page, 'This step is already complete')
    await page.getByRole('link', { name: 'Back to Lantern Books' }).click()
    await expectHeading(page, 'The shop')
  })

  test('a posted page can be reloaded', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(site.startUri)
    await fillInLogin(page, { ...ada, password: 'wrong password' })
    await page.getByRole('alert').waitFor()
    await page.reload()
    await page.getByRole('alert').waitFor()
    await signInHere(page, ada)
  })

  test('buttons forgive a double click', async (newVisitor) => {
    const page = await newVisitor()
    const person = await addPerson(server)
    await page.goto(site.startUri)
    await page.locator('#login').fill(person.email)
    await page.locator('#password').fill(person.password)
    await page.locator('#sign-in').dblclick()
    await expectHeading(page, CONSENT)
    await page.locator('#allow').dblclick()
    await expectHeading(page, `Welcome ${person.id}`)
    await page.goto(`${site.startUri}?prompt=select_account`)
    await page.locator('#account-1').dblclick()
    await expectHeading(page, `Welcome ${person.id}`)
    await page.goto(`${site.startUri}?prompt=login`)
    await page.locator('#cancel').dblclick()
    await expectHeading(page, 'No: access_denied')
  })

  test('a browser without cookies is told so, and how to get back', async (newVisitor) => {
    const proxy = await startCookieEater()
    const page = await newVisitor({ proxy: { server: proxy.url, bypass: '<-loopback>' } })
    await page.goto(site.startUri)
    await expectHeading(page, 'Your browser did not send our cookie')
    await expectLink(page, 'Back to Lantern Books', `${site.origin}/`)
    await proxy.stop()
  })

  test('too many wrong passwords are told with the time to wait', async (newVisitor) => {
    const person = await addPerson(server)
    const page = await newVisitor()
    await page.goto(site.startUri)
    for (let attempt = 0; attempt < 11; attempt++) {
      await fillInLogin(page, { ...person, password: `wrong password ${attempt}` })
      await page.getByRole('alert').waitFor()
    }
    expect(await page.getByRole('alert').innerText()).to.match(
      /^There were too many attempts to sign in\. Try again in \d+ (second|minute)s?\.$/,
    )
    await page.getByRole('button', { name: 'Back to Lantern Books' }).click()
    await expectHeading(page, 'No: access_denied')
  })

  for (const [what, path, heading] of [
    ['an address that is none', '/nowhere', 'This page does not exist'],
    [
      'a sign-in that never was',
      '/interaction/nothing/login',
      'Your browser did not send our cookie',
    ],
    ['a page that only forms lead to', '/logout/confirm', 'This page does not exist'],
    ['an unknown application', '/authorize?client_id=nobody', 'We don’t know this application'],
  ]) {
    test(`${what} leads to the start page`, async (newVisitor) => {
      const page = await newVisitor()
      const response = await page.goto(server.issuer + path)
      expect(response?.status()).to.be.within(400, 499)
      await expectHeading(page, heading!)
      await page.getByRole('link', { name: 'Go to the start page' }).click()
      await expectHeading(page, 'A safe place to sign in')
    })
  }

  test('an address that the application did not register leads back to it', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(`${site.startUri}?redirect_uri=${encodeURIComponent('https://evil.example/')}`)
    await expectHeading(page, 'We can’t send you back to this address')
    await expectLink(page, 'Back to Lantern Books', `${site.origin}/`)
  })
})

import { expect } from 'chai'
import { type AuthCore, addPerson, type Person, startAuthCore } from '../support/authcore.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading, signIn } from './visitor.ts'

describe('Signing out with a browser', function () {
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

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`asks, signs out and leads back to the client, ${how}`, async (newVisitor) => {
      const page = await newVisitor({ javaScriptEnabled })
      await signIn(page, site, ada)
      await page.goto(site.logoutUri)
      await expectHeading(page, 'Do you want to sign out?')
      expect(await page.locator('.account-email').innerText()).to.equal(ada.email)
      await page.getByRole('button', { name: 'Sign out' }).click()
      await expectHeading(page, 'Signed out of the shop')
      await page.goto(site.startUri)
      await expectHeading(page, 'Sign in')
    })

    test(`leads whoever is signed out already back to the client, ${how}`, async (newVisitor) => {
      const page = await newVisitor({ javaScriptEnabled })
      await signIn(page, site, ada)
      await page.context().clearCookies()
      await page.goto(site.logoutUri)
      if (!javaScriptEnabled) {
        await expectHeading(page, 'One moment')
        await page.locator('#continue').click()
      }
      await expectHeading(page, 'Signed out of the shop')
    })
  }

  test('leads whoever stays back to the client, still signed in', async (newVisitor) => {
    const page = await newVisitor()
    await signIn(page, site, ada)
    await page.goto(site.logoutUri)
    await page.getByRole('button', { name: 'Stay signed in' }).click()
    await expectHeading(page, 'Signed out of the shop')
    await page.goto(site.startUri)
    await expectHeading(page, `Welcome ${ada.id}`)
  })

  test('ends on a page of its own where no client asks', async (newVisitor) => {
    const page = await newVisitor()
    await signIn(page, site, ada)
    await page.goto(`${server.issuer}/logout`)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await expectHeading(page, 'You are signed out')
    await page.getByRole('link', { name: 'Go to the start page' }).click()
    await expectHeading(page, 'A safe place to sign in')
  })

  test('forgives a double click', async (newVisitor) => {
    const page = await newVisitor()
    await signIn(page, site, ada)
    await page.goto(site.logoutUri)
    await page.getByRole('button', { name: 'Sign out' }).dblclick()
    await expectHeading(page, /^(Signed out of the shop|You are signed out)$/)
  })

  test('goes on from a page that another tab has made old', async (newVisitor) => {
    const page = await newVisitor()
    await signIn(page, site, ada)
    await page.goto(site.logoutUri)
    const other = await page.context().newPage()
    await other.goto(site.logoutUri)
    await page.getByRole('button', { name: 'Sign out' }).click()
    await expectHeading(page, 'This page has expired')
    await page.getByRole('link', { name: 'Start again' }).click()
    await expectHeading(page, 'Do you want to sign out?')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await expectHeading(page, 'You are signed out')
    await other.getByRole('button', { name: 'Sign out' }).click()
    await expectHeading(other, 'You are signed out')
  })

  test('takes a browser without cookies at its word: nobody is signed in there', async (newVisitor) => {
    const page = await newVisitor()
    await signIn(page, site, ada)
    await page.goto(site.logoutUri)
    await page.context().clearCookies()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await expectHeading(page, 'You are signed out')
  })
})

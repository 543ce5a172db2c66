import { expect } from 'chai'
import { type AuthCore, addPerson, type Person, startAuthCore } from '../support/authcore.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import {
  browserTests,
  expectHeading,
  expectLink,
  fillInLogin,
  signIn,
  signInHere,
} from './visitor.ts'

const CONSENT = 'Lantern Books would like to access your account'

describe('Two tabs of one browser', function () {
  this.timeout(60_000)
  let server: AuthCore
  let site: ClientSite
  let music: ClientSite
  let ada: Person
  let bob: Person
  before(async () => {
    server = await startAuthCore()
    ;[site, music, ada, bob] = await Promise.all([
      startClientSite(server),
      startClientSite(server, { name: 'Lantern Music' }),
      addPerson(server),
      addPerson(server),
    ])
  })
  const test = browserTests()
  after(async () => {
    await Promise.all([site?.stop(), music?.stop()])
    await server?.stop()
  })

  test('sign in to two applications', async (newVisitor) => {
    const one = await newVisitor()
    const two = await one.context().newPage()
    await one.goto(site.startUri)
    await two.goto(music.startUri)
    await signInHere(one, ada)
    await signInHere(two, ada)
    await one.goBack()
    await expectHeading(one, 'This step is already complete')
    await expectLink(one, 'Back to Lantern Books', `${site.origin}/`)
  })

  test('sign in two people, and the last one is signed in', async (newVisitor) => {
    const one = await newVisitor()
    const two = await one.context().newPage()
    await one.goto(site.startUri)
    await two.goto(music.startUri)
    await signInHere(one, ada)
    await signInHere(two, bob)
    await one.goto(`${site.startUri}?prompt=select_account`)
    expect(await one.locator('.account-email').allInnerTexts()).to.deep.equal([bob.email])
  })

  test('tell each other of a changed account before consent', async (newVisitor) => {
    const one = await newVisitor()
    const two = await one.context().newPage()
    await signIn(one, site, ada)
    await one.goto(`${site.startUri}?prompt=consent`)
    await expectHeading(one, CONSENT)
    await two.goto(`${music.startUri}?prompt=login`)
    await signInHere(two, bob)
    await one.locator('#allow').click()
    await expectHeading(one, 'A different account is signed in now')
    await one.getByRole('link', { name: 'Start again' }).click()
    await expectHeading(one, CONSENT)
    expect(await one.locator('.account-email').innerText()).to.equal(bob.email)
  })

  test('tell each other of a changed account in one request', async (newVisitor) => {
    const one = await newVisitor()
    await one.goto(site.startUri)
    await fillInLogin(one, await addPerson(server))
    await expectHeading(one, CONSENT)
    const two = await one.context().newPage()
    await two.goto(one.url().replace('consent', 'login'))
    const other = await addPerson(server)
    await fillInLogin(two, other)
    await expectHeading(two, CONSENT)
    await one.locator('#allow').click()
    await expectHeading(one, 'A different account is signed in now')
    await one.getByRole('link', { name: 'Start again' }).click()
    expect(await one.locator('.account-email').innerText()).to.equal(other.email)
    await one.locator('#allow').click()
    await expectHeading(one, `Welcome ${other.id}`)
  })

  test('tell each other of signing out', async (newVisitor) => {
    const one = await newVisitor()
    const two = await one.context().newPage()
    await signIn(one, site, ada)
    await one.goto(`${site.startUri}?prompt=consent`)
    await expectHeading(one, CONSENT)
    await two.goto(site.logoutUri)
    await two.getByRole('button', { name: 'Sign out' }).click()
    await expectHeading(two, 'Signed out of the shop')
    await one.locator('#allow').click()
    await expectHeading(one, 'A different account is signed in now')
    await one.getByRole('link', { name: 'Start again' }).click()
    await expectHeading(one, 'Sign in')
  })
})

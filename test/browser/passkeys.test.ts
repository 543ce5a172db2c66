import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { PHISHING_RESISTANT_ACR } from '../../src/domain/authentication/assurance.ts'
import { type AuthCore, addPerson, type Person, startAuthCore } from '../support/authcore.ts'
import { addAuthenticator } from './authenticator.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

describe('Passkeys in a browser', function () {
  this.timeout(90_000)
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

  const security = () => `${server.issuer}/account/security`
  const allow = (page: Page) => page.locator('#allow').click()

  /** Signed in with the password, with a passkey of this name from then on. */
  async function addPasskey(page: Page, person: Person, name: string): Promise<void> {
    await page.goto(security())
    await fillInLogin(page, person)
    await page.locator('#add-passkey').click()
    await page.getByLabel('Name').fill(name)
    await page.getByRole('button', { name: 'Create the passkey' }).click()
    await expectHeading(page, 'Keep these recovery codes')
    await page.getByRole('link', { name: 'I have kept them' }).click()
    await page.getByText(name).waitFor()
  }

  test('sign in from the field before a password is asked for', async (newVisitor) => {
    const person = await addPerson(server)
    const page = await newVisitor()
    const authenticator = await addAuthenticator(page)
    await addPasskey(page, person, 'Laptop')
    await page.locator('#sign-out-everywhere').click()
    await page.waitForURL(`${server.issuer}/`)
    // The field offers it by itself: nobody clicks and nobody types.
    await authenticator.present(true)
    await page.goto(site.startUri)
    await allow(page)
    await expectHeading(page, `Welcome ${person.id}`)
  })

  test('sign in by the button, and are told what to do where none is given', async (newVisitor) => {
    const person = await addPerson(server)
    const page = await newVisitor()
    const authenticator = await addAuthenticator(page)
    await addPasskey(page, person, 'Laptop')
    await authenticator.present(false)
    await page.goto(`${site.startUri}?prompt=login`)
    await authenticator.verify(false)
    await authenticator.present(true)
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await page.getByText('The browser did not give us a passkey.').waitFor()
    await authenticator.verify(true)
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click()
    await allow(page)
    await expectHeading(page, `Welcome ${person.id}`)
  })

  test('are made on the way to what asks for them, then confirm a password', async (newVisitor) => {
    const person = await addPerson(server)
    const page = await newVisitor()
    const authenticator = await addAuthenticator(page)
    await page.goto(`${site.startUri}?acr_values=${PHISHING_RESISTANT_ACR}`)
    await fillInLogin(page, person)
    await expectHeading(page, 'Create a passkey')
    await page.getByRole('button', { name: 'Create the passkey' }).click()
    await page.getByRole('link', { name: 'I have kept them' }).click()
    await allow(page)
    await expectHeading(page, `Welcome ${person.id}`)
    await authenticator.present(false)
    await page.goto(`${site.startUri}?prompt=login`)
    await fillInLogin(page, person)
    await expectHeading(page, 'Confirm it’s you')
    await authenticator.present(true)
    await page.getByRole('button', { name: 'Use the passkey' }).click()
    await expectHeading(page, `Welcome ${person.id}`)
  })

  test('are renamed and removed by their owner', async (newVisitor) => {
    const person = await addPerson(server)
    const page = await newVisitor()
    await addAuthenticator(page)
    await addPasskey(page, person, 'Laptop')
    await page.getByText('Laptop').click()
    await page.getByLabel('Name').fill('Desk')
    await page.getByRole('button', { name: 'Rename' }).click()
    await page.getByText('The passkey has a new name.').waitFor()
    await page.locator('#remove-passkey-0').click()
    // Begun with the password alone: the passkey is asked for before it may go.
    await page.getByRole('button', { name: 'Use the passkey' }).click()
    await page.locator('#remove-passkey-0').click()
    await page.getByText('The passkey has been removed.').waitFor()
    expect(await page.getByText('Desk').count()).to.equal(0)
  })

  test('leave the page as it is without JavaScript', async (newVisitor) => {
    const person = await addPerson(server)
    const page = await newVisitor({ javaScriptEnabled: false })
    await page.goto(`${site.startUri}?acr_values=${PHISHING_RESISTANT_ACR}`)
    expect(await page.getByRole('button', { name: 'Sign in with a passkey' }).count()).to.equal(0)
    await fillInLogin(page, person)
    await expectHeading(page, 'Create a passkey')
    await page.getByText('This browser cannot use passkeys here.').waitFor()
    await page.locator('#cancel').click()
  })
})

import { expect } from 'chai'
import { decodeJwt } from 'jose'
import type { Page } from 'playwright-core'
import { MULTI_FACTOR_ACR, PASSWORD_ACR } from '../../src/domain/authentication/assurance.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { connectSource, until } from './connect_source.ts'
import { browserTests, expectHeading, fillInLogin, type NewVisitor } from './visitor.ts'

/**
 * The provider is another AuthCore, on 127.0.0.1 while ours is on localhost: two sites to the browser,
 * with cookies of their own.
 */
describe('Signing in at another AuthCore with a browser', function () {
  this.timeout(90_000)
  let upstream: AuthCore
  let server: AuthCore
  let site: ClientSite
  let grace: Person
  before(async () => {
    const [ours, theirs] = await Promise.all([freePort(), freePort()])
    upstream = await startAuthCore({
      worker: true,
      env: {
        PORT: String(theirs),
        ISSUER: `http://127.0.0.1:${theirs}`,
        AUTHCORE_OUTBOUND_ALLOW: `localhost:${ours}`,
      },
    })
    server = await startAuthCore({
      env: {
        PORT: String(ours),
        ISSUER: `http://localhost:${ours}`,
        AUTHCORE_OUTBOUND_ALLOW: `127.0.0.1:${theirs}`,
        AUTHCORE_SIGN_IN_PAGE: 'identifier_first',
      },
    })
    site = await startClientSite(server)
    const { clientId, secret } = await addClient(upstream, {
      name: 'Our house',
      metadata: {
        redirect_uris: [`${server.issuer}/federation/acme/callback`],
        post_logout_redirect_uris: [`${server.issuer}/federation/acme/logout`],
        backchannel_logout_uri: `${server.issuer}/federation/acme/backchannel_logout`,
        backchannel_logout_session_required: true,
      },
    })
    const definition = {
      domains: ['acme.example'],
      single_logout: true,
      linking: 'sign_in',
      trust_email: true,
      second_factor: { acr: [PASSWORD_ACR] },
      settings: { issuer: upstream.issuer, client_id: clientId, userinfo: true },
    }
    const env = { ACME_CLIENT_SECRET: secret! }
    await connectSource(server, 'oidc.yaml', definition, { env })
    await until(async () => (await server.parts.connections.find('acme')) !== undefined)
  })
  beforeEach(async () => {
    grace = await addPerson(upstream, { claims: { name: 'Grace Upstream' } })
  })
  const test = browserTests()
  after(async () => {
    await site?.stop()
    await server?.stop()
    await upstream?.stop()
  })

  const start = (parameters: Record<string, string> = {}) =>
    `${site.startUri}?${new URLSearchParams(parameters)}`

  /** The pages of the other one. */
  async function signInThere(page: Page, person = grace): Promise<void> {
    await page.waitForURL(`${upstream.issuer}/**`)
    await fillInLogin(page, person)
    const allow = page.locator('#allow')
    const left = page.waitForURL((url) => url.origin !== upstream.issuer).then(() => false)
    if (await Promise.race([left, allow.waitFor().then(() => true)])) await allow.click()
    await page.waitForURL((url) => url.origin !== upstream.issuer)
  }

  /** @returns whose tokens the application has */
  async function arrive(page: Page): Promise<string> {
    const allow = page.locator('#allow')
    await allow.or(page.getByRole('heading', { name: 'Welcome' })).waitFor()
    if (await allow.isVisible()) await allow.click()
    await expectHeading(page, /^Welcome /)
    return String(site.tokens().claims()?.sub)
  }

  async function signedIn(newVisitor: NewVisitor): Promise<{ page: Page; sub: string }> {
    const page = await newVisitor()
    await page.goto(start({ connection: 'acme' }))
    await signInThere(page)
    return { page, sub: await arrive(page) }
  }

  async function isSignedIn(page: Page): Promise<boolean> {
    await page.goto(start({ prompt: 'none' }))
    // Failed: the session ended between the code and the tokens.
    await expectHeading(page, /^(Welcome|No: login_required|Failed)/)
    return await page.getByRole('heading', { name: 'Welcome' }).isVisible()
  }

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    test(`takes the first time, and again, ${how}`, async (newVisitor) => {
      const page = await newVisitor({ javaScriptEnabled })
      await page.goto(start())
      await page.getByRole('link', { name: 'Continue with Acme' }).click()
      await signInThere(page)
      const sub = await arrive(page)
      const headers = { authorization: `Bearer ${site.tokens().access_token}` }
      const told = await (await fetch(`${server.issuer}/userinfo`, { headers })).json()
      expect(told).to.deep.include({
        sub,
        name: 'Grace Upstream',
        email: grace.email,
        email_verified: true,
      })
      await page.context().clearCookies({ domain: 'localhost' })
      await page.goto(start({ connection: 'acme' }))
      await expectHeading(page, `Welcome ${sub}`)
    })
  }

  test('has the password asked for there where the application wants a new sign-in', async (newVisitor) => {
    const { page, sub } = await signedIn(newVisitor)
    const before = Number(site.tokens().claims()?.['auth_time'])
    await page.waitForTimeout(1_100)
    await page.goto(start({ prompt: 'login', connection: 'acme', claims: TELL }))
    await signInThere(page)
    expect(await arrive(page)).to.equal(sub)
    const { auth_time: time } = decodeJwt(site.tokens().id_token!)
    expect(time).to.be.above(before || 0)
  })

  test('believes the class that the connection names, where the application wants it', async (newVisitor) => {
    const page = await newVisitor()
    const wanted = { connection: 'acme', acr_values: MULTI_FACTOR_ACR, claims: ESSENTIAL }
    await page.goto(start(wanted))
    await signInThere(page)
    await arrive(page)
    expect(decodeJwt(site.tokens().id_token!)['acr']).to.equal(MULTI_FACTOR_ACR)
  })

  test('is found by the domain of an address', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(start())
    await page.getByLabel('Email, phone or username').fill('grace@acme.example')
    await page.getByRole('button', { name: 'Next' }).click()
    await page.waitForURL(`${upstream.issuer}/**`)
    expect(await page.locator('#login').inputValue(), 'passed on').to.equal('grace@acme.example')
    await signInThere(page)
    await arrive(page)
  })

  test('is joined to an account that is here, whose owner signs in once', async (newVisitor) => {
    const owner = await addPerson(server, { email: grace.email })
    const page = await newVisitor()
    await page.goto(start({ connection: 'acme' }))
    await signInThere(page)
    await page.locator('#sign-in-to-link').click()
    await fillInLogin(page, owner)
    await page.locator('#link').click()
    expect(await arrive(page)).to.equal(owner.id)
    const other = await newVisitor()
    await other.goto(start({ connection: 'acme' }))
    await signInThere(other)
    expect(await arrive(other)).to.equal(owner.id)
  })

  test('is signed out there by signing out here, and comes back to the application', async (newVisitor) => {
    const { page } = await signedIn(newVisitor)
    await page.goto(site.logoutUri)
    await page.locator('#logout').click()
    await page.waitForURL(`${upstream.issuer}/**`)
    await page.locator('#logout').click()
    await expectHeading(page, 'Signed out of the shop')
    expect(await isSignedIn(page)).to.equal(false)
    await page.goto(start({ connection: 'acme' }))
    await signInThere(page)
    await arrive(page)
  })

  test('is signed out here by signing out there, and nobody else is', async (newVisitor) => {
    const { page } = await signedIn(newVisitor)
    const { page: other } = await signedIn(newVisitor)
    expect(await isSignedIn(page)).to.equal(true)
    await page.goto(`${upstream.issuer}/logout`)
    await page.locator('#logout').click()
    await expectHeading(page, 'You are signed out')
    await until(async () => !(await isSignedIn(page)))
    expect(await isSignedIn(other)).to.equal(true)
  })

  test('names another way where the provider stops in the middle', async (newVisitor) => {
    const owner = await addPerson(server)
    const page = await newVisitor({ meetsUnavailable: true })
    // It sends the browser back with a code, and is gone before anybody can redeem it.
    await page.route(`${upstream.issuer}/authorize/*`, async (route) => {
      const response = await route.fetch({ maxRedirects: 0 })
      await upstream.web.http.stop()
      await route.fulfill({ response })
    })
    await page.goto(start({ connection: 'acme' }))
    await signInThere(page)
    await page.getByText('does not answer').waitFor()
    await page.locator('#other-way').click()
    await fillInLogin(page, owner)
    expect(await arrive(page)).to.equal(owner.id)
  })
})

const TELL = JSON.stringify({ id_token: { auth_time: null } })
const ESSENTIAL = JSON.stringify({
  id_token: { acr: { essential: true, values: [MULTI_FACTOR_ACR] } },
})

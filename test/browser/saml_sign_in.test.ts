import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import path from 'node:path'
import { expect } from 'chai'
import { decodeJwt } from 'jose'
import type { Locator, Page } from 'playwright-core'
import { MULTI_FACTOR_ACR } from '../../src/domain/authentication/assurance.ts'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { issueCertificate } from '../support/certificates.ts'
import { freePort } from '../support/free_port.ts'
import { browser } from '../support/http.ts'
import { temporaryFolder } from '../support/leash.ts'
import { available, type SimpleSamlPhp, startSimpleSamlPhp } from '../support/simplesamlphp.ts'
import { requires } from '../support/skip.ts'
import { type ClientSite, startClientSite } from './client_site.ts'
import { connectSource, until } from './connect_source.ts'
import { browserTests, expectHeading, fillInLogin, type NewVisitor } from './visitor.ts'

/**
 * Single sign-on by SAML as people meet it: SimpleSAMLphp is another site to the browser, so that forms
 * come from there without our cookies and go there only where a page allows it.
 */
describe('Signing in at SimpleSAMLphp with a browser', function () {
  this.timeout(90_000)
  let idp: SimpleSamlPhp
  let server: AuthCore
  let site: ClientSite
  before(async function () {
    requires(this, available())
    idp = await startSimpleSamlPhp()
    server = await startAuthCore({
      env: {
        AUTHCORE_OUTBOUND_ALLOW: new URL(idp.url).host,
        AUTHCORE_SIGN_IN_PAGE: 'identifier_first',
      },
    })
    site = await startClientSite(server)
    await connectSource(server, 'saml.yaml', definition())
    await until(async () => (await server.parts.connections.find('acme')) !== undefined)
    const metadata = await browser().get(`${server.issuer}/federation/acme/metadata`)
    idp.trust(metadata.body)
  })
  beforeEach(() => idp.configure(ENCRYPTS))
  const test = browserTests()
  after(async () => {
    await site?.stop()
    await server?.stop()
    await idp?.stop()
  })

  const pair = issueCertificate({ rsaBits: 2048, subject: [['CN', 'acme']] })
  const definition = (settings: Record<string, unknown> = {}) => {
    const file = path.join(temporaryFolder('saml'), 'acme-saml.key')
    writeFileSync(file, pair.key)
    return {
      domains: ['acme.example'],
      single_logout: true,
      second_factor: { acr: ['urn:example:acr:mfa'] },
      settings: {
        idp: { metadata_url: idp.metadataUrl, metadata_refresh: '1h' },
        sp_private_key: { file },
        sp_certificate: pair.cert,
        ...settings,
      },
    }
  }
  const change = async (settings: Record<string, unknown>) => {
    const before = (await server.parts.connections.find('acme'))!.updatedAt
    await connectSource(server, 'saml.yaml', definition(settings), { command: 'update' })
    await until(
      async () => (await server.parts.connections.find('acme'))!.updatedAt.getTime() > +before,
    )
  }

  const start = (parameters: Record<string, string> = {}) =>
    `${site.startUri}?${new URLSearchParams(parameters)}`

  /** The page of SimpleSAMLphp. */
  async function signInThere(page: Page, who = 'student'): Promise<void> {
    await page.waitForURL(`${idp.url}/**`)
    await page.locator('#username').fill(who)
    await page.locator('#password').fill(`${who}pass`)
    await page.locator('#submit_button').click()
  }

  /** @returns whose tokens the application has */
  async function arrive(page: Page): Promise<string> {
    const allow = page.locator('#allow')
    await allow.or(page.getByRole('heading', { name: 'Welcome' })).waitFor()
    if (await allow.isVisible()) await allow.click()
    await expectHeading(page, /^Welcome /)
    return String(site.tokens().claims()?.sub)
  }

  /** Whoever is nobody here yet wants an account. */
  async function newcomer(page: Page): Promise<void> {
    const create = page.locator('#create')
    const arrived = page.locator('#allow').or(page.getByRole('heading', { name: 'Welcome' }))
    await create.or(arrived).waitFor()
    if (await create.isVisible()) await create.click()
  }

  async function signedIn(newVisitor: NewVisitor): Promise<{ page: Page; sub: string }> {
    const page = await newVisitor()
    await page.goto(start({ connection: 'acme' }))
    await signInThere(page)
    await newcomer(page)
    return { page, sub: await arrive(page) }
  }

  async function isSignedIn(page: Page): Promise<boolean> {
    await page.goto(start({ prompt: 'none' }))
    await expectHeading(page, /^(Welcome|No: login_required)/)
    return await page.getByRole('heading', { name: 'Welcome' }).isVisible()
  }

  for (const javaScriptEnabled of [true, false]) {
    const how = javaScriptEnabled ? 'with JavaScript' : 'without JavaScript'

    for (const request_binding of ['redirect', 'post']) {
      test(`takes who is sent there by ${request_binding}, ${how}`, async (newVisitor) => {
        await change({ request_binding })
        const page = await newVisitor({ javaScriptEnabled })
        const press = async (button: Locator) => {
          if (!javaScriptEnabled) await button.click()
        }
        await page.goto(start({ claims: TELL }))
        await page.getByRole('link', { name: 'Continue with Acme' }).click()
        if (request_binding === 'post') await press(page.locator('#continue'))
        await signInThere(page)
        await press(page.getByRole('button', { name: 'Submit' }))
        await newcomer(page)
        const sub = await arrive(page)
        expect(decodeJwt(site.tokens().id_token!)).to.deep.include({ sub, amr: ['fed'] })
        const told = await userInfo()
        expect(told).to.deep.include({ name: 'Stu Dent', given_name: 'Stu', family_name: 'Dent' })
        expect(told, 'nobody has proven it').not.to.have.property('email')
      })
    }
  }

  test('knows who comes again, without a question there or here', async (newVisitor) => {
    const { page, sub } = await signedIn(newVisitor)
    await page.context().clearCookies({ domain: 'localhost' })
    await page.goto(start({ connection: 'acme' }))
    await expectHeading(page, `Welcome ${sub}`)
    expect(site.tokens().claims()?.sub).to.equal(sub)
  })

  test('has the password asked for there where the application wants a new sign-in', async (newVisitor) => {
    const { page, sub } = await signedIn(newVisitor)
    await page.goto(start({ prompt: 'login', connection: 'acme' }))
    await signInThere(page)
    expect(await arrive(page)).to.equal(sub)
  })

  test('asks for the class that the application wants, and believes what is answered', async (newVisitor) => {
    const { page } = await signedIn(newVisitor)
    const wanted = { connection: 'acme', acr_values: MULTI_FACTOR_ACR, claims: ESSENTIAL }
    await page.goto(start(wanted))
    await expectHeading(page, 'You are not signed in yet')
    await page.getByText('less securely').waitFor()
    idp.configure(`${ENCRYPTS} ${TWO_FACTORS}`)
    await page.locator('#again').click()
    await arrive(page)
    expect(decodeJwt(site.tokens().id_token!)['acr']).to.equal(MULTI_FACTOR_ACR)
  })

  test('is found by the domain of an address', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(start())
    await page.getByLabel('Email, phone or username').fill('Student@ACME.example')
    await page.getByRole('button', { name: 'Next' }).click()
    await signInThere(page)
    await newcomer(page)
    await arrive(page)
  })

  test('is joined to an account that is here, whose owner signs in once', async (newVisitor) => {
    const owner = await addPerson(server)
    const page = await newVisitor()
    await page.goto(start({ connection: 'acme' }))
    await signInThere(page, 'teacher')
    await page.locator('#sign-in-to-link').click()
    await fillInLogin(page, owner)
    await page.locator('#link').click()
    expect(await arrive(page)).to.equal(owner.id)
    const other = await newVisitor()
    await other.goto(start({ connection: 'acme' }))
    await signInThere(other, 'teacher')
    expect(await arrive(other)).to.equal(owner.id)
  })

  test('is signed out there by signing out here, and comes back to the application', async (newVisitor) => {
    const { page } = await signedIn(newVisitor)
    await page.goto(site.logoutUri)
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
    const back = new URLSearchParams({ ReturnTo: `${site.origin}/bye` })
    await page.goto(`${idp.url}/saml2/idp/SingleLogoutService.php?${back}`)
    // It has our answer, or it would not send anybody on.
    await expectHeading(page, 'Signed out of the shop')
    expect(await isSignedIn(page)).to.equal(false)
    expect(await isSignedIn(other)).to.equal(true)
  })

  test('leads on whom the source sends by itself, and signs in whoever has the session there', async (newVisitor) => {
    await change({ idp_initiated: true, idp_initiated_client: site.clientId })
    const page = await newVisitor()
    const tile = new URLSearchParams({ spentityid: `${server.issuer}/federation/acme/metadata` })
    await page.goto(`${idp.ssoUrl}?${tile}`)
    await signInThere(page)
    await expectHeading(page, /^Continue to .*Lantern Books.*\?$/)
    expect(await isSignedIn(await sameBrowser(page)), 'not by itself').to.equal(false)
    await page.locator('#continue').click()
    await expectHeading(page, 'The shop')
    await page.locator('#sign-in-again').click()
    await newcomer(page)
    await arrive(page)
    const told = await userInfo()
    expect(told).to.deep.include({ name: 'Stu Dent' })
  })

  const sameBrowser = (page: Page) => page.context().newPage()

  test('is sent by a form to a source that sends it on to another host', async (newVisitor) => {
    const port = await freePort()
    const relay = createServer((request, response) => {
      if (request.method !== 'POST') return void response.end('<h1>Sign in at the far end</h1>')
      response.writeHead(303, { Location: `http://127.0.0.1:${port}/far` }).end()
    }).listen(port)
    const hops = definition({
      idp: {
        entity_id: 'urn:relay',
        sso_url: `http://localhost:${port}/sso`,
        certificates: [pair.cert],
      },
      request_binding: 'post',
    })
    await connectSource(server, 'saml.yaml', { ...hops, domains: [], name: 'relayed' })
    await until(async () => (await server.parts.connections.find('relayed')) !== undefined)
    try {
      const page = await newVisitor()
      await page.goto(start({ connection: 'relayed' }))
      await expectHeading(page, 'Sign in at the far end')
    } finally {
      relay.closeAllConnections()
      relay.close()
    }
  })

  test('names another way where the source cannot be asked', async (newVisitor) => {
    const owner = await addPerson(server)
    const away = `http://127.0.0.1:${await freePort()}/metadata`
    const gone = { ...definition({ idp: { metadata_url: away } }), domains: [], name: 'gone' }
    await connectSource(server, 'saml.yaml', gone)
    await until(async () => (await server.parts.connections.find('gone')) !== undefined)
    const page = await newVisitor({ meetsUnavailable: true })
    await page.goto(start({ connection: 'gone' }))
    await page.getByText('does not answer').waitFor()
    await page.locator('#other-way').click()
    await fillInLogin(page, owner)
    expect(await arrive(page)).to.equal(owner.id)
  })

  async function userInfo(): Promise<Record<string, unknown>> {
    const headers = { authorization: `Bearer ${site.tokens().access_token}` }
    const reply = await fetch(`${server.issuer}/userinfo`, { headers })
    return (await reply.json()) as Record<string, unknown>
  }
})

const ENCRYPTS = "'assertion.encryption' => true,"
const FORMAT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'
const MFA = 'https://refeds.org/profile/mfa'
const TWO_FACTORS = `'authproc' => [
  3 => ['class' => 'saml:AttributeNameID', 'attribute' => 'uid', 'Format' => '${FORMAT}'],
  4 => ['class' => 'saml:AuthnContextClassRef', 'AuthnContextClassRef' => '${MFA}'],
],`
const TELL = JSON.stringify({ id_token: { amr: null } })
const ESSENTIAL = JSON.stringify({
  id_token: { acr: { essential: true, values: [MULTI_FACTOR_ACR] } },
})

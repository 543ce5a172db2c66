import { rmSync } from 'node:fs'
import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { axe } from '../support/chromium.ts'
import { freePort } from '../support/free_port.ts'
import { temporaryFolder } from '../support/leash.ts'
import { type ServerProcess, startProcess } from '../support/server_process.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

const EMAIL = 'demo@example.com'

describe('The demonstration, started as a person starts it', function () {
  this.timeout(90_000)
  let server: ServerProcess
  let folder: string
  let password: string
  let demoPort: number

  before(async () => {
    folder = temporaryFolder('demo')
    await start(await freePort())
  })
  const test = browserTests()
  after(async () => {
    server?.signal('SIGTERM')
    await server?.ended
    await server?.clean()
    rmSync(folder, { recursive: true, force: true })
  })

  async function start(port: number): Promise<void> {
    demoPort = port
    const serverPort = await freePort()
    server = startProcess(['serve'], {
      AUTHCORE_DATA_DIR: folder,
      PORT: String(serverPort),
      AUTHCORE_DEMO_PORT: String(demoPort),
      ISSUER: `http://localhost:${serverPort}`,
      AUTHCORE_DRAIN: '1s',
    })
    await server.says('Stop ')
    password = /Password\s+(\S+)/.exec(server.output())![1]!
  }

  async function signIn(page: Page, host: string): Promise<void> {
    await page.goto(`http://${host}:${demoPort}/`)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await fillInLogin(page, { id: '', email: EMAIL, password })
    await expectHeading(page, 'Demo application would like to access your account')
    await page.getByRole('button', { name: 'Allow' }).click()
    await expectHeading(page, 'Hello, Demo Person')
  }

  const claim = (page: Page, of: string, name: string) =>
    page.locator(`#${of} div:has(dt:text-is("${name}")) dd`).innerText()

  test('signs in, refreshes, steps up and logs out', async (newVisitor) => {
    const page = await newVisitor()
    await page.goto(`http://localhost:${demoPort}/`)
    expect(await axe(page)).to.deep.equal([])
    await signIn(page, 'localhost')
    expect(await page.getByRole('status').innerText()).to.match(/^Signed in\./)
    expect(await claim(page, 'userinfo', 'email')).to.equal(EMAIL)
    const sub = await claim(page, 'id-token', 'sub')
    expect(await claim(page, 'id-token', 'acr')).to.equal('urn:authcore:acr:pwd')
    expect(await axe(page)).to.deep.equal([])

    await page.getByRole('button', { name: 'Refresh tokens' }).click()
    // The page before has a status too, and is there until the next one has come.
    await page
      .getByRole('status')
      .filter({ hasText: /^Refreshed: / })
      .waitFor()
    expect(await claim(page, 'id-token', 'sub')).to.equal(sub)

    await page.getByRole('button', { name: 'Get an API token' }).click()
    expect(await claim(page, 'api-token-claims', 'aud')).to.equal('https://api.example.com')
    expect(await claim(page, 'api-token-claims', 'scope')).to.equal('read')
    expect(await claim(page, 'userinfo', 'sub')).to.equal(sub)

    await page.getByRole('button', { name: 'Step up' }).click()
    await expectHeading(page, 'Sign in')
    await fillInLogin(page, { id: '', email: EMAIL, password })
    await page.getByRole('button', { name: 'Allow' }).click()
    await expectHeading(page, 'Hello, Demo Person')
    expect(await claim(page, 'id-token', 'auth_time')).to.match(/^\d+ /)

    await page.getByRole('button', { name: 'Log out' }).click()
    await expectHeading(page, 'Do you want to sign out?')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await expectHeading(page, 'You are not signed in')
    expect(new URL(page.url()).port).to.equal(String(demoPort))
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await expectHeading(page, 'Sign in')
  })

  test('works under 127.0.0.1 too, on a telephone, and takes no for an answer', async (newVisitor) => {
    const page = await newVisitor({ width: 375, height: 667, colorScheme: 'dark' })
    await page.goto(`http://127.0.0.1:${demoPort}/`)
    await page.getByRole('button', { name: 'Sign in', exact: true }).click()
    await page.getByRole('button', { name: 'Back to Demo application' }).click()
    await expectHeading(page, 'You are not signed in')
    expect(await page.getByRole('status').innerText()).to.include('access_denied')
    await signIn(page, '127.0.0.1')
    expect(new URL(page.url()).hostname).to.equal('127.0.0.1')
    expect(await axe(page)).to.deep.equal([])
    await page.setViewportSize({ width: 320, height: 640 })
    expect(await page.evaluate('document.documentElement.scrollWidth')).to.equal(320)
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByRole('button', { name: 'Stay signed in' }).click()
    await expectHeading(page, 'You are not signed in')
  })

  test('is led to from the start page', async (newVisitor) => {
    const page = await newVisitor()
    const issuer = /Issuer\s+(\S+)/.exec(server.output())![1]!
    await page.goto(issuer)
    await page.getByRole('link', { name: 'Try the demo application' }).click()
    await expectHeading(page, 'You are not signed in')
  })

  test('moves with its port and keeps its password', async (newVisitor) => {
    const before = password
    server.signal('SIGTERM')
    await server.ended
    await server.clean()
    await start(await freePort())
    expect(password).to.equal(before)
    await signIn(await newVisitor(), 'localhost')
  })
})

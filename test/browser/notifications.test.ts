import { expect } from 'chai'
import type { CDPSession, Page } from 'playwright-core'
import { generateRecoveryCodes } from '../../src/domain/credentials/recovery_codes/generate_recovery_codes.ts'
import { type AuthCore, addPerson, startAuthCore } from '../support/authcore.ts'
import { type PushService, type Subscription, startPushService } from '../support/push_service.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

/** What the worker has the browser show, once it does, and where it leads: in place of a screen. */
const RECORD = `
  self.shown = []
  self.opened = []
  const show = ServiceWorkerRegistration.prototype.showNotification
  ServiceWorkerRegistration.prototype.showNotification = async function (...what) {
    await show.apply(this, what)
    shown.push(what)
  }
  Clients.prototype.openWindow = async (uri) => void opened.push(uri)`

const click = (uri: string) => `
  self.dispatchEvent(Object.assign(new Event('notificationclick'), {
    notification: { close() {}, data: { uri: '${uri}' } },
    waitUntil() {},
  }))`

/**
 * The page, its script and its service worker are real; the push service of Chromium is on the
 * internet, so ours stands in for it: the browser is told to subscribe there, and what arrives there
 * is handed to the browser's service worker as Chromium itself would.
 */
describe('Notifications, in a browser', function () {
  this.timeout(90_000)
  let push: PushService
  let server: AuthCore
  before(async () => {
    push = await startPushService()
    server = await startAuthCore({ worker: true, env: push.env() })
  })
  const test = browserTests()
  after(async () => {
    await server?.stop()
    await push?.stop()
  })

  /** Chromium without a screen asks nobody for permission: it is given, or refused, here. */
  const subscribeAt = (page: Page, subscription: Subscription, permission: 'granted' | 'denied') =>
    page.addInitScript({
      content: `
        Notification.requestPermission = async () => '${permission}'
        PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
          if (!userVisibleOnly || applicationServerKey.length !== 65) throw new TypeError('options')
          return { toJSON: () => (${JSON.stringify(subscription)}) }
        }`,
    })

  /** The registration of our worker, once it is there. */
  const registrationOf = async (cdp: CDPSession): Promise<string> => {
    const found = new Promise<string>((resolve) => {
      cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
        const ours = registrations.find(({ scopeURL }) => scopeURL === `${server.issuer}/assets/`)
        if (ours) resolve(ours.registrationId)
      })
    })
    await cdp.send('ServiceWorker.enable')
    return await found
  }

  test('are turned on, shown by its service worker, lead back, and are turned off', async (newVisitor) => {
    const person = await addPerson(server)
    const page = await newVisitor()
    await page.context().grantPermissions(['notifications'], { origin: server.issuer })
    const subscription = push.subscribe()
    await subscribeAt(page, subscription, 'granted')
    await page.goto(`${server.issuer}/account`)
    await fillInLogin(page, person)
    await page.locator('#to-notifications').click()
    await expectHeading(page, 'Notifications in your browser')
    expect(await page.locator('#push-unavailable').isVisible()).to.equal(false)
    await page.locator('#turn-on').click()
    await page.locator('#done').waitFor()
    await page.locator('#this-browser').waitFor()

    await generateRecoveryCodes(server.parts, person.id, {})
    const { headers: _, ...pushed } = await push.next(subscription, 'was added')
    const cdp = await page.context().newCDPSession(page)
    const registrationId = await registrationOf(cdp)
    const worker = page.context().serviceWorkers().at(-1)!
    await worker.evaluate(RECORD)
    await cdp.send('ServiceWorker.deliverPushMessage', {
      origin: server.issuer,
      registrationId,
      data: JSON.stringify(pushed),
    })
    for (let n = 0; n < 200 && (await worker.evaluate('shown.length')) === 0; n += 1) {
      await page.waitForTimeout(25)
    }
    const uri = `${server.issuer}/account`
    expect(await worker.evaluate('shown')).to.deep.equal([
      [
        pushed.title,
        { body: pushed.body, tag: pushed.tag, icon: '/assets/icon.svg', data: { uri } },
      ],
    ])
    await worker.evaluate(click(uri))
    await worker.evaluate(click('https://elsewhere.example.test/'))
    expect(await worker.evaluate('opened')).to.deep.equal([uri])

    await page.locator('#turn-off-0').click()
    await page.locator('#done').waitFor()
    await page.locator('#turn-on').waitFor()
  })

  test('say what to do where the browser does not allow them', async (newVisitor) => {
    const person = await addPerson(server)
    const page = await newVisitor()
    await subscribeAt(page, push.subscribe(), 'denied')
    await page.goto(`${server.issuer}/account/notifications`)
    await fillInLogin(page, person)
    await page.locator('#turn-on').click()
    await page.locator('#push-problem').waitFor()
    await expectHeading(page, 'Notifications in your browser')
    expect(await page.locator('#turn-off-0').count()).to.equal(0)
  })

  test('are not offered by a page without its script', async (newVisitor) => {
    const person = await addPerson(server)
    const page = await newVisitor({ javaScriptEnabled: false })
    await page.goto(`${server.issuer}/account/notifications`)
    await fillInLogin(page, person)
    await page.locator('#push-unavailable').waitFor()
    expect(await page.locator('#turn-on').isVisible()).to.equal(false)
  })
})

import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { generateRecoveryCodes } from '../../../src/domain/credentials/recovery_codes/generate_recovery_codes.ts'
import { listPushDevices } from '../../../src/domain/messaging/push/push_subscription_store.ts'
import { eventsEver, rows } from '../../protocol/driver.ts'
import { type AuthCore, addPerson, type Person, startAuthCore } from '../../support/authcore.ts'
import { type Browser, browser, type Reply } from '../../support/http.ts'
import {
  type PushService,
  type Subscription,
  startPushService,
} from '../../support/push_service.ts'

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const ADDED = 'A way to sign in was added'
const NEW_PASSWORD = 'nine patient harbours'

describe('Notifications in browsers', function () {
  this.timeout(60_000)
  let push: PushService
  let server: AuthCore
  before(async () => {
    push = await startPushService()
    server = await startAuthCore({ worker: true, env: push.env() })
  })
  after(async () => {
    await server?.stop()
    await push?.stop()
  })

  const ours = (location: string) => !location.startsWith(server.issuer)
  const at = (path: string) => `${server.issuer}/account${path}`
  const visit = async (mind: Browser, path = '/notifications') =>
    await mind.followAll(await mind.get(at(path)), ours)
  const arrive = async ({ email: login, password }: Person, mind = browser()) => ({
    mind,
    page: await mind.followAll(await mind.submit(await visit(mind), { login, password }), ours),
  })
  const turnOn = (mind: Browser, page: Reply, subscription: unknown) =>
    mind.submit(
      page,
      { subscription: JSON.stringify(subscription) },
      { form: ({ id }) => id === 'push-form' },
    )
  /** Signed in, with notices pushed there. */
  const addBrowser = async (person: Person, mind = browser()) => {
    const { page } = await arrive(person, mind)
    const subscription = push.subscribe()
    const on = await turnOn(mind, page, subscription)
    expect(on.status, on.text()).to.equal(200)
    return { mind, page: on, subscription }
  }
  const devicesOf = ({ id: accountId }: Person) =>
    listPushDevices(server.parts.db, { accountId, now: new Date() })
  const happen = ({ id }: Person) => generateRecoveryCodes(server.parts, id, {})
  const pushedTo = ({ endpoint }: Subscription) =>
    push.received.filter((each) => each.endpoint === endpoint)
  const isAdded = ({ title }: { title: string }) => title.startsWith(ADDED)
  const eventsOf = async (type: string, { id }: Person) =>
    (await eventsEver(server, type))
      .filter(({ subject }) => subject === id)
      .map(({ data }) => data as { by?: string; reason?: string })
  /** Until the worker has told everybody of everything that happened. */
  const told = async (person: Person, kind: string) => {
    for (let n = 0; n < 400; n++, await sleep(25)) {
      const waiting = await rows(
        server.parts.db,
        `SELECT 1 FROM event_outbox WHERE subject = $1
         UNION ALL SELECT 1 FROM message WHERE account_id = $1::uuid AND state IN ('queued', 'sending')`,
        [person.id],
      )
      const sent = await rows(
        server.parts.db,
        'SELECT 1 FROM message WHERE account_id = $1 AND kind = $2',
        [person.id, kind],
      )
      if (waiting.length === 0 && sent.length > 0) return
    }
    throw new Error(`nobody was told of ${kind}`)
  }

  it('bring what happens to an account to each browser that has them on', async () => {
    const ada = await addPerson(server)
    const eve = await addPerson(server)
    const one = await addBrowser(ada, browser({ headers: { 'user-agent': FIREFOX } }))
    const two = await addBrowser(ada)
    const other = await addBrowser(eve)
    expect(one.page.text()).to.include('Notifications are on in this browser')
    expect(one.page.text()).to.match(/Firefox on Linux This browser/)
    expect(two.page.text()).to.include('Firefox on Linux')
    await happen(ada)
    for (const { subscription } of [one, two]) {
      const { uri, contact } = await push.next(subscription, ADDED)
      expect(uri).to.equal(at(''))
      expect(contact).to.equal('mailto:operator@example.test')
    }
    await told(ada, 'factor_added')
    expect(pushedTo(other.subscription).filter(isAdded)).to.deep.equal([])
    const channels = await rows<{ channel: string }>(
      server.parts.db,
      `SELECT channel FROM message WHERE account_id = $1 AND kind = 'factor_added' ORDER BY channel`,
      [ada.id],
    )
    expect(channels.map(({ channel }) => channel)).to.deep.equal(['email', 'push', 'push'])
    expect(await server.parts.metrics.scrape()).to.match(
      /authcore_messages_total\{kind="factor_added",transport="web_push",outcome="accepted"\} 2/,
    )
  })

  it('lead to the page that they are about, in the language of the account', async () => {
    const ada = await addPerson(server, { claims: { locale: 'de' } })
    const { subscription } = await addBrowser(ada)
    await arrive(ada, browser({ headers: { 'user-agent': FIREFOX } }))
    const { body, uri } = await push.next(subscription, 'Neue Anmeldung')
    expect(body).to.include('Firefox')
    expect(uri).to.equal(at('/sessions'))
  })

  it('are turned off by their owner, at any of the browsers', async () => {
    const ada = await addPerson(server)
    const eve = await addPerson(server)
    const one = await addBrowser(ada)
    const two = await addBrowser(ada)
    const [device] = await devicesOf(ada)
    const foreign = (await addBrowser(eve)).mind
    const off = ({ id }: { id: string }) => id === 'off-form-0'
    await foreign.submit(await visit(foreign), { device: device!.id }, { form: off })
    expect(await devicesOf(ada), 'by somebody else').to.have.length(2)
    const page = await visit(two.mind)
    const done = await two.mind.submit(page, {}, { form: ({ id }) => id === 'off-form-1' })
    expect(done.text()).to.include('They are off there')
    expect((await visit(one.mind)).body).to.include('id="push-form"')
    expect(await devicesOf(ada)).to.have.length(1)
    await happen(ada)
    await push.next(two.subscription, ADDED)
    await told(ada, 'factor_added')
    expect(pushedTo(one.subscription).filter(isAdded)).to.deep.equal([])
    expect((await eventsOf('auth.push.unsubscribed', ada))[0]).to.include({ by: 'owner' })
    expect(await eventsOf('auth.push.subscribed', ada)).to.have.length(2)
    const activity = await visit(two.mind, '/activity')
    expect(activity.text()).to.include('Notifications in a browser turned off')
  })

  it('end with the session: signed out, ended from elsewhere, or everywhere', async () => {
    const ada = await addPerson(server)
    const here = await addBrowser(ada)
    const left = await addBrowser(ada)
    await left.mind.submit(await left.mind.get(`${server.issuer}/logout`), {}, { button: 'logout' })
    expect(await devicesOf(ada)).to.have.length(1)
    await addBrowser(ada)
    const sessions = await visit(here.mind, '/sessions')
    await here.mind.submit(sessions, {}, { form: ({ id }) => id === 'end-form-1' })
    await addBrowser(ada)
    expect(await devicesOf(ada)).to.have.length(2)
    const security = await visit(here.mind, '/security')
    await here.mind.submit(security, {}, { form: ({ id }) => id === 'everywhere-form' })
    const stored = await rows(
      server.parts.db,
      'SELECT 1 FROM push_subscription WHERE account_id = $1',
      [ada.id],
    )
    expect(stored).to.deep.equal([])
    await happen(ada)
    await told(ada, 'factor_added')
    expect(pushedTo(left.subscription).filter(isAdded)).to.deep.equal([])
  })

  it('outlive a new password in the browser that set it', async () => {
    const ada = await addPerson(server)
    const { mind, subscription } = await addBrowser(ada)
    const page = await visit(mind, '/security')
    await mind.submit(
      page,
      { current: ada.password, password: NEW_PASSWORD },
      { form: ({ id }) => id === 'password-form' },
    )
    await push.next(subscription, 'Your password for AuthCore was changed')
  })

  it('are forgotten where the push service knows the browser no more', async () => {
    const ada = await addPerson(server)
    await addBrowser(ada)
    push.answer(410)
    try {
      await happen(ada)
      for (let n = 0; n < 400 && (await devicesOf(ada)).length > 0; n++) await sleep(25)
    } finally {
      push.answer(201)
    }
    expect(await devicesOf(ada)).to.deep.equal([])
    const events = await eventsOf('auth.push.unsubscribed', ada)
    expect(events).to.have.length(1)
    expect(events[0]).to.include({ by: 'push_service' })
    await told(ada, 'factor_added')
    const [message] = await rows<{ state: string; failure: string }>(
      server.parts.db,
      `SELECT state, failure FROM message WHERE account_id = $1 AND channel = 'push'`,
      [ada.id],
    )
    expect(message).to.include({ state: 'failed', failure: 'the browser is gone' })
  })

  it('take the place of what the browser had before', async () => {
    const ada = await addPerson(server)
    const { mind, page, subscription } = await addBrowser(ada)
    const csrf = /name="csrf" value="([^"]+)"/.exec(page.body)![1]!
    const next = push.subscribe()
    await mind.post(at('/notifications'), { csrf, subscription: JSON.stringify(next) })
    expect(await devicesOf(ada)).to.have.length(1)
    await happen(ada)
    await push.next(next, ADDED)
    await told(ada, 'factor_added')
    expect(pushedTo(subscription).filter(isAdded)).to.deep.equal([])
  })

  it('are for two accounts of one browser, each with its own', async () => {
    const [ada, eve] = [await addPerson(server), await addPerson(server)]
    const subscription = push.subscribe()
    for (const person of [ada, eve]) {
      const { mind, page } = await arrive(person)
      await turnOn(mind, page, subscription)
    }
    await happen(eve)
    await push.next(subscription, ADDED)
    await told(eve, 'factor_added')
    expect(pushedTo(subscription).filter(isAdded)).to.have.length(1)
    expect(await devicesOf(ada)).to.have.length(1)
  })

  it('are turned on by a subscription at a push service only, and keep nothing of another', async () => {
    const ada = await addPerson(server)
    const { mind, page } = await arrive(ada)
    const good = push.subscribe()
    const { keys } = good
    const elsewhere = (endpoint: string) => ({ ...good, endpoint })
    const wrong: [string, unknown][] = [
      ['nothing', ''],
      ['no subscription', {}],
      ['a list', [good]],
      ['no keys', { endpoint: good.endpoint }],
      ['a short secret', { ...good, keys: { ...keys, auth: 'c2hvcnQ' } }],
      ['a short key', { ...good, keys: { ...keys, p256dh: 'BAAA' } }],
      [
        'a key off the curve',
        {
          ...good,
          keys: {
            ...keys,
            p256dh: Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 1)]).toString('base64url'),
          },
        },
      ],
      ['no TLS', elsewhere(`http://${push.host}/push/x`)],
      ['another scheme', elsewhere('file:///etc/passwd')],
      ['no address', elsewhere('push')],
      ['a long one', elsewhere(`https://${push.host}/${'x'.repeat(3_000)}`)],
    ]
    for (const [why, subscription] of wrong) {
      const reply = await turnOn(mind, page, subscription)
      expect(reply.status, why).to.equal(422)
      expect(reply.text(), why).to.include('could not be used')
    }
    const foreign = [
      'https://push.example.test/x',
      'https://127.0.0.1.example.test/x',
      `https://${push.host}@example.test/x`,
      `https://user:secret@${push.host}/x`,
      'https://127.0.0.1/x',
      'https://169.254.169.254/latest/meta-data',
    ]
    for (const endpoint of foreign) {
      const reply = await turnOn(mind, page, elsewhere(endpoint))
      expect(reply.status, endpoint).to.equal(422)
      expect(reply.text(), endpoint).to.include('does not send to the service')
    }
    expect(await devicesOf(ada)).to.deep.equal([])
    const reasons = (await eventsOf('auth.push.refused', ada)).map(({ reason }) => reason)
    expect(reasons).to.have.length(wrong.length + foreign.length)
    expect(new Set(reasons)).to.deep.equal(new Set(['malformed', 'other_service']))
    const csrf = await mind.post(at('/notifications'), { csrf: 'x', subscription: '{}' })
    expect(csrf.status).to.equal(403)
  })

  it('keep where a browser is reached neither in the clear, nor in the log, nor in the trail', async () => {
    const ada = await addPerson(server)
    const { subscription } = await addBrowser(ada)
    await happen(ada)
    await push.next(subscription, ADDED)
    await told(ada, 'factor_added')
    const [{ stored } = { stored: '' }] = await rows<{ stored: string }>(
      server.parts.db,
      `SELECT concat((SELECT string_agg(t::text, '') FROM push_subscription t),
                     (SELECT string_agg(t::text, '') FROM message t),
                     (SELECT string_agg(t::text, '') FROM audit_entry t)) AS stored`,
    )
    const text = stored + JSON.stringify(server.logged)
    for (const secret of [subscription.endpoint, subscription.keys.auth]) {
      expect(text).not.to.include(secret)
    }
    expect(text).not.to.include(Buffer.from(subscription.endpoint).toString('hex'))
  })

  it('go with the account, and are in its file before', async () => {
    const ada = await addPerson(server)
    const { mind } = await addBrowser(ada, browser({ headers: { 'user-agent': FIREFOX } }))
    const page = await visit(mind, '/data')
    expect(page.body).to.match(/<dd id="notification_browsers">1<\/dd>/)
    const file = (await mind.submit(page, {}, { form: ({ action }) => action.endsWith('/data') }))
      .body
    expect(JSON.parse(file).notification_browsers[0]).to.include({ user_agent: FIREFOX })
    await rows(server.parts.db, 'DELETE FROM account WHERE id = $1', [ada.id])
    const left = await rows(
      server.parts.db,
      'SELECT 1 FROM push_subscription WHERE account_id = $1',
      [ada.id],
    )
    expect(left).to.deep.equal([])
  })
})

describe('Notifications in browsers, where they are off', function () {
  this.timeout(30_000)

  it('are offered nowhere', async () => {
    const server = await startAuthCore()
    try {
      const ada = await addPerson(server)
      const mind = browser()
      const ours = (location: string) => !location.startsWith(server.issuer)
      const login = await mind.followAll(await mind.get(`${server.issuer}/account`), ours)
      const fields = { login: ada.email, password: ada.password }
      const page = await mind.followAll(await mind.submit(login, fields), ours)
      expect(page.body).to.include('id="to-inbox"').and.not.to.include('notifications')
      expect((await mind.get(`${server.issuer}/account/notifications`)).status).to.equal(404)
    } finally {
      await server.stop()
    }
  })
})

import { expect } from 'chai'
import { createAuditSink } from '../../../src/domain/audit/audit_trail.ts'
import {
  beginTotpEnrolment,
  confirmTotpEnrolment,
} from '../../../src/domain/credentials/totp/enrol_totp.ts'
import { totpCodeAt } from '../../../src/domain/credentials/totp/totp.ts'
import * as catalogue from '../../../src/platform/events/catalogue.ts'
import { type AuthEvent, defineEvent } from '../../../src/platform/events/event.ts'
import { appendEvents } from '../../../src/platform/events/outbox.ts'
import { relayBatch } from '../../../src/platform/events/relay.ts'
import { rows, type TestClient } from '../../protocol/driver.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../../support/authcore.ts'
import { type Browser, browser, type Reply } from '../../support/http.ts'

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

describe('The recent activity of an account', function () {
  this.timeout(60_000)
  let server: AuthCore
  let client: TestClient

  before(async () => {
    // No worker: the events reach the trail when a test says so.
    server = await startAuthCore()
    client = await addClient(server, { name: 'Lantern Books' })
  })
  after(() => server?.stop())

  const ours = (location: string) => !location.startsWith(server.issuer)
  const at = (path: string) => `${server.issuer}/account${path}`
  const visit = async (mind: Browser, path = '/activity') =>
    await mind.followAll(await mind.get(at(path)), ours)
  const arrive = async ({ email: login, password }: Person, mind = browser()) => {
    const page = await visit(mind)
    return await mind.followAll(await mind.submit(page, { login, password }), ours)
  }
  const relay = async () => {
    const { recorder, db, keyring } = server.parts
    await recorder.flush()
    const sink = createAuditSink(keyring)
    while ((await relayBatch(db, [sink])) > 0);
  }
  const happen = async (...events: AuthEvent[]) => {
    await appendEvents(server.parts.db, events)
    await relay()
  }
  /** What stands in bold, from above: the words for each event. */
  const wordsOn = ({ body }: Reply) => {
    const [, list = ''] = /<ul class="rows" id="activities">(.*?)<\/ul>/s.exec(body) ?? []
    return [...list.matchAll(/<strong>(.*?)<\/strong>/gs)].map(([, words]) => words!)
  }

  it('is for whoever is signed in, and takes no fresh sign-in', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    expect((await visit(mind)).url).to.match(/\/login$/)
    const page = await arrive(ada, mind)
    expect(page.url).to.equal(at('/activity'))
    expect(page.text()).to.include('Nothing has happened here yet.')
    expect(page.body).to.match(/id="nav-sessions" href="\/account\/sessions" aria-current="page"/)
    for (const path of ['', '/sessions']) {
      expect((await visit(mind, path)).body).to.include('href="/account/activity"')
    }
  })

  it('tells a wrong password from a right one with a wrong second factor', async () => {
    const ada = await addPerson(server)
    const { parts } = server
    const secret = await beginTotpEnrolment(parts, ada.id)
    const code = totpCodeAt(secret, parts.clock.now())
    await confirmTotpEnrolment(parts, { accountId: ada.id, code, origin: {} })
    const mind = browser({ headers: { 'user-agent': FIREFOX } })
    const login = await visit(mind)
    await mind.submit(login, { login: ada.email, password: 'not hers' })
    const factor = await arrive(ada, mind)
    await mind.submit(factor, { code: '000000' })
    const later = totpCodeAt(secret, new Date(parts.clock.now().getTime() + 30_000))
    const inside = await mind.followAll(await mind.submit(factor, { code: later }), ours)
    expect(inside.url).to.equal(at('/activity'))
    await relay()
    const page = await visit(mind)
    expect(wordsOn(page)).to.deep.equal([
      'Signed in',
      'A sign-in failed: the password was right, the second factor was wrong',
      'A sign-in failed',
      'Authenticator app added',
    ])
    expect(page.text()).to.match(/Signed in .* UTC Firefox on Linux From 127\.0\.0\.1/)
  })

  it('has words for what its owner understands, and leaves out what it does not', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    await arrive(ada, mind)
    const { id: accountId } = ada
    const { clientId } = client
    const unknown = defineEvent<{ accountId: string }>('auth.thing.done', () => accountId)
    await happen(
      catalogue.passwordChanged({ accountId, by: 'owner' }),
      catalogue.passwordChanged({ accountId, by: 'recovery' }),
      catalogue.emailChangeRequested({ accountId }),
      catalogue.emailChanged({ accountId, by: 'owner' }),
      catalogue.emailChanged({ accountId, by: 'revert' }),
      unknown({ accountId }),
      catalogue.tokenIssued({ accountId, clientId, grantType: 'refresh_token', issued: [] }),
      catalogue.factorAdded({ accountId, factor: 'passkey' }),
      catalogue.factorRemoved({ accountId, factor: 'passkey' }),
      catalogue.factorRemoved({ accountId, factor: 'totp' }),
      catalogue.factorAdded({ accountId, factor: 'of another version' }),
      catalogue.identityLinked({ accountId, connection: 'gone', identityId: 'i', by: 'sign_in' }),
      catalogue.identityUnlinked({ accountId, connection: 'gone', identityId: 'i' }),
      catalogue.factorAdded({ accountId, factor: 'recovery_code' }),
      catalogue.recoveryCodeUsed({ accountId, left: 9 }),
      catalogue.sessionEnded({ accountId, sessionUid: 'u1' }),
      catalogue.sessionEnded({ accountId, sessionId: 's1', by: 'limit' }),
      catalogue.accountAccessEnded({ accountId }),
      catalogue.deviceTrusted({ accountId }),
      catalogue.deviceDistrusted({ accountId }),
      catalogue.consentGranted({ accountId, clientId, scopes: [] }),
      catalogue.consentRevoked({ accountId, clientId: 'gone' }),
      catalogue.profileChanged({ accountId, fields: ['name'] }),
    )
    const page = await visit(mind)
    expect(wordsOn(page).reverse()).to.deep.equal([
      'Signed in',
      'Password changed',
      'Password set anew after it was forgotten',
      'Another e-mail address was asked for',
      'E-mail address changed',
      'The change of the e-mail address was taken back',
      'Passkey added',
      'Passkey removed',
      'Authenticator app removed',
      'An account elsewhere was joined to this one',
      'An account elsewhere was taken away from this one',
      'New recovery codes made',
      'Recovery code used',
      'Signed out',
      'A session was ended',
      'Signed out everywhere',
      'A browser is trusted now',
      'A browser is no longer trusted',
      'Access allowed to an application',
      'Access taken from an application',
      'Profile changed',
    ])
    expect(page.text().match(/Application: Lantern Books/g)).to.have.length(1)
  })

  it('goes back as far as the trail does, fifty at a time, each once', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    await arrive(ada, mind)
    const { id: accountId } = ada
    await happen(
      ...Array.from({ length: 120 }, (_, n) =>
        n % 2 === 0
          ? catalogue.profileChanged({ accountId, fields: [] })
          : catalogue.tokenIssued({ accountId, clientId: 'c', grantType: 'x', issued: [] }),
      ),
    )
    const page = await visit(mind)
    expect(wordsOn(page)).to.have.length(50)
    expect(page.body).not.to.include('id="newest"')
    const older = /id="older" href="([^"]+)"/.exec(page.body)![1]!
    // Something new moves no page that is being read.
    await happen(catalogue.profileChanged({ accountId, fields: [] }))
    const last = await mind.get(new URL(older, server.issuer).href)
    expect(wordsOn(last)).to.deep.equal([...Array(10).fill('Profile changed'), 'Signed in'])
    expect(last.body).to.include('id="newest"').and.not.to.include('id="older"')
    for (const before of ['x', '', '1', "' OR 1=1", '019abc00-0000-7000-8000-000000000000']) {
      const query = new URLSearchParams({ before })
      expect(wordsOn(await mind.get(at(`/activity?${query}`))), before).to.have.length(50)
    }
  })

  it('is nobody else’s', async () => {
    const [ada, eve] = [await addPerson(server), await addPerson(server)]
    await happen(catalogue.profileChanged({ accountId: ada.id, fields: [], ip: '192.0.2.77' }))
    const mind = browser()
    await arrive(eve, mind)
    await relay()
    const [event] = await rows<{ event_id: string }>(
      server.parts.db,
      'SELECT event_id FROM audit_entry WHERE subject = $1',
      [ada.id],
    )
    for (const query of ['', `?before=${event!.event_id}`, `?account=${ada.id}`]) {
      const page = await mind.get(at(`/activity${query}`))
      expect(wordsOn(page)).to.deep.equal(['Signed in'])
      expect(page.body).not.to.include('192.0.2.77')
    }
  })
})

import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { listSessions } from '../../../src/domain/sessions/session_store.ts'
import { lifetimes } from '../../../src/surfaces/oidc/ttl.ts'
import {
  addGuard,
  eventsEver,
  eventsOf,
  introspect,
  refresh,
  rows,
  type TestClient,
} from '../../protocol/driver.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../../support/authcore.ts'
import { atOnce, type Browser, browser, type Reply } from '../../support/http.ts'
import { type LogoutReceiver, startLogoutReceiver } from '../../support/logout_receiver.ts'
import {
  authorizationRequest,
  type RelyingParty,
  relyingParty,
  signIn,
} from '../../support/relying_party.ts'

const NOW = () => new Date()
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'

describe('The sessions of an account', function () {
  this.timeout(60_000)
  let server: AuthCore
  let client: TestClient
  let party: RelyingParty
  let receiver: LogoutReceiver

  before(async () => {
    receiver = await startLogoutReceiver()
    server = await startAuthCore({
      worker: true,
      env: { AUTHCORE_OUTBOUND_ALLOW: receiver.address },
    })
    client = await addClient(server, { name: 'Lantern Books' })
    party = await relyingParty(server, client)
  })
  after(async () => {
    await server?.stop()
    receiver?.stop()
  })

  const ours = (location: string) => !location.startsWith(server.issuer)
  const at = (path: string) => `${server.issuer}/account${path}`
  const visit = async (mind: Browser, path = '/sessions') =>
    await mind.followAll(await mind.get(at(path)), ours)
  const arrive = async ({ email: login, password }: Person, mind = browser()) =>
    await mind.followAll(await mind.submit(await visit(mind), { login, password }), ours)
  const isIn = async (mind: Browser) => (await visit(mind)).url === at('/sessions')
  const listed = async ({ id: accountId }: Person) =>
    await listSessions(server.parts.db, { accountId, now: new Date() })
  const end = async (mind: Browser, page: Reply, fields: Record<string, string>) =>
    await mind.submit(page, fields, { form: ({ id }) => id === 'end-form-0' })

  it('are shown with device, address, strength and applications, this one first', async () => {
    const ada = await addPerson(server)
    await signIn(server, party, ada)
    const mind = browser({ headers: { 'user-agent': FIREFOX } })
    const page = await arrive(ada, mind)
    const text = page.text()
    expect(text).to.match(/Firefox on Linux This one .* From 127\.0\.0\.1/)
    expect(text.indexOf('This one')).to.be.lessThan(text.indexOf('Lantern Books'))
    expect(text).to.include('Signed in to Lantern Books')
    const [one, ...others] = await listed(ada)
    expect(others).to.have.length(1)
    expect(one).to.deep.include({ acr: 'urn:authcore:acr:pwd', amr: ['pwd'] })
    expect(page.body).not.to.include(one!.uidHash.toString('hex'))
  })

  it('are ended from another browser, with what they gave to applications', async () => {
    const ada = await addPerson(server)
    const guard = await addGuard(server)
    const { tokens, alice } = await signIn(server, party, ada, {
      parameters: { scope: 'openid offline_access', prompt: 'consent' },
    })
    const mind = browser()
    const page = await arrive(ada, mind)
    const other = (await listed(ada)).at(-1)!
    const done = await end(mind, page, { session: other.id })
    expect(done.text()).to.include('The session has ended')
    expect(await isIn(mind)).to.equal(true)
    expect(await isIn(alice)).to.equal(false)
    expect((await refresh(server, client, tokens.refresh_token!)).status).to.equal(400)
    expect(await introspect(server, guard, tokens.refresh_token!)).to.deep.equal({ active: false })
    const [event] = (await eventsEver(server, 'auth.session.ended')).slice(-1)
    expect(event!.data).to.deep.include({ accountId: ada.id, sessionId: other.id, by: 'owner' })
  })

  it('of oneself end here and now, those of others not at all', async () => {
    const [ada, eve] = [await addPerson(server), await addPerson(server)]
    const [hers, his] = [browser(), browser()]
    await arrive(ada, hers)
    const page = await arrive(eve, his)
    const [foreign] = await listed(ada)
    for (const session of [foreign!.id, 'x', "' OR 1=1"]) {
      expect((await end(his, page, { session })).status).to.equal(200)
    }
    expect(await isIn(hers)).to.equal(true)
    await end(his, page, {})
    expect(await isIn(his)).to.equal(false)
    expect(await listed(eve)).to.deep.equal([])
  })

  it('are gone from the list once they are signed out or taken away', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    await arrive(ada, mind)
    await arrive(ada)
    const confirm = await mind.get(`${server.issuer}/logout`)
    await mind.submit(confirm, {}, { button: 'logout' })
    expect(await listed(ada)).to.have.length(1)
    const third = browser()
    await arrive(ada, third)
    const security = await visit(third, '/security')
    await third.submit(security, {}, { form: ({ id }) => id === 'everywhere-form' })
    expect(await listed(ada)).to.deep.equal([])
    expect(
      await rows(server.parts.db, 'SELECT 1 FROM oidc_record WHERE account_id = $1', [ada.id]),
    ).to.have.length(0)
  })

  it('stay one for each browser, however often it signs in', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    await arrive(ada, mind)
    const [before] = await listed(ada)
    for (let i = 0; i < 3; i += 1) {
      await signIn(server, party, ada, { alice: mind, parameters: { prompt: 'login' } })
    }
    const [after, ...others] = await listed(ada)
    expect(others).to.deep.equal([])
    expect(after!.id).to.equal(before!.id)
  })

  it('that another browser ends are told to the applications in it (Back-Channel Logout 1.0)', async () => {
    const ada = await addPerson(server)
    const told = await addClient(server, {
      metadata: { backchannel_logout_uri: receiver.uri, backchannel_logout_session_required: true },
    })
    await signIn(server, await relyingParty(server, told), ada)
    const mind = browser()
    const page = await arrive(ada, mind)
    await end(mind, page, { session: (await listed(ada)).at(-1)!.id })
    expect(decodeJwt(await receiver.next())).to.deep.include({ sub: ada.id, aud: told.clientId })
  })

  describe('of which there may be two', () => {
    let small: AuthCore
    let other: RelyingParty
    before(async () => {
      // No worker, which would take the events away.
      small = await startAuthCore({ env: { AUTHCORE_SESSIONS_PER_ACCOUNT: '2' } })
      other = await relyingParty(small, await addClient(small))
    })
    after(() => small?.stop())

    it('are told of on a new device, but for the first one of the account', async () => {
      const ada = await addPerson(small)
      const { alice } = await signIn(small, other, ada)
      await signIn(small, other, ada, { alice, parameters: { prompt: 'login' } })
      await signIn(small, other, ada)
      const events = await eventsOf(small, 'auth.login.success')
      const news = events
        .filter(({ subject }) => subject === ada.id)
        .map(({ data }) => (data as { newDevice: boolean }).newDevice)
      expect(news).to.deep.equal([false, false, true])
    })

    it('make room for one more: the one goes that was not used for longest', async () => {
      const ada = await addPerson(small)
      const minds: Browser[] = []
      for (let i = 0; i < 3; i += 1) minds.push((await signIn(small, other, ada)).alice)
      const alive = async (mind: Browser) =>
        (await mind.get(`${small.issuer}/account/profile`)).status === 200
      expect(await Promise.all(minds.map(alive))).to.deep.equal([false, true, true])
      // The same browser once more is no further session.
      await signIn(small, other, ada, { alice: minds[2]!, parameters: { prompt: 'login' } })
      expect(await Promise.all(minds.map(alive))).to.deep.equal([false, true, true])
      const [event] = (await eventsOf(small, 'auth.session.ended')).slice(-1)
      expect(event!.data).to.deep.include({ accountId: ada.id, by: 'limit' })
    })
  })

  it('that end for another are told to the applications in them as well', async () => {
    const small = await startAuthCore({
      worker: true,
      env: { AUTHCORE_OUTBOUND_ALLOW: receiver.address, AUTHCORE_SESSIONS_PER_ACCOUNT: '1' },
    })
    try {
      const ada = await addPerson(small)
      const told = await addClient(small, {
        metadata: {
          backchannel_logout_uri: receiver.uri,
          backchannel_logout_session_required: true,
        },
      })
      await signIn(small, await relyingParty(small, told), ada)
      await signIn(small, await relyingParty(small, await addClient(small)), ada)
      expect(decodeJwt(await receiver.next())).to.deep.include({ sub: ada.id, aud: told.clientId })
    } finally {
      await small.stop()
    }
  })

  /** Up to where the request is resumed, which begins the session. */
  async function proven({ issuer }: AuthCore, other: RelyingParty, person: Person) {
    const mind = browser()
    const { url } = await authorizationRequest(other)
    const isResumed = (location: string) => location.startsWith(`${issuer}/authorize/`)
    const page = await mind.followAll(await mind.get(url.href), isResumed)
    const { email: login, password } = person
    const reply = await mind.followAll(await mind.submit(page, { login, password }), isResumed)
    return { mind, resume: reply.location! }
  }

  describe('of which there may be so many, however many sign in at one moment', () => {
    for (const limit of [1, 3]) {
      it(`leave the newest ${limit}, whole, and tell of each other once`, async () => {
        const env = { AUTHCORE_SESSIONS_PER_ACCOUNT: String(limit) }
        const small = await startAuthCore({ env })
        try {
          const other = await relyingParty(small, await addClient(small))
          const ada = await addPerson(small)
          await signIn(small, other, ada)
          const [before] = await listSessions(small.parts.db, { accountId: ada.id, now: NOW() })
          const ready = await Promise.all(
            Array.from({ length: 8 }, () => proven(small, other, ada)),
          )
          await atOnce(ready.length, (gate, i) => ready[i]!.mind.get(ready[i]!.resume, { gate }))
          const minds = ready.map(({ mind }) => mind)
          const { db } = small.parts
          const standing = await listSessions(db, { accountId: ada.id, now: NOW() })
          expect(standing).to.have.length(limit)
          expect(standing.map(({ id }) => id)).not.to.include(before!.id)
          const records = await rows<{ uid_hash: Buffer }>(
            db,
            `SELECT DISTINCT uid_hash FROM oidc_record WHERE model = 'Session' AND account_id = $1`,
            [ada.id],
          )
          const hex = (hashes: { uid: Buffer }[]) => hashes.map(({ uid }) => uid.toString('hex'))
          expect(hex(records.map(({ uid_hash: uid }) => ({ uid })))).to.have.members(
            hex(standing.map(({ uidHash: uid }) => ({ uid }))),
          )
          const alive = await Promise.all(
            minds.map(async (mind) => (await mind.get(`${small.issuer}/account/profile`)).status),
          )
          expect(alive.filter((status) => status === 200)).to.have.length(limit)
          const ended = (await eventsOf(small, 'auth.session.ended')).map(
            ({ data }) => (data as { sessionId: string }).sessionId,
          )
          expect(ended).to.have.length(9 - limit)
          expect(new Set(ended).size).to.equal(ended.length)
        } finally {
          await small.stop()
        }
      })
    }
  })

  it('end when nobody uses them, and in the end whoever does (NIST SP 800-63B-4 §5.2)', () => {
    const { config, clock } = server.parts
    const { Session } = lifetimes(config.tokens, clock)
    const ago = (seconds: number) => Math.floor(clock.now().getTime() / 1000) - seconds
    const day = 86_400
    const life = (transient: boolean, signedInS: number) =>
      Session(undefined, { transient, loginTs: ago(signedInS) })
    expect(life(true, 0)).to.equal(day)
    expect(life(true, 13 * day)).to.equal(day)
    expect(life(true, 13.5 * day)).to.equal(day / 2)
    expect(life(true, 20 * day)).to.equal(1)
    expect(life(false, 0)).to.equal(30 * day)
    expect(life(false, 29 * day)).to.equal(day)
    expect(Session(undefined, {})).to.equal(30 * day)
  })
})

import { expect } from 'chai'
import { newId } from '../../src/core/ids.ts'
import type { LogoutReceived } from '../../src/domain/federation/connector.ts'
import { deleteExpiredMessages } from '../../src/domain/federation/seen_message_store.ts'
import { query } from '../../src/platform/persistence/db.ts'
import { type AuthCore, addClient, addPerson, startAuthCore } from '../support/authcore.ts'
import { type Browser, browser } from '../support/http.ts'
import {
  addConnection,
  type MadeUpSource,
  madeUpSource,
  personOf,
  proven,
} from '../support/made_up_source.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import { eventsOf, exchangeFields, expectTokens, post, type TestClient } from './driver.ts'

/** Sessions that end on both sides: here because they did at the source, and there because they do here. */

describe('Signing out at a source', function () {
  this.timeout(60_000)
  let server: AuthCore
  let source: MadeUpSource
  let client: TestClient
  let party: RelyingParty
  before(async () => {
    source = madeUpSource()
    server = await startAuthCore({ kinds: source.kinds })
    client = await addClient(server, {
      metadata: { post_logout_redirect_uris: ['https://rp.example.test/bye'] },
    })
    party = await relyingParty(server, client)
    for (const [name, single_logout] of [
      ['works', true],
      ['other', true],
      ['alone', false],
    ] as const) {
      await addConnection(server, source, name, { single_logout })
    }
  })
  after(() => server?.stop())

  const ours = (location: string) => !location.startsWith(server.issuer)
  const signInBy = async (name: string, subject: string, sessionId?: string) => {
    const mind = browser()
    const { url, checks } = await authorizationRequest(party)
    const page = await mind.followAll(await mind.get(url.href), ours)
    const interaction = page.url.replace(/\/[a-z_]+$/, '')
    const away = await mind.get(`${interaction}/connections/${name}`)
    const state = new URL(away.location!).searchParams.get('state')!
    const hint = sessionId === undefined ? {} : { sessionId, logoutHint: `hint of ${subject}` }
    source.says.result = proven(personOf(subject), hint)
    const back = `${server.issuer}/federation/${name}/callback?${new URLSearchParams({ state })}`
    const consent = await mind.followAll(await mind.get(back), ours)
    const nobody = { id: '', email: '', password: '' }
    const callback = await goThrough(mind, consent, nobody, server.issuer)
    const tokens = expectTokens(
      await post(server, '/token', client, exchangeFields({ callback, checks })),
    )
    return { mind, tokens }
  }
  const isSignedIn = async (mind: Browser) => {
    const { url } = await authorizationRequest(party, { prompt: 'none' })
    const reply = await mind.followAll(await mind.get(url.href), ours)
    return !reply.location!.includes('error=')
  }
  const isActive = async (token: string) => {
    const reply = await post(server, '/userinfo', client, { access_token: token })
    return reply.status === 200
  }
  const says = (whose: object) => {
    const message = { id: newId(Date.now()), expiresAt: new Date(Date.now() + 60_000) }
    source.logout.received = { kind: 'ended', message, whose: { sessionIds: [], ...whose } }
  }

  it('ends the one session that the source names, with its tokens, and no other', async () => {
    const first = await signInBy('works', 'grace', 's-1')
    const second = await signInBy('works', 'grace', 's-2')
    const elsewhere = await signInBy('other', 'grace', 's-1')
    says({ subject: 'grace', sessionIds: ['s-1'] })
    const reply = await post(server, '/federation/works/backchannel_logout', client, {
      logout_token: 'x',
    })
    expect(reply.status).to.equal(200)
    expect(await isSignedIn(first.mind)).to.equal(false)
    expect(await isActive(first.tokens.access_token)).to.equal(false)
    expect(await isSignedIn(second.mind)).to.equal(true)
    expect(await isSignedIn(elsewhere.mind)).to.equal(true)
    const received = await eventsOf(server, 'auth.connection.logout_received')
    expect(received.at(-1)!.data).to.deep.include({ connection: 'works', sessions: 1 })
  })

  it('ends the session of somebody who was asked first whose account it is', async () => {
    const ada = await addPerson(server)
    for (const choice of ['create', 'link']) {
      const subject = `asked-${choice}`
      const mind = browser()
      const { url } = await authorizationRequest(party)
      const login = await mind.followAll(await mind.get(url.href), ours)
      const interaction = login.url.replace(/\/[a-z_]+$/, '')
      const away = await mind.get(`${interaction}/connections/works`)
      const state = new URL(away.location!).searchParams.get('state')!
      const person = personOf(subject, { email: `${subject}@works.example` })
      source.says.result = proven(person, { sessionId: subject, logoutHint: 'hint' })
      const back = `${server.issuer}/federation/works/callback?${new URLSearchParams({ state })}`
      const asked = await mind.followAll(await mind.get(back), ours)
      const press = async (page: typeof asked, end: string) =>
        await mind.followAll(
          await mind.submit(page, {}, { form: ({ action }) => action.endsWith(end) }),
          ours,
        )
      const consent =
        choice === 'create'
          ? await press(asked, '/create')
          : await press(
              await mind.followAll(
                await mind.submit(await mind.get(`${interaction}/login`), {
                  login: ada.email,
                  password: ada.password,
                }),
                ours,
              ),
              '/link_account',
            )
      await goThrough(mind, consent, { id: '', email: '', password: '' }, server.issuer)
      expect(await isSignedIn(mind), choice).to.equal(true)
      says({ sessionIds: [subject] })
      await post(server, '/federation/works/backchannel_logout', client, { logout_token: 'x' })
      expect(await isSignedIn(mind), choice).to.equal(false)
    }
  })

  it('ends every session of the person where the source names none', async () => {
    const sessions = [
      await signInBy('works', 'hedy', 'h-1'),
      await signInBy('works', 'hedy'),
      await signInBy('works', 'ida', 'i-1'),
    ]
    says({ subject: 'hedy' })
    await post(server, '/federation/works/backchannel_logout', client, { logout_token: 'x' })
    const standing = await Promise.all(sessions.map(({ mind }) => isSignedIn(mind)))
    expect(standing).to.deep.equal([false, false, true])
  })

  it('ends nothing for somebody who is named by nothing, or whom the hint does not mean', async () => {
    const { mind } = await signInBy('works', 'joan', 'j-1')
    says({})
    await post(server, '/federation/works/backchannel_logout', client, { logout_token: 'x' })
    says({ sessionIds: ['j-1'], isMeant: (hint: string) => hint === 'hint of somebody else' })
    await post(server, '/federation/works/backchannel_logout', client, { logout_token: 'x' })
    expect(await isSignedIn(mind)).to.equal(true)
    says({ sessionIds: ['j-1'], isMeant: (hint: string) => hint === 'hint of joan' })
    await post(server, '/federation/works/backchannel_logout', client, { logout_token: 'x' })
    expect(await isSignedIn(mind)).to.equal(false)
  })

  it('believes nobody whom the connection does not, and says so to the trail', async () => {
    source.logout.received = { kind: 'refused', detail: 'the signature' }
    const refused = await post(server, '/federation/works/backchannel_logout', client, {})
    expect(refused.status).to.equal(400)
    expect(refused.json()).to.deep.equal({ error: 'invalid_request' })
    const browserly = await browser().get(`${server.issuer}/federation/works/logout?SAMLRequest=x`)
    expect(browserly.status).to.equal(400)
    source.logout.received = { kind: 'unavailable', reason: 'no keys' }
    const down = await post(server, '/federation/works/backchannel_logout', client, {})
    expect(down.status).to.equal(503)
    const unknown = await post(server, '/federation/nowhere/backchannel_logout', client, {})
    expect(unknown.status).to.equal(400)
    const events = await eventsOf(server, 'auth.connection.logout_refused')
    const reasons = events.map(({ data }) => (data as { reason: string }).reason)
    expect(reasons).to.include.members(['the signature', 'no keys', 'unknown_connection'])
  })

  it('takes a message once, and forgets it when its time is over', async () => {
    const { mind } = await signInBy('works', 'lou', 'lou-1')
    const send = async (name: string) =>
      await post(server, `/federation/${name}/backchannel_logout`, client, { logout_token: 'x' })
    says({ sessionIds: ['lou-1'] })
    expect((await send('works')).status).to.equal(200)
    expect(await isSignedIn(mind)).to.equal(false)
    const again = await signInBy('works', 'lou', 'lou-1')
    expect((await send('works')).status, 'seen before').to.equal(400)
    expect(await isSignedIn(again.mind)).to.equal(true)
    const browserly = await browser().get(`${server.issuer}/federation/works/logout?SAMLRequest=x`)
    expect(browserly.status, 'by a browser').to.equal(400)
    expect((await send('other')).status, 'ids of another source').to.equal(200)
    const refused = await eventsOf(server, 'auth.connection.logout_refused')
    expect(refused.at(-1)!.data).to.deep.include({ reason: 'it came before' })
    const { db } = server.parts
    const seen = async () => (await query(db, 'SELECT 1 FROM seen_message')).length
    const before = await seen()
    await deleteExpiredMessages(db, { now: new Date(), limit: 100 })
    expect(await seen(), 'not yet').to.equal(before)
    await deleteExpiredMessages(db, { now: new Date(Date.now() + 61_000), limit: 100 })
    expect(await seen()).to.equal(0)
  })

  it('answers a browser that the source has sent', async () => {
    const { mind } = await signInBy('works', 'kay', 'k-1')
    says({ sessionIds: ['k-1'] })
    source.logout.received = {
      ...(source.logout.received as Extract<LogoutReceived, { kind: 'ended' }>),
      answer: async () => ({ method: 'GET', uri: 'https://source.example.test/done' }),
    }
    const reply = await browser().get(`${server.issuer}/federation/works/logout?SAMLRequest=x`)
    expect(reply.location).to.equal('https://source.example.test/done')
    expect(await isSignedIn(mind)).to.equal(false)
  })

  const signOut = async (mind: Browser, idToken: string) => {
    const uri = new URL('/logout', server.issuer)
    uri.search = new URLSearchParams({
      id_token_hint: idToken,
      post_logout_redirect_uri: 'https://rp.example.test/bye',
      state: 'of the application',
    }).toString()
    const page = await mind.followAll(await mind.get(uri.href), ours)
    const done = await mind.submit(page, { logout: 'yes' })
    // A page, and no redirect: browsers hold `form-action` against every hop after a form.
    expect(done.status).to.equal(200)
    return await mind.followAll(done, ours)
  }

  it('signs out there whoever signs out here, and goes on to where the browser was going', async () => {
    const { mind, tokens } = await signInBy('works', 'lise', 'l-1')
    const away = await signOut(mind, tokens.id_token!)
    expect(away.location).to.match(/^https:\/\/source\.example\.test\/sign_out\?state=[\w-]{43}$/)
    expect(source.logout.begun).to.deep.include({ sessionId: 'l-1', logoutHint: 'hint of lise' })
    expect(await isSignedIn(mind), 'over already').to.equal(false)
    const state = new URL(away.location!).searchParams.get('state')!
    source.logout.received = { kind: 'answered', state, read: async (keep) => keep === 'kept' }
    const back = await mind.get(`${server.issuer}/federation/works/logout?state=${state}`)
    expect(back.location).to.equal('https://rp.example.test/bye?state=of+the+application')
    const again = await mind.get(`${server.issuer}/federation/works/logout?state=${state}`)
    expect(again.status, 'once').to.equal(400)
  })

  it('leaves the source alone where the connection says nothing, or the session came by none', async () => {
    const { mind, tokens } = await signInBy('alone', 'mary', 'm-1')
    const last = await signOut(mind, tokens.id_token!)
    expect(last.location).to.match(/^https:\/\/rp\.example\.test\/bye/)
  })

  it('goes on without a source that cannot be asked', async () => {
    const { mind, tokens } = await signInBy('works', 'nina', 'n-1')
    source.logout.begins = false
    const last = await signOut(mind, tokens.id_token!)
    source.logout.begins = true
    expect(last.location).to.match(/^https:\/\/rp\.example\.test\/bye/)
  })

  it('leaves nothing behind of sessions that have ended', async () => {
    const rows = await query(
      server.parts.db,
      `SELECT u.id FROM upstream_session u JOIN identity i ON i.id = u.identity_id
        WHERE i.subject IN ('lise', 'kay', 'hedy')`,
    )
    expect(rows).to.be.empty
  })

  it('shows what we say of ourselves, where there is such a document', async () => {
    const document = await browser().get(`${server.issuer}/federation/works/metadata`)
    expect(document.status).to.equal(200)
    expect(document.headers['content-type']).to.include('application/samlmetadata+xml')
    expect((await browser().get(`${server.issuer}/federation/nowhere/metadata`)).status).to.equal(
      404,
    )
  })
})

import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { disableAccount } from '../../src/domain/accounts/block_account.ts'
import { MULTI_FACTOR_ACR, PASSWORD_ACR } from '../../src/domain/authentication/assurance.ts'
import { listIdentitiesOfAccount } from '../../src/domain/federation/identity_store.ts'
import {
  setConnectionStatus,
  updateConnection,
} from '../../src/domain/federation/manage_connections.ts'
import { query } from '../../src/platform/persistence/db.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
  statementsOf,
} from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import {
  addConnection,
  type MadeUpSource,
  madeUpSource,
  personOf,
  proven,
  SOURCE_URI,
} from '../support/made_up_source.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import { eventsOf, exchangeFields, expectTokens, post, type TestClient } from './driver.ts'

/** Signing in at a source: whose account it is in the end, and what it is worth. */

type World = {
  server: AuthCore
  source: MadeUpSource
  client: TestClient
  party: RelyingParty
}

const TELL = JSON.stringify({ id_token: { acr: null, amr: null, auth_time: null } })
const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)
let subjects = 0
const newSubject = () => `subject-${++subjects}`

describe('Signing in at a source', function () {
  this.timeout(60_000)
  let world: World
  before(async () => {
    const source = madeUpSource()
    const server = await startAuthCore({ kinds: source.kinds })
    const client = await addClient(server)
    world = { server, source, client, party: await relyingParty(server, client) }
    await connect('works', {})
    await connect('joins', { linking: 'verified_email' })
    await connect('closed', { provisioning: 'none', button: false })
  })
  after(() => world?.server.stop())

  const connect = async (name: string, definition: Record<string, unknown>): Promise<void> => {
    const secrets = { client_secret: 'hush' }
    await addConnection(world.server, world.source, name, definition, secrets)
  }

  const ours = (location: string) => !location.startsWith(world.server.issuer)
  const open = async (mind: Browser, parameters: Record<string, string> = {}) => {
    const { url, checks } = await authorizationRequest(world.party, { claims: TELL, ...parameters })
    return { page: await mind.followAll(await mind.get(url.href), ours), checks }
  }
  /** To the source and back, with what it says. */
  const comeFrom = async (
    mind: Browser,
    name: string,
    result: MadeUpSource['says']['result'],
    parameters: Record<string, string> = {},
  ) => {
    const { page, checks } = await open(mind, parameters)
    const interaction = page.url.replace(/\/[a-z_]+$/, '')
    const away = await mind.get(`${interaction}/connections/${name}`)
    expect(away.location).to.match(new RegExp(`^${SOURCE_URI}\\?state=[\\w-]{43}$`))
    const state = new URL(away.location!).searchParams.get('state')!
    world.source.says.result = result
    const back = `${world.server.issuer}/federation/${name}/callback?${new URLSearchParams({ state, code: 'x' })}`
    return { page: await mind.followAll(await mind.get(back), ours), checks, state, interaction }
  }
  const signIn = async (mind: Browser, page: Reply, { email, password }: Person) =>
    await mind.followAll(await mind.submit(page, { login: email, password }), ours)
  const press = async (mind: Browser, page: Reply, end: string) =>
    await mind.followAll(
      await mind.submit(page, {}, { form: ({ action }) => action.endsWith(end) }),
      ours,
    )
  const subOf = async (
    mind: Browser,
    page: Reply,
    checks: Awaited<ReturnType<typeof open>>['checks'],
  ) => {
    const nobody = { id: '', email: '', password: '' }
    const callback = await goThrough(mind, page, nobody, world.server.issuer)
    const tokens = expectTokens(
      await post(world.server, '/token', world.client, exchangeFields({ callback, checks })),
    )
    return decodeJwt<{ sub: string; acr: string; amr: string[]; auth_time: number }>(
      tokens.id_token!,
    )
  }
  const identitiesOf = (accountId: string) =>
    listIdentitiesOfAccount(world.server.parts.db, accountId)
  const refusals = async () =>
    (await eventsOf(world.server, 'auth.identity.refused')).map(({ data }) => data)

  it('has a button on the sign-in page, unless the connection wants none', async () => {
    const { page } = await open(browser())
    expect(page.body).to.include('id="with-works"')
    expect(page.text()).to.include('Continue with The works')
    expect(page.body).not.to.include('id="with-closed"')
  })

  it('makes an account for somebody who is nobody here, and finds it again', async () => {
    const subject = newSubject()
    const email = `${subject}@works.example`
    const told = { email, emailVerified: true, claims: { name: 'Grace Works', locale: 'de' } }
    const first = browser()
    const { page, checks } = await comeFrom(first, 'works', proven(personOf(subject, told)))
    expect(stepOf(page)).to.equal('consent')
    const claims = await subOf(first, page, checks)
    expect(claims).to.deep.include({ acr: PASSWORD_ACR, amr: ['fed'] })
    const [account] = await query<{ email: string; email_verified: boolean; claims: object }>(
      world.server.parts.db,
      'SELECT email, email_verified, claims FROM account WHERE id = $1',
      [claims.sub],
    )
    expect(account).to.deep.equal({
      email,
      email_verified: true,
      claims: { name: 'Grace Works', locale: 'de' },
    })
    const again = browser()
    const renamed = { ...told, email: 'other@works.example', claims: { name: 'Grace Hopper' } }
    const second = await comeFrom(again, 'works', proven(personOf(subject, renamed)))
    expect((await subOf(again, second.page, second.checks)).sub).to.equal(claims.sub)
    const [later] = await query<{ email: string; claims: object }>(
      world.server.parts.db,
      'SELECT email, claims FROM account WHERE id = $1',
      [claims.sub],
    )
    expect(later, 'an address never changes by itself').to.deep.equal({
      email,
      claims: { name: 'Grace Hopper', locale: 'de' },
    })
  })

  it('takes the same subject of another source for somebody else', async () => {
    const subject = newSubject()
    const one = browser()
    const first = await comeFrom(one, 'works', proven(personOf(subject)))
    const other = browser()
    const second = await comeFrom(other, 'joins', proven(personOf(subject)))
    const subs = [
      (await subOf(one, first.page, first.checks)).sub,
      (await subOf(other, second.page, second.checks)).sub,
    ]
    expect(new Set(subs)).to.have.length(2)
  })

  it('joins an account by an address that both sides have proven, where the connection says so', async () => {
    const ada = await addPerson(world.server)
    const mind = browser()
    const told = { email: ada.email.toUpperCase(), emailVerified: true }
    const { page, checks } = await comeFrom(mind, 'joins', proven(personOf(newSubject(), told)))
    expect((await subOf(mind, page, checks)).sub).to.equal(ada.id)
    const linked = await eventsOf(world.server, 'auth.identity.linked')
    expect(linked.find(({ subject }) => subject === ada.id)!.data).to.include({
      by: 'verified_email',
      connection: 'joins',
    })
  })

  for (const [what, name, told, unproven] of [
    ['the source has not proven', 'joins', { emailVerified: false }, false],
    ['the account has not proven', 'joins', { emailVerified: true }, true],
    [
      'both have proven, but the connection wants to be told',
      'works',
      { emailVerified: true },
      false,
    ],
  ] as const) {
    it(`joins nothing by an address that ${what}: its owner signs in first`, async () => {
      const ada = await addPerson(world.server)
      const { db } = world.server.parts
      if (unproven) {
        await query(db, 'UPDATE account SET email_verified = false WHERE id = $1', [ada.id])
      }
      const mind = browser()
      const subject = newSubject()
      const person = personOf(subject, { email: ada.email, ...told })
      const { page, checks, interaction } = await comeFrom(mind, name, proven(person))
      expect(stepOf(page)).to.equal('link_account')
      expect(page.body).to.include('id="sign-in-to-link"')
      expect(await identitiesOf(ada.id)).to.be.empty
      const login = await mind.get(`${interaction}/login`)
      const confirm = await signIn(mind, login, ada)
      expect(stepOf(confirm)).to.equal('link_account')
      expect(confirm.body).to.include('id="link"')
      expect(await identitiesOf(ada.id), 'before the button').to.be.empty
      const consent = await press(mind, confirm, '/link_account')
      expect((await subOf(mind, consent, checks)).sub).to.equal(ada.id)
      expect((await identitiesOf(ada.id)).map((each) => each.subject)).to.deep.equal([subject])
      const later = browser()
      const next = await comeFrom(later, name, proven(person))
      expect((await subOf(later, next.page, next.checks)).sub).to.equal(ada.id)
    })
  }

  it('shows the same for an unproven address that somebody has and one that nobody has', async () => {
    const ada = await addPerson(world.server)
    const pages: string[] = []
    for (const email of [ada.email, `nobody-${newSubject()}@example.test`]) {
      const person = personOf(newSubject(), { email })
      const { page } = await comeFrom(browser(), 'joins', proven(person))
      pages.push(page.text().replaceAll(email, 'ADDRESS'))
    }
    expect(pages[0]).to.equal(pages[1])
    expect(pages[0]).to.include('I am new here')
  })

  it('makes an account without the address that nobody has proven', async () => {
    const ada = await addPerson(world.server)
    const mind = browser()
    const person = personOf(newSubject(), { email: ada.email, username: 'grace.works' })
    const { page, checks } = await comeFrom(mind, 'joins', proven(person))
    const consent = await press(mind, page, '/create')
    const { sub } = await subOf(mind, consent, checks)
    expect(sub).not.to.equal(ada.id)
    const [account] = await query<{ email: string | null; username: string }>(
      world.server.parts.db,
      'SELECT email, username FROM account WHERE id = $1',
      [sub],
    )
    expect(account).to.deep.equal({ email: null, username: 'grace.works' })
  })

  it('makes no account where the connection makes none', async () => {
    const told = { email: `${newSubject()}@closed.example`, emailVerified: true }
    const mind = browser()
    const { page } = await comeFrom(mind, 'closed', proven(personOf(newSubject(), told)))
    expect(stepOf(page)).to.equal('link_account')
    expect(page.body).not.to.include('id="create"')
    const csrf = new URLSearchParams(page.forms()[0]!.fields).get('csrf')!
    const headers = { origin: world.server.issuer }
    const reply = await mind.post(`${page.url}/create`, { csrf }, { headers })
    expect(reply.status, 'the token is of another form').to.equal(403)
  })

  it('goes on without joining for whoever says "not now"', async () => {
    const ada = await addPerson(world.server)
    const mind = browser()
    const person = personOf(newSubject(), { email: ada.email, emailVerified: true })
    const { checks, interaction } = await comeFrom(mind, 'works', proven(person))
    const confirm = await signIn(mind, await mind.get(`${interaction}/login`), ada)
    const consent = await press(mind, confirm, '/skip')
    expect((await subOf(mind, consent, checks)).sub).to.equal(ada.id)
    expect(await identitiesOf(ada.id)).to.be.empty
  })

  it('counts as one factor, and as two where the connection has the source believed', async () => {
    await connect('vouches', { second_factor: { amr: ['mfa'], acr: ['urn:works:two'] } })
    const asked = { acr_values: MULTI_FACTOR_ACR }
    for (const [name, authentication, step] of [
      ['works', { amr: ['mfa'] }, 'enrol_factor'],
      ['vouches', { amr: ['pwd'] }, 'enrol_factor'],
      ['vouches', { amr: ['pwd', 'mfa'] }, 'consent'],
      ['vouches', { amr: [], acr: 'urn:works:two' }, 'consent'],
    ] as const) {
      const mind = browser()
      const said = proven(personOf(newSubject()), authentication)
      const { page, checks } = await comeFrom(mind, name, said, asked)
      expect(stepOf(page), JSON.stringify(authentication)).to.equal(step)
      if (step !== 'consent') continue
      expect(await subOf(mind, page, checks)).to.deep.include({
        acr: MULTI_FACTOR_ACR,
        amr: ['fed', 'mfa'],
      })
    }
  })

  it('asks the source for what vouches, where the application wants two factors', async () => {
    const said = proven(personOf(newSubject()), { acr: 'urn:works:two' })
    await comeFrom(browser(), 'vouches', said, { acr_values: MULTI_FACTOR_ACR })
    expect(world.source.asked.start!.acrValues).to.deep.equal(['urn:works:two'])
    await comeFrom(browser(), 'vouches', said)
    expect(world.source.asked.start!.acrValues).to.deep.equal([])
    await comeFrom(browser(), 'works', said, { acr_values: MULTI_FACTOR_ACR })
    expect(world.source.asked.start!.acrValues).to.deep.equal([])
  })

  it('says when somebody signed in there, and never a time to come', async () => {
    const hourAgo = new Date(Date.now() - 3_600_000)
    for (const [at, expected] of [
      [hourAgo, hourAgo],
      [new Date(Date.now() + 3_600_000), new Date()],
    ] as const) {
      const mind = browser()
      const { page, checks } = await comeFrom(mind, 'works', proven(personOf(newSubject()), { at }))
      const { auth_time: time } = await subOf(mind, page, checks)
      expect(Math.abs(time - expected.getTime() / 1000)).to.be.lessThan(30)
    }
  })

  it('passes on what the application asks for', async () => {
    await open(browser())
    const parameters = { max_age: '300', login_hint: 'grace@works.example', prompt: 'login' }
    await comeFrom(browser(), 'works', undefined, parameters)
    expect(world.source.asked.start).to.deep.include({
      maxAgeS: 300,
      loginHint: 'grace@works.example',
      callbackUri: `${world.server.issuer}/federation/works/callback`,
    })
  })

  it('names what the person can do where the source says no, or nothing', async () => {
    for (const [result, status, words] of [
      [{ kind: 'refused', reason: 'denied', detail: 'access_denied' }, 403, 'did not sign you in'],
      [{ kind: 'refused', reason: 'invalid', detail: 'nonce' }, 400, 'could not be verified'],
      [{ kind: 'refused', reason: 'too_weak', detail: 'acr' }, 403, 'less securely'],
      [{ kind: 'unavailable', reason: 'ECONNREFUSED' }, 503, 'does not answer'],
    ] as const) {
      const mind = browser()
      const { page, interaction } = await comeFrom(mind, 'works', result)
      expect(page.status).to.equal(status)
      expect(page.text()).to.include(words).and.to.include('The works')
      expect(page.body).to.include(`href="${new URL(interaction).pathname}/connections/works"`)
      expect(page.body).to.include('id="other-way"').and.to.include('id="cancel"')
      expect(page.body).not.to.include('ECONNREFUSED').and.not.to.include('nonce')
    }
    const details = (await refusals()).map((data) => (data as { detail?: string }).detail)
    expect(details).to.include.members(['access_denied', 'nonce', 'acr'])
    const unavailable = await eventsOf(world.server, 'auth.connection.failed')
    expect(unavailable.map(({ data }) => (data as { reason: string }).reason)).to.include(
      'ECONNREFUSED',
    )
  })

  it('takes no password of ours of people whose domain hides it', async () => {
    await connect('only', { domains: ['only.example'], password: 'hidden' })
    await connect('also', { domains: ['also.example'] })
    for (const [domain, taken] of [
      ['only.example', false],
      ['also.example', true],
    ] as const) {
      const ada = await addPerson(world.server, { email: `${newSubject()}@${domain}` })
      const mind = browser()
      const { page } = await open(mind)
      const sent = await mind.submit(page, { login: ada.email, password: ada.password })
      const last = await mind.followAll(sent, (location) => location.startsWith(SOURCE_URI))
      if (taken) expect(stepOf(last), domain).to.equal('consent')
      else expect(last.location, domain).to.match(new RegExp(`^${SOURCE_URI}`))
    }
    expect(world.source.asked.start!.loginHint).to.match(/@only\.example$/)
  })

  it('costs as many statements as it needs', async () => {
    const person = personOf(newSubject(), { claims: { name: 'Grace' } })
    const first = browser()
    const before = await comeFrom(first, 'works', proven(person))
    await subOf(first, before.page, before.checks)
    const mind = browser()
    const { page } = await open(mind)
    const interaction = page.url.replace(/\/[a-z_]+$/, '')
    const away = await statementsOf(() => mind.get(`${interaction}/connections/works`))
    const state = new URL(away.result.location!).searchParams.get('state')!
    world.source.says.result = proven(person)
    const query = new URLSearchParams({ state })
    const back = await statementsOf(() =>
      mind.get(`${world.server.issuer}/federation/works/callback?${query}`),
    )
    const returned = await statementsOf(() => mind.get(back.result.location!))
    const counts = [away, back, returned].map(({ texts }) => texts.length)
    // There, to the callback, and to the interaction, where everything is decided.
    expect(counts).to.deep.equal([4, 1, 11])
  })

  it('is told of where the server is looked after', async () => {
    const ready = async () => {
      const reply = await browser().get(`${world.server.issuer}/health/ready`)
      expect(reply.status, 'whatever the sources do').to.equal(200)
      type Told = { state: string; ends_at?: string }
      return reply.json<{ connections: Record<string, Told> }>().connections
    }
    await connect('idle', { button: false })
    expect((await ready())['idle']!.state).to.equal('unused')
    await comeFrom(browser(), 'works', undefined)
    expect((await ready())['works']!.state).to.equal('down')
    expect((await ready())['works']!.ends_at).to.equal('2099-01-01T00:00:00.000Z')
    const scrape = async () => (await browser().get(`${world.server.issuer}/metrics`)).body
    expect(await scrape()).to.include('authcore_connection_up{connection="works"} 0')
    await comeFrom(browser(), 'works', proven(personOf(newSubject())))
    expect((await ready())['works']!.state).to.equal('up')
    expect(await scrape())
      .to.include('authcore_connection_up{connection="works"} 1')
      .and.to.include('authcore_connection_end_timestamp_seconds{connection="works"} 4070908800')
      .and.to.match(
        /authcore_connection_call_duration_seconds_count\{connection="works",operation="sign_in",outcome="unavailable"\} \d/,
      )
  })

  it('lets nobody in whom the rules of the connection keep out', async () => {
    await connect('ruled', {
      rules: {
        allow: '"staff" in groups',
        claims: { nickname: 'username', zoneinfo: 'raw.zone' },
      },
    })
    const out = await comeFrom(browser(), 'ruled', proven(personOf(newSubject())))
    expect(out.page.status).to.equal(403)
    expect(out.page.text()).to.include('not among those that may sign in here')
    const mind = browser()
    const told = { groups: ['staff'], username: 'grace.ruled', raw: { zone: 'Nowhere/None' } }
    const { page, checks } = await comeFrom(mind, 'ruled', proven(personOf(newSubject(), told)))
    const { sub } = await subOf(mind, page, checks)
    const [account] = await query<{ claims: object }>(
      world.server.parts.db,
      'SELECT claims FROM account WHERE id = $1',
      [sub],
    )
    expect(account!.claims, 'what does not fit is left out').to.deep.equal({
      nickname: 'grace.ruled',
    })
  })

  it('keeps out somebody whose account here is disabled', async () => {
    const subject = newSubject()
    const mind = browser()
    const first = await comeFrom(mind, 'works', proven(personOf(subject)))
    const { sub } = await subOf(mind, first.page, first.checks)
    const { parts } = world.server
    await disableAccount(parts, sub)
    const { page } = await comeFrom(browser(), 'works', proven(personOf(subject)))
    expect(page.status).to.equal(403)
    expect(page.text()).to.include('disabled')
  })

  it('is nothing to a browser that did not begin it, to another connection, or a second time', async () => {
    const victim = browser()
    const begun = await open(victim)
    const interaction = begun.page.url.replace(/\/[a-z_]+$/, '')
    const away = await victim.get(`${interaction}/connections/works`)
    const state = new URL(away.location!).searchParams.get('state')!
    world.source.says.result = proven(personOf(newSubject()))
    const at = (name: string) =>
      `${world.server.issuer}/federation/${name}/callback?${new URLSearchParams({ state })}`
    const mixedUp = await browser().get(at('joins'))
    expect(mixedUp.status, 'another connection').to.equal(400)
    const stranger = browser()
    const strange = await stranger.followAll(await stranger.get(at('works')), ours)
    expect(strange.status, 'another browser').to.equal(400)
    const again = await victim.get(at('works'))
    expect(again.status, 'answered before').to.equal(400)
    const unknown = await victim.get(at('works').replace(state, 'A'.repeat(43)))
    expect(unknown.status).to.equal(400)
    const twice = await victim.get(`${at('works')}&code=a&code=b`)
    expect(twice.status).to.equal(400)
  })

  it('uses an answer up once, however many ask at once', async () => {
    const subject = newSubject()
    const mind = browser()
    const begun = await open(mind)
    const interaction = begun.page.url.replace(/\/[a-z_]+$/, '')
    const away = await mind.get(`${interaction}/connections/works`)
    const state = new URL(away.location!).searchParams.get('state')!
    world.source.says.result = proven(personOf(subject))
    const back = `${world.server.issuer}/federation/works/callback?${new URLSearchParams({ state })}`
    const replies = await Promise.all(Array.from({ length: 8 }, () => mind.get(back)))
    expect(replies.filter(({ status }) => status === 303)).to.have.length(1)
    const next = replies.find(({ status }) => status === 303)!.location!
    await Promise.all(Array.from({ length: 8 }, () => mind.get(next)))
    const rows = await query(world.server.parts.db, 'SELECT id FROM identity WHERE subject = $1', [
      subject,
    ])
    expect(rows).to.have.length(1)
  })

  it('takes an answer that comes by a form of another site', async () => {
    const subject = newSubject()
    const mind = browser()
    const begun = await open(mind)
    const interaction = begun.page.url.replace(/\/[a-z_]+$/, '')
    const away = await mind.get(`${interaction}/connections/works`)
    const state = new URL(away.location!).searchParams.get('state')!
    world.source.says.result = proven(personOf(subject))
    // Cookies of ours do not come with it.
    const reply = await browser().post(
      `${world.server.issuer}/federation/works/callback`,
      { SAMLResponse: 'x'.repeat(100_000), RelayState: state },
      { headers: { origin: 'https://source.example.test' } },
    )
    expect(reply.status).to.equal(303)
    const page = await mind.followAll(await mind.get(reply.location!), ours)
    expect(stepOf(page)).to.equal('consent')
  })

  it('ends with a connection that is disabled in the middle', async () => {
    await connect('fleeting', {})
    const { parts } = world.server
    const mind = browser()
    const begun = await open(mind)
    const interaction = begun.page.url.replace(/\/[a-z_]+$/, '')
    const away = await mind.get(`${interaction}/connections/fleeting`)
    const state = new URL(away.location!).searchParams.get('state')!
    world.source.says.result = proven(personOf(newSubject()))
    const back = `${world.server.issuer}/federation/fleeting/callback?${new URLSearchParams({ state })}`
    const held = await mind.get(back)
    await setConnectionStatus(parts, { name: 'fleeting', status: 'disabled' })
    await waitFor(async () => (await parts.connections.find('fleeting')) === undefined)
    const page = await mind.followAll(await mind.get(held.location!), ours)
    expect(page.status).to.equal(503)
    const start = await mind.followAll(await mind.get(`${interaction}/connections/fleeting`), ours)
    expect(stepOf(start)).to.equal('login')
    expect((await mind.get(back)).status).to.equal(400)
  })

  it('sends an application, or a request, to the connection that it names', async () => {
    for (const parameter of ['connection', 'idp_hint']) {
      const { url } = await authorizationRequest(world.party, { [parameter]: 'works' })
      const away = await browser().followAll(await browser().get(url.href), ours)
      expect(away.location ?? away.url, parameter).to.be.a('string')
      const mind = browser()
      const last = await mind.followAll(await mind.get(url.href), (location) =>
        location.startsWith(SOURCE_URI),
      )
      expect(last.location, parameter).to.match(new RegExp(`^${SOURCE_URI}`))
    }
    const { url } = await authorizationRequest(world.party, { connection: 'nowhere' })
    const mind = browser()
    expect(stepOf(await mind.followAll(await mind.get(url.href), ours))).to.equal('login')
    const bound = await addClient(world.server, { metadata: { connection: 'closed' } })
    const party = await relyingParty(world.server, bound)
    const request = await authorizationRequest(party, { connection: 'works' })
    const other = browser()
    const last = await other.followAll(await other.get(request.url.href), (location) =>
      location.startsWith(SOURCE_URI),
    )
    expect(last.url).to.include('/connections/closed')
  })

  it('shows the source that the browser used last before the others', async () => {
    const mind = browser()
    await comeFrom(mind, 'works', proven(personOf(newSubject())))
    const { page } = await open(mind, { prompt: 'login' })
    const [first] = page.body.match(/id="with-[a-z]+"/) ?? []
    expect(first).to.equal('id="with-works"')
    expect(page.body).to.include('Used last time')
  })

  it('is followed by the second factor of the account that it belongs to', async () => {
    await updateConnection(
      { ...world.server.parts, kinds: world.source.kinds },
      {
        content: { name: 'closed', kind: 'made_up', second_factor: { amr: ['mfa'] } },
        secrets: {},
      },
    )
    await waitFor(async () => {
      const found = await world.server.parts.connections.find('closed')
      return found?.definition.second_factor !== undefined
    })
    const mind = browser()
    const said = proven(personOf(newSubject()), { amr: ['mfa'] })
    const { page } = await comeFrom(mind, 'closed', said, { acr_values: MULTI_FACTOR_ACR })
    expect(stepOf(page)).to.equal('consent')
  })
})

async function waitFor(done: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (await done()) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('it did not come to that')
}

import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { revokeConsent } from '../../src/domain/clients/grant_consent.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { atOnce, type Browser, browser, type Reply } from '../support/http.ts'
import {
  authorizationRequest,
  authorize,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import {
  answerAt,
  eventsOf,
  exchangeFields,
  expectTokens,
  post,
  refreshFields,
  rows,
  type TestClient,
  userinfo,
} from './driver.ts'

describe('Consent (OpenID Connect Core §3.1.2.4)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let client: TestClient
  let party: RelyingParty

  before(async () => {
    server = await startAuthCore()
    await addApi(server)
    client = await addClient(server, { name: 'The diary' })
    party = await relyingParty(server, client)
  })
  after(() => server?.stop())

  /** Signs in where asked to, and comes to the consent page or leaves for the client. */
  async function begin(
    mind: Browser,
    person: Person,
    parameters: Record<string, string> = {},
    at = party,
  ): Promise<Reply & { checks: Awaited<ReturnType<typeof authorizationRequest>>['checks'] }> {
    const { url, checks } = await authorizationRequest(at, { scope: 'openid', ...parameters })
    const ours = (location: string) => !location.startsWith(server.issuer)
    let page = await mind.followAll(await mind.get(url.href), ours)
    if (new URL(page.url).pathname.endsWith('/login')) {
      const answer = await mind.submit(page, { login: person.email, password: person.password })
      page = await mind.followAll(answer, ours)
    }
    return { ...page, checks }
  }
  const isConsent = ({ url }: Reply) => new URL(url).pathname.endsWith('/consent')
  const leaves = ({ location }: Reply) =>
    location !== undefined && !location.startsWith(server.issuer)
  const allow = async (mind: Browser, page: Reply, fields: Record<string, string> = {}) =>
    await mind.followAll(
      await mind.submit(page, fields, { button: 'Allow' }),
      (location) => !location.startsWith(server.issuer),
    )
  const tokensAt = async (
    page: Reply,
    checks: Awaited<ReturnType<typeof authorizationRequest>>['checks'],
    who = client,
    extra: Record<string, string> = {},
  ) => {
    const fields = exchangeFields({ callback: new URL(page.location!), checks })
    return expectTokens(await post(server, '/token', who, { ...fields, ...extra }))
  }

  it('is asked for once, and remembered in every browser from then on', async () => {
    const ada = await addPerson(server)
    const first = browser()
    const page = await begin(first, ada)
    expect(isConsent(page)).to.equal(true)
    expect(page.text()).to.include('The diary')
    expect(leaves(await allow(first, page))).to.equal(true)
    expect(leaves(await begin(first, ada))).to.equal(true)
    expect(leaves(await begin(browser(), ada))).to.equal(true)
    const event = (await eventsOf(server, 'auth.consent.granted')).at(-1)
    expect(event).to.deep.include({ subject: ada.id })
    expect(event?.data).to.deep.include({ clientId: client.clientId, scopes: ['openid'] })
  })

  it('is asked of each person, and for each application', async () => {
    const [ada, bob] = [await addPerson(server), await addPerson(server)]
    await allow(browser(), await begin(browser(), ada)).catch(() => {})
    expect(isConsent(await begin(browser(), bob))).to.equal(true)
    const other = await relyingParty(server, await addClient(server))
    expect(isConsent(await begin(browser(), ada, {}, other))).to.equal(true)
  })

  it('is asked only for what is new, and the refusal of that takes nothing away', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    await allow(mind, await begin(mind, ada, { scope: 'openid profile' }))
    const page = await begin(mind, ada, { scope: 'openid profile email' })
    expect(isConsent(page)).to.equal(true)
    expect(page.text()).to.include('email').and.not.to.include('See your profile')
    const cancel = { form: ({ action }: { action: string }) => action.endsWith('/cancel') }
    const denied = await mind.followAll(await mind.submit(page, {}, cancel), (location) =>
      location.startsWith('https://rp.'),
    )
    const answer = new URL(denied.location!).searchParams
    expect(answer.get('error')).to.equal('access_denied')
    expect(answer.get('state')).to.equal(page.checks.expectedState)
    expect(answer.get('iss')).to.equal(server.issuer)
    const before = await begin(mind, ada, { scope: 'openid profile' })
    expect(leaves(before)).to.equal(true)
    expect((await tokensAt(before, before.checks)).scope).to.equal('openid profile')
    expect(isConsent(await begin(mind, ada, { scope: 'openid profile email' }))).to.equal(true)
    const event = (await eventsOf(server, 'auth.consent.denied')).at(-1)
    expect(event).to.deep.include({ subject: ada.id })
  })

  it('names what an API would allow', async () => {
    const ada = await addPerson(server)
    const page = await begin(browser(), ada, { scope: 'openid read write', resource: API })
    expect(page.text()).to.include('Example API').and.to.include('read').and.to.include('write')
  })

  it('is asked for two APIs on one page, and gives a token for each', async () => {
    const second = 'https://second.example.test'
    await addApi(server, 'opaque', second)
    const ada = await addPerson(server)
    const mind = browser()
    const { url, checks } = await authorizationRequest(party, {
      scope: 'openid offline_access read',
      resource: API,
      prompt: 'consent',
    })
    url.searchParams.append('resource', second)
    const login = await mind.followAll(await mind.get(url.href))
    const page = await mind.followAll(
      await mind.submit(login, { login: ada.email, password: ada.password }),
    )
    expect(isConsent(page)).to.equal(true)
    const done = await allow(mind, page)
    const first = await tokensAt(done, checks, client, { resource: API })
    expect(decodeJwt(first.access_token)).to.include({ aud: API, scope: 'read' })
    const asked = { ...refreshFields(first.refresh_token!), resource: second }
    const other = expectTokens(await post(server, '/token', client, asked))
    expect(other).to.include({ scope: 'read' })
    expect(other.access_token).not.to.include('.')
  })

  it('of one person given in ten tabs at once is one', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    await allow(mind, await begin(mind, ada))
    const pages: Reply[] = []
    for (let tab = 0; tab < 10; tab++)
      pages.push(await begin(mind, ada, { scope: 'openid address' }))
    const answers = await atOnce(10, (gate, i) =>
      mind.submit(pages[i]!, {}, { button: 'Allow', gate }),
    )
    for (const answer of answers) expect(answer.status, answer.text()).to.equal(200)
    const stored = await rows<{ openid_scopes: string[] }>(
      server.parts.db,
      'SELECT openid_scopes FROM consent WHERE account_id = $1',
      [ada.id],
    )
    expect(stored).to.have.length(1)
    expect(stored[0]!.openid_scopes).to.have.members(['openid', 'address'])
  })

  it('names what is asked for claim by claim', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    const claims = JSON.stringify({ userinfo: { email: null, phone_number: null } })
    const page = await begin(mind, ada, { claims })
    expect(page.text()).to.include('See your email address').and.to.include('phone number')
    const later = browser()
    await allow(mind, page)
    expect(leaves(await begin(later, ada, { claims }))).to.equal(true)
    const more = JSON.stringify({ userinfo: { birthdate: null } })
    const again = await begin(later, ada, { claims: more })
    expect(again.text()).to.include('See your profile')
  })

  it('is not widened by what is written into its form', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    const page = await begin(mind, ada, { scope: 'openid' })
    const done = await allow(mind, page, {
      scope: 'openid email profile offline_access',
      scopes: 'email',
      claims: '{"userinfo":{"email":null}}',
      resource: API,
      grantId: 'x',
      accountId: 'x',
      clientId: 'x',
    })
    const tokens = await tokensAt(done, page.checks)
    expect(tokens.scope).to.equal('openid')
    expect(tokens).not.to.have.property('refresh_token')
    expect((await userinfo(server, tokens.access_token)).json()).to.deep.equal({ sub: ada.id })
    const stored = await rows<{ openid_scopes: string[] }>(
      server.parts.db,
      'SELECT openid_scopes FROM consent WHERE account_id = $1',
      [ada.id],
    )
    expect(stored).to.deep.equal([{ openid_scopes: ['openid'] }])
  })

  it('is not given with the form of another page', async () => {
    const [ada, eve] = [await addPerson(server), await addPerson(server)]
    const [hers, mine] = [browser(), browser()]
    const page = await begin(hers, ada)
    const mineToo = await begin(mine, eve)
    const csrf = mineToo.forms()[0]!.fields.get('csrf')!
    for (const forged of [csrf, '', 'x', page.forms()[0]!.fields.get('csrf')!.slice(1)]) {
      const reply = await hers.submit(page, { csrf: forged }, { button: 'Allow' })
      expect(reply.status).to.be.within(400, 403)
    }
    expect(leaves(await allow(hers, page))).to.equal(true)
  })

  it('is asked for again with prompt=consent, and by native applications always', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    await allow(mind, await begin(mind, ada))
    expect(isConsent(await begin(mind, ada, { prompt: 'consent' }))).to.equal(true)
    const native = await relyingParty(
      server,
      await addClient(server, {
        preset: 'native',
        metadata: { redirect_uris: ['https://rp.example.test/callback'] },
      }),
    )
    for (let time = 0; time < 2; time++) {
      const page = await begin(mind, ada, {}, native)
      expect(isConsent(page), `time ${time}`).to.equal(true)
      expect(leaves(await allow(mind, page))).to.equal(true)
    }
    const silent = await authorizationRequest(native, { prompt: 'none', scope: 'openid' })
    const answer = answerAt(await mind.get(silent.url.href))
    expect(answer.get('error')).to.match(/^(interaction|consent)_required$/)
  })

  it('is asked for again once it was revoked', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    await allow(mind, await begin(mind, ada))
    await revokeConsent(server.parts, { accountId: ada.id, clientId: client.clientId })
    expect(isConsent(await begin(browser(), ada))).to.equal(true)
  })

  describe('of an application of the house', () => {
    it('is nobody asked for, whatever the prompt says, and it has what it asked for', async () => {
      const ada = await addPerson(server)
      for (const preset of ['web', 'spa', 'native'] as const) {
        const house = await addClient(server, {
          preset,
          firstParty: true,
          metadata: { redirect_uris: ['https://rp.example.test/callback'] },
        })
        const at = await relyingParty(server, house)
        const scope = 'openid email offline_access read'
        const { callback, checks } = await authorize(server, at, ada, {
          parameters: { scope, resource: API, prompt: 'consent' },
        })
        const fields = exchangeFields({ callback, checks })
        const tokens = expectTokens(await post(server, '/token', house, fields))
        expect(tokens.refresh_token, preset).to.be.a('string')
        const api = {
          grant_type: 'refresh_token',
          refresh_token: tokens.refresh_token!,
          resource: API,
        }
        const jwt = expectTokens(await post(server, '/token', house, api))
        expect(decodeJwt(jwt.access_token)).to.include({ scope: 'read' })
      }
    })
  })

  it('can be refused before signing in, too', async () => {
    const mind = browser()
    const { url, checks } = await authorizationRequest(party)
    const page = await mind.followAll(await mind.get(url.href))
    const cancel = { form: ({ action }: { action: string }) => action.endsWith('/cancel') }
    const denied = await mind.followAll(await mind.submit(page, {}, cancel), (location) =>
      location.startsWith('https://rp.'),
    )
    const answer = new URL(denied.location!).searchParams
    expect(answer.get('error')).to.equal('access_denied')
    expect(answer.get('state')).to.equal(checks.expectedState)
  })

  it('is put to the person who signs in in place of the one who was', async () => {
    const [ada, bob] = [await addPerson(server), await addPerson(server)]
    const mind = browser()
    await allow(mind, await begin(mind, ada, { scope: 'openid email' }))
    const { url, checks } = await authorizationRequest(party, {
      scope: 'openid email',
      prompt: 'login',
    })
    const page = await mind.followAll(await mind.get(url.href))
    const answer = await mind.submit(page, { login: bob.email, password: bob.password })
    const next = await mind.followAll(answer, (location) => !location.startsWith(server.issuer))
    expect(isConsent(next)).to.equal(true)
    const callback = await goThrough(mind, next, bob, server.issuer)
    const tokens = expectTokens(
      await post(server, '/token', client, exchangeFields({ callback, checks })),
    )
    expect((await userinfo(server, tokens.access_token)).json()).to.include({ sub: bob.id })
  })
})

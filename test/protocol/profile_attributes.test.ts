import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { findAccountById } from '../../src/domain/accounts/account_store.ts'
import { changeProfile } from '../../src/domain/accounts/change_profile.ts'
import { exportPersonalData } from '../../src/domain/personal_data/export_personal_data.ts'
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
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import {
  answerAt,
  eventsEver,
  exchangeFields,
  expectTokens,
  post,
  rows,
  userinfo,
} from './driver.ts'

/** What a deployment keeps of people by a schema of its own, and how it comes to know it. */

const EXAMPLE = new URL('../../docs/examples/profile_schema.json', import.meta.url).pathname
const PASSWORD = 'seven quiet lanterns'
const DAY_MS = 86_400_000

describe('Attributes of a deployment', function () {
  this.timeout(60_000)
  let mail: SmtpSink
  let server: AuthCore
  let party: RelyingParty
  let house: RelyingParty
  let client: Awaited<ReturnType<typeof addClient>>
  let offsetMs = 0

  before(async () => {
    mail = await startSmtp()
    const env = {
      ...mail.env(),
      AUTHCORE_SIGN_UP: 'open',
      AUTHCORE_PROFILE_SCHEMA: EXAMPLE,
      AUTHCORE_PROFILE_ASK: 'family_name, nickname?',
    }
    const clock = { now: () => new Date(Date.now() + offsetMs) }
    server = await startAuthCore({ worker: true, env, clock })
    const scope = 'openid profile email profile:employment'
    client = await addClient(server, { metadata: { scope } })
    party = await relyingParty(server, client)
    house = await relyingParty(server, await addClient(server, { firstParty: true }))
  })
  after(async () => {
    await server?.stop()
    await mail?.stop()
  })
  afterEach(() => {
    offsetMs = 0
  })

  const ours = (location: string) => !location.startsWith(server.issuer)
  const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)
  const by = (end: string) => ({ form: ({ action }: { action: string }) => action.endsWith(end) })
  const open = async (mind: Browser, parameters: Record<string, string> = {}, at = party) => {
    const { url, checks } = await authorizationRequest(at, parameters)
    return { page: await mind.followAll(await mind.get(url.href), ours), checks }
  }
  const submit = async (mind: Browser, page: Reply, fields: Record<string, string> = {}) =>
    await mind.followAll(await mind.submit(page, fields), ours)
  const begin = async (
    mind: Browser,
    { email, password }: Person,
    parameters: Record<string, string> = {},
    at = party,
  ) => {
    const { page, checks } = await open(mind, parameters, at)
    return { page: await submit(mind, page, { login: email, password }), checks }
  }
  const accountOf = async ({ id }: { id: string }) => (await findAccountById(server.parts.db, id))!
  const know = async ({ id }: Person, attributes: Record<string, unknown>) =>
    await changeProfile(server.parts, id, { claims: {}, attributes }, {})
  const ANSWERS = { attribute_department: 'press', attribute_reader_since: '2020-02-29' }
  const KNOWN = { department: 'press', reader_since: '2020-02-29' }
  const changesOf = async ({ id }: { id: string }) =>
    (await eventsEver(server, 'auth.profile.changed')).filter(({ subject }) => subject === id)
  /** Somebody of whom nothing is asked any more. */
  const known = async () => {
    const ada = await addPerson(server, { claims: { nickname: 'Countess' } })
    await know(ada, { ...KNOWN, interests: ['maps'] })
    return ada
  }

  describe('asked for after the sign-in', () => {
    it('come after the proof and before consent, are kept, and leave an event without values', async () => {
      const ada = await addPerson(server)
      const mind = browser()
      const { page, checks } = await begin(mind, ada)
      expect(stepOf(page)).to.equal('complete_profile')
      expect(page.body).to.include('name="attribute_department"').and.include('name="nickname"')
      expect(page.body).not.to.include('name="family_name"')
      expect(page.body).not.to.include('attribute_badge')
      expect(page.body, 'something of it is needed').not.to.include('id="postpone"')
      const consentToo = page.url.replace('complete_profile', 'consent')
      expect(stepOf(await mind.followAll(await mind.get(consentToo), ours))).to.equal(
        'complete_profile',
      )
      const fields = { ...ANSWERS, nickname: ' Countess ', attribute_interests_2: 'yes' }
      const consent = await submit(mind, page, fields)
      expect(stepOf(consent)).to.equal('consent')
      const { claims, attributes } = await accountOf(ada)
      expect(claims).to.include({ nickname: 'Countess', family_name: 'Example' })
      expect(attributes).to.deep.equal({ ...KNOWN, interests: ['maps'] })
      const callback = await goThrough(mind, consent, ada, server.issuer)
      const reply = await post(server, '/token', client, exchangeFields({ callback, checks }))
      expect(decodeJwt(expectTokens(reply).id_token!).sub).to.equal(ada.id)
      const [event, ...more] = await changesOf(ada)
      expect(more).to.have.length(0)
      expect((event!.data as { fields: string[] }).fields).to.have.members([
        ...['nickname', 'department', 'reader_since', 'interests'],
      ])
      expect(JSON.stringify(event)).not.to.match(/Countess|press|2020-02-29|maps/)
      expect(stepOf((await begin(mind, ada, { prompt: 'login' })).page)).not.to.equal(
        'complete_profile',
      )
    })

    it('get the form back with what was typed, and what is wrong at the field', async () => {
      const ada = await addPerson(server)
      const mind = browser()
      const { page } = await begin(mind, ada)
      const wrong = { attribute_department: 'cellar', attribute_reader_since: '2023-02-29' }
      const reply = await mind.submit(page, { ...wrong, nickname: 'Count<ess' })
      expect(reply.status).to.equal(422)
      expect(reply.body).to.include('value="2023-02-29"').and.include('value="Count&lt;ess"')
      expect(reply.body).to.match(
        /id="attribute_reader_since"[^>]* aria-describedby="attribute_reader_since-problem"[^>]* aria-invalid="true"/,
      )
      expect(reply.text()).to.include('Enter a date')
      const empty = await mind.submit(reply, {
        attribute_department: '',
        attribute_reader_since: '',
      })
      expect(empty.status).to.equal(422)
      expect(empty.body.match(/aria-invalid/g)).to.have.length(2)
      expect((await accountOf(ada)).attributes).to.deep.equal({})
      expect(await changesOf(ada)).to.have.length(0)
      expect(stepOf(await submit(mind, empty, ANSWERS))).to.equal('consent')
    })

    it('that are not needed can be put off, for thirty days', async () => {
      const ada = await addPerson(server)
      await know(ada, KNOWN)
      const mind = browser()
      const { page } = await begin(mind, ada)
      expect(stepOf(page)).to.equal('complete_profile')
      const later = await mind.followAll(await mind.submit(page, {}, by('/postpone')), ours)
      expect(stepOf(later)).to.equal('consent')
      await goThrough(mind, later, ada, server.issuer)
      expect((await open(mind)).page.location).to.include('code=')
      offsetMs = 29 * DAY_MS
      expect(stepOf((await begin(browser(), ada)).page)).not.to.equal('complete_profile')
      offsetMs = 31 * DAY_MS
      expect(stepOf((await begin(browser(), ada)).page)).to.equal('complete_profile')
    })

    it('that are needed cannot be put off, and what is left empty beside them is', async () => {
      const ada = await addPerson(server)
      const mind = browser()
      const { page } = await begin(mind, ada)
      const csrf = page.forms()[0]!.fields.get('csrf')!
      const headers = { origin: server.issuer }
      const reply = await mind.post(`${page.url}/postpone`, { csrf }, { headers })
      expect(stepOf(await mind.followAll(reply, ours))).to.equal('complete_profile')
      await goThrough(mind, await submit(mind, page, ANSWERS), ada, server.issuer)
      expect((await open(mind)).page.location, 'interests and nickname wait').to.include('code=')
    })

    it('are asked for of a session that stands, and answer a silent request with interaction_required', async () => {
      const mind = browser()
      const ada = await known()
      await goThrough(mind, (await begin(mind, ada)).page, ada, server.issuer)
      const silent = async (at = party) => {
        const { url } = await authorizationRequest(at, { prompt: 'none' })
        return answerAt(await mind.get(url.href))
      }
      await open(mind, {}, house)
      expect((await silent()).get('code')).to.be.a('string')
      await know(ada, { department: undefined })
      for (const at of [party, house]) {
        expect((await silent(at)).get('error')).to.equal('interaction_required')
        expect(stepOf((await open(mind, {}, at)).page)).to.equal('complete_profile')
      }
      const { page } = await open(mind)
      expect((await submit(mind, page, { attribute_department: 'sales' })).location).to.include(
        'code=',
      )
      expect((await silent()).get('code')).to.be.a('string')
      expect((await accountOf(ada)).attributes).to.include({ department: 'sales' })
    })

    it('stand in nobody’s way to the account pages, and lead back to the application', async () => {
      const ada = await addPerson(server)
      const mind = browser()
      const login = await mind.followAll(await mind.get(`${server.issuer}/account`), ours)
      const page = await submit(mind, login, { login: ada.email, password: ada.password })
      expect(stepOf(page)).to.equal('account')
      const other = browser()
      const asked = await begin(other, ada)
      const back = await other.followAll(await other.submit(asked.page, {}, by('/cancel')), ours)
      expect(answerAt(back).get('error')).to.equal('access_denied')
      expect(stepOf((await open(other)).page), 'nobody is signed in').to.equal('login')
    })

    it('take no form of another request, of somebody else, or from elsewhere', async () => {
      const [ada, bob] = [await addPerson(server), await addPerson(server)]
      const mind = browser()
      const first = await begin(mind, ada)
      const second = await begin(mind, ada, { prompt: 'login' })
      const csrf = second.page.forms()[0]!.fields.get('csrf')!
      expect((await mind.submit(first.page, { csrf, ...ANSWERS })).status).to.equal(403)
      const headers = { origin: 'https://evil.test' }
      expect((await mind.submit(first.page, ANSWERS, { headers })).status).to.equal(403)
      const login = await mind.get(first.page.url.replace('complete_profile', 'login'))
      await submit(mind, login, { login: bob.email, password: bob.password })
      expect((await mind.submit(first.page, ANSWERS)).status, 'now it is Bob').to.equal(403)
      for (const person of [ada, bob]) {
        expect((await accountOf(person)).attributes).to.deep.equal({})
      }
    })

    it('change nothing that is not asked: neither what operators set nor what is known', async () => {
      const ada = await addPerson(server)
      const mind = browser()
      const { page } = await begin(mind, ada)
      const more = { attribute_badge: 'AB-99', family_name: 'Eve', email: 'x@example.test' }
      const path = page.url
      const csrf = page.forms()[0]!.fields.get('csrf')!
      const headers = { origin: server.issuer }
      await mind.post(path, { csrf, ...ANSWERS, ...more }, { headers })
      const account = await accountOf(ada)
      expect(account.attributes).to.deep.equal(KNOWN)
      expect(account.claims).to.include({ family_name: 'Example' })
      expect(account.email).to.equal(ada.email)
    })
  })

  describe('as claims', () => {
    const told = async (scope: string, at = client) => {
      const ada = await known()
      await know(ada, { badge: 'AB-17', newsletter: false })
      const mind = browser()
      const rp = at === client ? party : await relyingParty(server, at)
      const { page, checks } = await begin(mind, ada, { scope }, rp)
      const callback = await goThrough(mind, page, ada, server.issuer)
      const tokens = expectTokens(
        await post(server, '/token', at, exchangeFields({ callback, checks })),
      )
      return {
        page,
        claims: (await userinfo(server, tokens.access_token)).json() as object,
        tokens,
      }
    }

    it('reach applications by the scope that the schema gives them', async () => {
      const { claims, page } = await told('openid profile profile:employment')
      expect(page.text()).to.include('See where you work').and.include('Your department and badge.')
      expect(claims).to.include({
        name: 'Ada Example',
        reader_since: '2020-02-29',
        newsletter: false,
        department: 'press',
        badge: 'AB-17',
      })
      expect(claims).not.to.have.any.keys('interests', 'attributes', 'shelf_metres')
    })

    it('reach none without their scope', async () => {
      const { claims } = await told('openid profile')
      expect(claims).to.include({ reader_since: '2020-02-29' })
      expect(claims).not.to.have.any.keys('department', 'badge')
      expect(Object.keys((await told('openid')).claims)).to.deep.equal(['sub'])
    })

    it('are of clients that may have their scope', async () => {
      const may = await addClient(server, { metadata: { scope: 'openid profile:employment' } })
      expect((await told('openid profile:employment', may)).claims).to.include({ badge: 'AB-17' })
      const metadata = { scope: 'openid profile' }
      const not = await relyingParty(server, await addClient(server, { metadata }))
      const { url } = await authorizationRequest(not, { scope: 'openid profile:employment' })
      expect(answerAt(await browser().get(url.href)).get('error')).to.equal('invalid_scope')
    })

    it('stand in discovery', async () => {
      const reply = await browser().get(`${server.issuer}/.well-known/openid-configuration`)
      const { scopes_supported, claims_supported } = reply.json() as Record<string, string[]>
      expect(scopes_supported).to.include('profile:employment')
      expect(claims_supported).to.include.members(['badge', 'reader_since', 'address'])
      expect(claims_supported).not.to.include('interests')
    })
  })

  describe('at sign-up', () => {
    const signUp = async (mind: Browser) =>
      await mind.get((await open(mind)).page.url.replace(/login$/, 'sign_up'))

    it('are asked for, and kept with the account', async () => {
      const mind = browser()
      const email = 'grace@example.test'
      const page = await signUp(mind)
      expect(page.body).to.include('name="attribute_department"')
      expect(page.body).not.to.include('attribute_reader_since')
      const filled = { login: email, name: 'Grace', password: PASSWORD }
      for (const department of ['', 'cellar']) {
        const reply = await mind.submit(page, { ...filled, attribute_department: department })
        expect(reply.status).to.equal(422)
        expect(reply.body).to.include('id="attribute_department-problem"').and.include(email)
      }
      const verify = await submit(mind, page, {
        ...filled,
        attribute_department: 'press',
        attribute_badge: 'AB-99',
      })
      expect(stepOf(verify)).to.equal('verify_email')
      const { code } = await mail.next(email)
      const next = await submit(mind, verify, { code: code! })
      expect(stepOf(next), 'for what comes after').to.equal('complete_profile')
      const [row] = await rows<{ attributes: object }>(
        server.parts.db,
        'SELECT attributes FROM account WHERE email_canonical = $1',
        [email],
      )
      expect(row!.attributes).to.deep.equal({ department: 'press' })
    })
  })

  it('are in the file of what is held about a person', async () => {
    const ada = await known()
    const data = await exportPersonalData(server.parts, { accountId: ada.id, by: 'cli' })
    expect(data.account.attributes).to.deep.equal({ ...KNOWN, interests: ['maps'] })
  })

  it('cost nothing of a session that stands', async () => {
    const ada = await known()
    const mind = browser()
    await goThrough(mind, (await begin(mind, ada)).page, ada, server.issuer)
    const { url } = await authorizationRequest(party)
    const { result, texts } = await statementsOf(() => mind.get(url.href))
    expect(result.location).to.include('code=')
    // The worker of the same process is still busy with the sign-in before.
    const workers = /appended_event|event_outbox|signing_key|job_queue|audit|subject_key|message/
    const own = texts.filter((text) => !workers.test(text))
    expect(own.length, own.join('\n')).to.be.at.most(4)
  })
})

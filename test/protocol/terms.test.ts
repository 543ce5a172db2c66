import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { acceptTerms } from '../../src/domain/authentication/terms.ts'
import {
  beginTotpEnrolment,
  confirmTotpEnrolment,
} from '../../src/domain/credentials/totp/enrol_totp.ts'
import { totpCodeAt } from '../../src/domain/credentials/totp/totp.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
  statementsOf,
} from '../support/authcore.ts'
import { atOnce, type Browser, browser, type Reply } from '../support/http.ts'
import {
  authorizationRequest,
  authorize,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { answerAt, eventsEver, exchangeFields, expectTokens, post, rows } from './driver.ts'

/** The terms of the deployment, accepted version by version. */

const PASSWORD = 'seven quiet lanterns'
const TERMS = 'https://www.example.test/terms'
const VERSION = '2026-11'

describe('The terms', function () {
  this.timeout(60_000)
  let mail: SmtpSink
  let server: AuthCore
  let party: RelyingParty
  let house: RelyingParty
  let client: Awaited<ReturnType<typeof addClient>>

  before(async () => {
    mail = await startSmtp()
    const env = {
      ...mail.env(),
      AUTHCORE_SIGN_UP: 'open',
      AUTHCORE_TERMS_URI: TERMS,
      AUTHCORE_TERMS_VERSION: VERSION,
    }
    server = await startAuthCore({ worker: true, env })
    client = await addClient(server)
    party = await relyingParty(server, client)
    const own = await addClient(server, { firstParty: true })
    house = await relyingParty(server, own)
  })
  after(async () => {
    await server?.stop()
    await mail?.stop()
  })

  const ours = (location: string) => !location.startsWith(server.issuer)
  const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)
  const isCancel = ({ action }: { action: string }) => action.endsWith('/cancel')
  const open = async (mind: Browser, parameters: Record<string, string> = {}, at = party) => {
    const { url, checks } = await authorizationRequest(at, parameters)
    return { page: await mind.followAll(await mind.get(url.href), ours), checks }
  }
  const submit = async (mind: Browser, page: Reply, fields: Record<string, string> = {}) =>
    await mind.followAll(await mind.submit(page, fields), ours)
  /** To the page after the password. */
  const begin = async (
    mind: Browser,
    { email, password }: Person,
    parameters: Record<string, string> = {},
    at = party,
  ) => {
    const { page, checks } = await open(mind, parameters, at)
    return { page: await submit(mind, page, { login: email, password }), checks }
  }
  /** Somebody who is signed in and has accepted the terms and the application. */
  const signedIn = async (mind: Browser): Promise<Person> => {
    const person = await addPerson(server)
    const { page } = await begin(mind, person)
    await goThrough(mind, await submit(mind, page), person, server.issuer)
    return person
  }
  const acceptedBy = async (accountId: string) =>
    (
      await rows<{ version: string }>(
        server.parts.db,
        'SELECT version FROM terms_acceptance WHERE account_id = $1 ORDER BY version',
        [accountId],
      )
    ).map(({ version }) => version)
  const eventsAbout = async (accountId: string) =>
    (await eventsEver(server, 'auth.terms.accepted')).filter(({ subject }) => subject === accountId)
  /** What this person accepted was the version before. */
  const raise = async ({ id }: Person) =>
    await rows(
      server.parts.db,
      `UPDATE terms_acceptance SET version = '2025-01' WHERE account_id = $1`,
      [id],
    )

  it('come after the sign-in and before consent, are accepted once, and leave an event', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    const { page, checks } = await begin(mind, ada)
    expect(stepOf(page)).to.equal('accept_terms')
    expect(page.body).to.include(VERSION)
    expect(page.body).to.include(`href="${TERMS}" target="_blank" rel="noopener noreferrer"`)
    const consentToo = page.url.replace('accept_terms', 'consent')
    expect(stepOf(await mind.followAll(await mind.get(consentToo), ours))).to.equal('accept_terms')
    expect(await acceptedBy(ada.id)).to.deep.equal([])
    const consent = await submit(mind, page)
    expect(stepOf(consent)).to.equal('consent')
    expect(await acceptedBy(ada.id)).to.deep.equal([VERSION])
    const callback = await goThrough(mind, consent, ada, server.issuer)
    const reply = await post(server, '/token', client, exchangeFields({ callback, checks }))
    expect(decodeJwt(expectTokens(reply).id_token!).sub).to.equal(ada.id)
    const [event, ...more] = await eventsAbout(ada.id)
    expect(event!.data).to.include({ accountId: ada.id, version: VERSION })
    expect(event!.data).to.have.property('ip')
    expect(more).to.have.length(0)
    expect(stepOf((await begin(mind, ada, { prompt: 'login' })).page)).not.to.equal('accept_terms')
  })

  it('are accepted in twenty tabs at once, and once', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    const { page } = await begin(mind, ada)
    const replies = await atOnce(20, (gate) => mind.submit(page, {}, { gate }))
    expect(new Set(replies.map(({ status }) => status))).to.deep.equal(new Set([200]))
    expect(stepOf(await submit(mind, page)), 'and once more').to.equal('consent')
    expect(await acceptedBy(ada.id)).to.deep.equal([VERSION])
    expect(await eventsAbout(ada.id)).to.have.length(1)
  })

  it('are asked for on the way to applications of the house, and to the account pages', async () => {
    const ada = await addPerson(server)
    expect(stepOf((await begin(browser(), ada, {}, house)).page)).to.equal('accept_terms')
    const mind = browser()
    const login = await mind.followAll(await mind.get(`${server.issuer}/account`), ours)
    const page = await submit(mind, login, { login: ada.email, password: ada.password })
    expect(stepOf(page)).to.equal('accept_terms')
    expect(stepOf(await submit(mind, page))).to.equal('account')
  })

  it('come after the second factor, also where that is all that is asked for', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    const { parts } = server
    const secret = await beginTotpEnrolment(parts, ada.id)
    const codeIn = (steps: number) =>
      totpCodeAt(secret, new Date(parts.clock.now().getTime() + steps * 30_000))
    await confirmTotpEnrolment(parts, { accountId: ada.id, code: codeIn(-1), origin: {} })
    const { page } = await begin(mind, ada)
    expect(stepOf(page)).to.equal('second_factor')
    const terms = page.url.replace('second_factor', 'accept_terms')
    expect(stepOf(await mind.followAll(await mind.get(terms), ours))).to.equal('second_factor')
    const accept = await submit(mind, page, { code: codeIn(0), trust: 'yes' })
    expect(stepOf(accept)).to.equal('accept_terms')
    await goThrough(mind, await submit(mind, accept), ada, server.issuer)
    const weak = await begin(mind, ada, { prompt: 'login' })
    expect(weak.page.location, 'trusted').to.include('code=')
    await raise(ada)
    const stronger = await open(mind, { acr_values: 'urn:authcore:acr:mfa' })
    expect(stepOf(stronger.page)).to.equal('second_factor')
    const again = await submit(mind, stronger.page, { code: codeIn(1) })
    expect(stepOf(again)).to.equal('accept_terms')
    expect((await submit(mind, again)).location).to.include('code=')
  })

  it('are asked for again in a newer version, of a session that stands, too', async () => {
    const mind = browser()
    const ada = await signedIn(mind)
    expect((await open(mind)).page.location).to.include('code=')
    await raise(ada)
    for (const [parameters, at] of [
      [{}, party],
      [{}, house],
    ] as const) {
      const { page } = await open(mind, parameters, at)
      expect(stepOf(page)).to.equal('accept_terms')
    }
    const { page } = await open(mind)
    expect((await submit(mind, page)).location).to.include('code=')
    expect(await acceptedBy(ada.id)).to.deep.equal(['2025-01', VERSION])
    expect((await open(mind)).page.location).to.include('code=')
  })

  it('are asked for of the account that is chosen', async () => {
    const mind = browser()
    const ada = await signedIn(mind)
    await raise(ada)
    const { page } = await open(mind, { prompt: 'select_account' })
    const chosen = await submit(mind, page, { account: ada.id })
    expect(stepOf(chosen)).to.equal('accept_terms')
    expect((await submit(mind, chosen)).location).to.include('code=')
  })

  it('answer a silent request with interaction_required until they are accepted', async () => {
    const mind = browser()
    const ada = await signedIn(mind)
    const silent = async (at = party) => {
      const { url } = await authorizationRequest(at, { prompt: 'none' })
      return answerAt(await mind.get(url.href))
    }
    expect((await silent()).get('error')).to.equal(null)
    await raise(ada)
    for (const at of [party, house]) {
      expect((await silent(at)).get('error')).to.equal('interaction_required')
    }
    await submit(mind, (await open(mind)).page)
    for (const at of [party, house]) expect((await silent(at)).get('code')).to.be.a('string')
    const { url } = await authorizationRequest(party, { prompt: 'none' })
    expect(answerAt(await browser().get(url.href)).get('error'), 'of nobody').to.equal(
      'login_required',
    )
  })

  it('are not accepted by whoever goes back to the application', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    const { page } = await begin(mind, ada)
    const reply = await mind.submit(page, {}, { form: isCancel })
    const back = await mind.followAll(reply, ours)
    expect(answerAt(back).get('error')).to.equal('access_denied')
    expect(await acceptedBy(ada.id)).to.deep.equal([])
    expect(stepOf((await open(mind)).page), 'nobody is signed in').to.equal('login')
  })

  it('are accepted in the version that was shown, and in no other', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    const { page } = await begin(mind, ada)
    for (const version of ['2025-01', '', 'x'.repeat(100)]) {
      expect(stepOf(await submit(mind, page, { version })), version).to.equal('accept_terms')
    }
    const path = page.url
    const origin = server.issuer
    for (const body of [{}, { csrf: 'x' }, { version: VERSION }, { 'version[]': VERSION }]) {
      const reply = await mind.post(path, body, { headers: { origin } })
      expect(reply.status, JSON.stringify(body)).to.be.within(400, 422)
    }
    const headers = { origin: 'https://evil.test' }
    expect((await mind.submit(page, {}, { headers })).status).to.equal(403)
    expect(await acceptedBy(ada.id)).to.deep.equal([])
  })

  it('take no form of another request, or of somebody else', async () => {
    const [ada, bob] = [await addPerson(server), await addPerson(server)]
    const mind = browser()
    const first = await begin(mind, ada)
    const second = await begin(mind, ada, { prompt: 'login' })
    const csrf = second.page.forms()[0]!.fields.get('csrf')!
    expect((await mind.submit(first.page, { csrf })).status).to.equal(403)
    const login = await mind.get(first.page.url.replace('accept_terms', 'login'))
    await submit(mind, login, { login: bob.email, password: bob.password })
    expect((await mind.submit(first.page)).status, 'now it is Bob').to.equal(403)
    expect((await browser().submit(second.page)).status).to.be.within(400, 403)
    expect(await acceptedBy(ada.id)).to.deep.equal([])
    expect(await acceptedBy(bob.id)).to.deep.equal([])
  })

  describe('at sign-up', () => {
    const signUp = async (mind: Browser) =>
      await mind.get((await open(mind)).page.url.replace(/login$/, 'sign_up'))
    const accountOf = async (email: string) =>
      (
        await rows<{ id: string }>(
          server.parts.db,
          'SELECT id FROM account WHERE email_canonical = $1',
          [email],
        )
      )[0]?.id

    it('are accepted with the account, which is then asked no more', async () => {
      const mind = browser()
      const email = 'grace@example.test'
      const page = await signUp(mind)
      expect(page.body).to.include(`href="${TERMS}" target="_blank" rel="noopener noreferrer"`)
      const filled = { login: email, name: 'Grace', password: PASSWORD }
      const verify = await submit(mind, page, { ...filled, terms: VERSION })
      expect(stepOf(verify)).to.equal('verify_email')
      const { code } = await mail.next(email)
      expect(stepOf(await submit(mind, verify, { code: code! }))).to.equal('consent')
      const id = (await accountOf(email))!
      expect(await acceptedBy(id)).to.deep.equal([VERSION])
      expect(await eventsAbout(id)).to.have.length(1)
    })

    it('are required, and what was typed stays', async () => {
      const mind = browser()
      const email = 'hopper@example.test'
      let page = await signUp(mind)
      for (const terms of [{}, { terms: '' }, { terms: 'yes' }, { terms: '2025-01' }]) {
        page = await mind.submit(page, {
          login: email,
          name: 'Grace',
          password: PASSWORD,
          ...terms,
        })
        expect(page.status).to.equal(422)
        expect(page.body).to.include('id="problem"')
        expect(page.body).to.include(`value="${email}"`)
        expect(page.body).to.include('value="Grace"')
        expect(page.body).not.to.match(/name="terms"[^>]* checked/)
      }
      const filled = { login: email, name: 'Grace', password: 'password', terms: VERSION }
      const weak = await mind.submit(page, filled)
      expect(weak.status).to.equal(422)
      expect(weak.body, 'ticked').to.match(/name="terms"[^>]* checked/)
    })

    it('are asked for once more where there is a newer version by the time of the code', async () => {
      const mind = browser()
      const email = 'lovelace@example.test'
      const filled = { login: email, name: '', password: PASSWORD, terms: VERSION }
      const verify = await submit(mind, await signUp(mind), filled)
      const { code } = await mail.next(email)
      const consent = await submit(mind, verify, { code: code! })
      const id = (await accountOf(email))!
      await raise({ id, email, password: PASSWORD })
      const path = consent.url.replace('/consent', '')
      expect(stepOf(await mind.followAll(await mind.get(path), ours))).to.equal('accept_terms')
    })
  })

  it('end with the account', async () => {
    const ada = await signedIn(browser())
    expect(await acceptedBy(ada.id)).to.deep.equal([VERSION])
    await rows(server.parts.db, 'DELETE FROM account WHERE id = $1', [ada.id])
    expect(await acceptedBy(ada.id)).to.deep.equal([])
  })
})

describe('What the terms cost', function () {
  this.timeout(60_000)
  let server: AuthCore
  before(async () => {
    const env = { AUTHCORE_TERMS_URI: TERMS, AUTHCORE_TERMS_VERSION: VERSION }
    server = await startAuthCore({ env })
  })
  after(() => server?.stop())

  it('one statement more than the 4 of a request of a browser that is signed in', async () => {
    const party = await relyingParty(server, await addClient(server))
    const ada = await addPerson(server)
    await acceptTerms(server.parts, { accountId: ada.id, version: VERSION, origin: {} })
    const { alice } = await authorize(server, party, ada)
    await server.parts.recorder.flush()
    const { url } = await authorizationRequest(party)
    const { result, texts } = await statementsOf(() => alice.get(url.href))
    expect(result.location).to.include('code=')
    const own = texts.filter(
      (text) => !/^WITH\s+appended_event|FROM event_outbox|signing_key|job_queue/.test(text.trim()),
    )
    expect(own, own.map((text) => text.slice(0, 90)).join('\n')).to.have.length.at.most(5)
    expect(own.filter((text) => text.includes('terms_acceptance'))).to.have.length(1)
  })
})

describe('Without terms', function () {
  this.timeout(60_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_SIGN_UP: 'open' } })
  })
  after(() => server?.stop())

  it('nobody is asked, and their table is not looked at', async () => {
    const party = await relyingParty(server, await addClient(server))
    const ada = await addPerson(server)
    const mind = browser()
    const { texts } = await statementsOf(async () => {
      const { url } = await authorizationRequest(party)
      const ours = (location: string) => !location.startsWith(server.issuer)
      const login = await mind.followAll(await mind.get(url.href), ours)
      const signUp = await mind.get(login.url.replace(/login$/, 'sign_up'))
      expect(signUp.body).not.to.include('name="terms"')
      const path = login.url.replace(/login$/, 'accept_terms')
      expect(new URL((await mind.get(path)).location!).pathname).to.match(/^\/interaction\/[\w-]+$/)
      await goThrough(mind, login, ada, server.issuer)
      const again = await authorizationRequest(party)
      expect((await mind.get(again.url.href)).location).to.include('code=')
    })
    expect(texts.filter((text) => text.includes('terms_acceptance'))).to.deep.equal([])
  })
})

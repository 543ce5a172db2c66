import { expect } from 'chai'
import { type CryptoKey, decodeJwt, SignJWT, UnsecuredJWT } from 'jose'
import { disableAccount } from '../../src/domain/accounts/block_account.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  CALLBACK,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import {
  authorizationRequest,
  authorize,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import {
  answerAt,
  authorizationUri,
  eventsOf,
  exchangeFields,
  expectErrorPage,
  expectTokens,
  post,
  rows,
  signingParty,
  type TestClient,
} from './driver.ts'

const PASSWORD_ACR = 'urn:authcore:acr:pwd'

describe('The authorization request (OpenID Connect Core §3.1.2)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let client: TestClient
  let party: RelyingParty

  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    client = await addClient(server)
    party = await relyingParty(server, client)
  })
  after(() => server?.stop())

  type Checks = Awaited<ReturnType<typeof authorizationRequest>>['checks']
  const ask = async (mind: Browser, parameters: Record<string, string> = {}) => {
    const { url, checks } = await authorizationRequest(party, { scope: 'openid', ...parameters })
    return { reply: await mind.get(url.href), checks }
  }
  const errorOf = async (mind: Browser, parameters: Record<string, string>) =>
    answerAt((await ask(mind, parameters)).reply).get('error')
  const signedIn = async (person = ada) => (await authorize(server, party, person)).alice
  const idTokenAt = async (callback: URL, checks: Checks) => {
    const fields = exchangeFields({ callback, checks })
    const { id_token } = expectTokens(await post(server, '/token', client, fields))
    return { id_token: id_token!, claims: decodeJwt(id_token!) as Record<string, unknown> }
  }
  const pageOf = async (mind: Browser, reply: Reply) => {
    const page = await mind.followAll(reply, (location) => location.startsWith(CALLBACK))
    return { page, step: new URL(page.url).pathname.split('/').at(-1) }
  }
  /** Makes the sign-in of every session lie further back. */
  const ageSessions = (seconds: number) =>
    rows(
      server.parts.db,
      `UPDATE oidc_record SET payload = jsonb_set(payload::jsonb, '{loginTs}',
           to_jsonb((payload ->> 'loginTs')::integer - $1::integer))::json
        WHERE model = 'Session' AND payload ->> 'loginTs' IS NOT NULL`,
      [seconds],
    )

  describe('prompt', () => {
    it('none without a session says that somebody has to sign in, and leaves no trace', async () => {
      const mind = browser()
      const { reply, checks } = await ask(mind, { prompt: 'none' })
      const answer = answerAt(reply)
      expect(answer.get('error')).to.equal('login_required')
      expect(answer.get('state')).to.equal(checks.expectedState)
      expect(answer.get('iss')).to.equal(server.issuer)
      expect(reply.headers['set-cookie']).to.equal(undefined)
    })

    it('none with a session answers at once', async () => {
      const { reply } = await ask(await signedIn(), { prompt: 'none' })
      expect(answerAt(reply).get('code')).to.be.a('string')
    })

    it('none says so where something would have to be asked', async () => {
      const mind = await signedIn()
      expect(await errorOf(mind, { prompt: 'none', scope: 'openid address' })).to.equal(
        'consent_required',
      )
      expect(await errorOf(mind, { prompt: 'none', max_age: '0' })).to.be.oneOf([
        'login_required',
        'invalid_request',
      ])
      await ageSessions(100)
      expect(await errorOf(mind, { prompt: 'none', max_age: '10' })).to.equal('login_required')
    })

    it('none stands alone, and an unknown one is refused', async () => {
      for (const prompt of ['none login', 'login none', 'nonsense', 'login nonsense', 'create']) {
        expect(await errorOf(browser(), { prompt }), prompt).to.equal('invalid_request')
      }
    })

    it('login asks for the password although there is a session, and the time moves on', async () => {
      const mind = await signedIn()
      await ageSessions(1_000)
      const { reply, checks } = await ask(mind, { prompt: 'login' })
      const { page, step } = await pageOf(mind, reply)
      expect(step).to.equal('login')
      const callback = await goThrough(mind, page, ada, server.issuer)
      const { claims } = await idTokenAt(callback, checks)
      expect(Number(claims['auth_time'])).to.be.closeTo(Date.now() / 1000, 30)
    })

    it('consent shows the page although everything was allowed', async () => {
      const mind = await signedIn()
      const { reply } = await ask(mind, { prompt: 'consent' })
      expect((await pageOf(mind, reply)).step).to.equal('consent')
    })

    it('select_account shows who is signed in, and lets somebody else in', async () => {
      const mind = await signedIn()
      const { reply, checks } = await ask(mind, { prompt: 'select_account' })
      const { page, step } = await pageOf(mind, reply)
      expect(step).to.equal('select_account')
      expect(page.text()).to.include(ada.email)
      const chosen = await mind.submit(page, { account: ada.id })
      const callback = await goThrough(mind, chosen, ada, server.issuer)
      expect((await idTokenAt(callback, checks)).claims).to.include({ sub: ada.id })

      const bob = await addPerson(server)
      const second = await ask(mind, { prompt: 'select_account' })
      const chooser = (await pageOf(mind, second.reply)).page
      const other = await mind.submit(chooser, { another: 'yes', account: '' })
      const at = await goThrough(mind, other, bob, server.issuer)
      expect((await idTokenAt(at, second.checks)).claims).to.include({ sub: bob.id })
    })

    it('select_account takes nobody’s word for who is signed in', async () => {
      const mind = await signedIn()
      const bob = await addPerson(server)
      const { reply } = await ask(mind, { prompt: 'select_account' })
      const { page } = await pageOf(mind, reply)
      const next = await mind.followAll(await mind.submit(page, { account: bob.id }))
      expect(new URL(next.url).pathname).to.match(/\/login$/)
    })
  })

  describe('max_age', () => {
    it('asks for the password when the last time is too long ago, and tells the time', async () => {
      const mind = await signedIn()
      await ageSessions(100)
      const young = await ask(mind, { max_age: '1000' })
      const { claims } = await idTokenAt(new URL(young.reply.location!), young.checks)
      expect(Number(claims['auth_time'])).to.be.closeTo(Date.now() / 1000 - 100, 30)
      const { reply, checks } = await ask(mind, { max_age: '50' })
      const { page, step } = await pageOf(mind, reply)
      expect(step).to.equal('login')
      const callback = await goThrough(mind, page, ada, server.issuer)
      const after = await idTokenAt(callback, checks)
      expect(Number(after.claims['auth_time'])).to.be.closeTo(Date.now() / 1000, 30)
    })

    it('0 always asks', async () => {
      const mind = await signedIn()
      const { reply } = await ask(mind, { max_age: '0' })
      expect((await pageOf(mind, reply)).step).to.equal('login')
    })

    it('must be a number of seconds', async () => {
      for (const max_age of ['-1', 'x', '1.5', '9'.repeat(30)]) {
        expect(await errorOf(browser(), { max_age }), max_age).to.equal('invalid_request')
      }
    })

    it('may be the client’s own default', async () => {
      const strict = await addClient(server, { metadata: { default_max_age: 10 } })
      const at = await relyingParty(server, strict)
      const mind = (await authorize(server, at, ada)).alice
      await ageSessions(60)
      const { url } = await authorizationRequest(at)
      const page = await mind.followAll(await mind.get(url.href))
      expect(new URL(page.url).pathname).to.match(/\/login$/)
    })
  })

  describe('id_token_hint', () => {
    const hintOf = async (person: Person) => {
      const { callback, checks } = await authorize(server, party, person)
      return (await idTokenAt(callback, checks)).id_token
    }

    it('of the person who is signed in goes through', async () => {
      const mind = await signedIn()
      const { reply } = await ask(mind, { prompt: 'none', id_token_hint: await hintOf(ada) })
      expect(answerAt(reply).get('code')).to.be.a('string')
    })

    it('of somebody else says login_required, or asks for the password', async () => {
      const id_token_hint = await hintOf(await addPerson(server))
      const mind = await signedIn()
      expect(await errorOf(mind, { prompt: 'none', id_token_hint })).to.equal('login_required')
      const { reply } = await ask(mind, { id_token_hint })
      expect((await pageOf(mind, reply)).step).to.equal('login')
    })

    it('that we did not make for this client is refused, without a word of whose it is', async () => {
      const good = await hintOf(ada)
      const claims = decodeJwt(good)
      const stranger = await signingParty()
      const sign = (payload: object, key: CryptoKey = stranger.privateKey) =>
        new SignJWT({ ...claims, ...payload }).setProtectedHeader({ alg: 'ES256' }).sign(key)
      const other = await addClient(server)
      const at = await relyingParty(server, other)
      const foreign = await authorize(server, at, ada)
      const foreignTokens = expectTokens(
        await post(server, '/token', other, exchangeFields(foreign)),
      )
      for (const id_token_hint of [
        new UnsecuredJWT(claims).encode(),
        await sign({}),
        await sign({ iss: 'https://elsewhere.test' }),
        foreignTokens.id_token!,
        foreignTokens.access_token,
        'nonsense',
        'a.b.c',
      ]) {
        const { reply } = await ask(await signedIn(), { prompt: 'none', id_token_hint })
        const answer = answerAt(reply)
        expect(answer.get('error')).to.be.oneOf(['invalid_request', 'login_required'])
        expect(reply.location).not.to.include(ada.id).and.not.to.include(ada.email)
      }
    })
  })

  describe('login_hint', () => {
    it('fills the field in, as text, and sends nothing', async () => {
      for (const login_hint of [ada.email, '"><script>alert(1)</script>', "' onfocus='x"]) {
        const { reply } = await ask(browser(), { login_hint })
        const page = await browser().get(reply.location!)
        expect(page.status).to.be.within(200, 400)
        const mind = browser()
        const shown = (await pageOf(mind, (await ask(mind, { login_hint })).reply)).page
        expect(shown.forms()[0]!.fields.get('login')).to.equal(login_hint)
        expect(shown.body).not.to.include('<script>alert').and.not.to.include("' onfocus=")
        expect(shown.location).to.equal(undefined)
      }
    })

    it('of a megabyte is refused', async () => {
      const { url } = await authorizationRequest(party, { login_hint: 'x'.repeat(1_000_000) })
      const reply = await browser()
        .get(url.href)
        .catch(() => undefined)
      if (reply) expect(reply.status).to.be.oneOf([400, 414, 431])
    })

    it('of ten thousand characters is left out', async () => {
      const mind = browser()
      const { reply } = await ask(mind, { login_hint: 'x'.repeat(10_000) })
      const { page } = await pageOf(mind, reply)
      expect(page.forms()[0]!.fields.get('login')).to.equal('')
    })
  })

  describe('claims', () => {
    it('are told where they were asked for', async () => {
      const claims = JSON.stringify({
        id_token: { email: { essential: true }, auth_time: null, acr: null },
        userinfo: { name: null },
      })
      const { callback, checks } = await authorize(server, party, ada, {
        parameters: { scope: 'openid', claims },
      })
      const { claims: told } = await idTokenAt(callback, checks)
      expect(told).to.include({ email: ada.email, acr: PASSWORD_ACR })
      expect(told['auth_time']).to.be.a('number')
      expect(told).not.to.have.property('name')
    })

    it('must be an object as the standard says', async () => {
      for (const claims of [
        '{',
        '[]',
        'null',
        '"x"',
        '1',
        '{}',
        '{"id_token":[]}',
        '{"userinfo":"x"}',
        '{"userinfo":null}',
        `${'['.repeat(1_000)}${']'.repeat(1_000)}`,
      ]) {
        expect(await errorOf(browser(), { claims }), claims.slice(0, 30)).to.equal(
          'invalid_request',
        )
      }
    })

    it('of any name pollute nothing and break nothing', async () => {
      const mind = await signedIn()
      for (const claims of [
        '{"userinfo":{"__proto__":{"polluted":true},"constructor":null}}',
        '{"__proto__":{"polluted":true},"id_token":{"toString":null,"x":{"value":"y"}}}',
        JSON.stringify({
          userinfo: Object.fromEntries([...Array(200)].map((_, i) => [`c${i}`, null])),
        }),
        `{"userinfo":${'{"a":'.repeat(300)}null${'}'.repeat(300)}}`,
      ]) {
        const { reply, checks } = await ask(mind, { claims })
        const callback = await goThrough(mind, reply, ada, server.issuer)
        expect((await idTokenAt(callback, checks)).claims).to.include({ sub: ada.id })
        const again = await ask(mind, { claims })
        expect(answerAt(again.reply).get('code'), claims.slice(0, 60)).to.be.a('string')
      }
      expect(({} as { polluted?: boolean }).polluted).to.equal(undefined)
    })

    it('can demand a person, and then only that one is told about', async () => {
      const bob = await addPerson(server)
      const demanding = (person: Person) =>
        JSON.stringify({ id_token: { sub: { value: person.id } } })
      const mind = await signedIn()
      const own = await ask(mind, { prompt: 'none', claims: demanding(ada) })
      expect(answerAt(own.reply).get('code')).to.be.a('string')
      expect(await errorOf(mind, { prompt: 'none', claims: demanding(bob) })).to.equal(
        'login_required',
      )
    })
  })

  describe('acr', () => {
    const essential = (...values: string[]) =>
      JSON.stringify({ id_token: { acr: { essential: true, values } } })

    it('is told where it was asked for', async () => {
      const parameters = { scope: 'openid', acr_values: `urn:unknown ${PASSWORD_ACR}` }
      const { callback, checks } = await authorize(server, party, ada, { parameters })
      expect((await idTokenAt(callback, checks)).claims).to.include({ acr: PASSWORD_ACR })
    })

    it('that we cannot reach is an error, where it is essential, and no endless sign-in', async () => {
      const error = 'unmet_authentication_requirements'
      for (const mind of [browser(), await signedIn()]) {
        expect(await errorOf(mind, { claims: essential('urn:unknown') })).to.equal(error)
        expect(await errorOf(mind, { claims: essential('urn:unknown'), prompt: 'none' })).to.equal(
          error,
        )
      }
      const single = JSON.stringify({
        id_token: { acr: { essential: true, value: 'urn:unknown' } },
      })
      expect(await errorOf(browser(), { claims: single })).to.equal(error)
      const fit = await ask(await signedIn(), { claims: essential('urn:unknown', PASSWORD_ACR) })
      expect(answerAt(fit.reply).get('code')).to.be.a('string')
    })
  })

  describe('the answer', () => {
    it('comes as a form that sends itself, with nothing of the request as markup', async () => {
      const mind = await signedIn()
      const state = '"><script>alert(1)</script><input value="'
      const { reply } = await ask(mind, { response_mode: 'form_post', state })
      expect(reply.status).to.equal(200)
      const [form] = reply.forms()
      expect(form?.action).to.equal(CALLBACK)
      expect(form?.fields.get('state')).to.equal(state)
      expect(form?.fields.get('code')).to.be.a('string')
      expect(form?.fields.get('iss')).to.equal(server.issuer)
      expect(reply.body).not.to.include('<script>alert')
      const policy = String(reply.headers['content-security-policy'])
      expect(policy).to.include("frame-ancestors 'none'").and.not.to.include('unsafe')
      expect(reply.headers['cache-control']).to.match(/no-store/)
    })

    it('comes as a form also where it is an error', async () => {
      const { reply } = await ask(browser(), { response_mode: 'form_post', prompt: 'none' })
      expect(reply.forms()[0]?.fields.get('error')).to.equal('login_required')
    })

    it('comes in the fragment where that was asked for', async () => {
      const { reply } = await ask(await signedIn(), { response_mode: 'fragment' })
      const { hash, search } = new URL(reply.location!)
      expect(new URLSearchParams(hash.slice(1)).get('code')).to.be.a('string')
      expect(search).to.equal('')
    })

    it('comes in no mode that we do not know', async () => {
      for (const response_mode of ['nonsense', 'web_message', 'x.jwt', 'jwt.jwt', '__proto__']) {
        const { reply } = await ask(await signedIn(), { response_mode })
        expect(answerAt(reply).get('error'), response_mode).to.be.oneOf([
          'unsupported_response_mode',
          'invalid_request',
        ])
      }
    })

    it('keeps the parameters that the registered address has already', async () => {
      const redirectUri = `${CALLBACK}?kept=yes`
      const own = await addClient(server, { metadata: { redirect_uris: [redirectUri] } })
      const at = await relyingParty(server, own, { redirectUri })
      const { callback } = await authorize(server, at, ada)
      expect(callback.searchParams.get('kept')).to.equal('yes')
      expect(callback.searchParams.get('code')).to.be.a('string')
    })
  })

  it('gives nothing to a person who was disabled, although their browser is signed in', async () => {
    const eve = await addPerson(server)
    const mind = await signedIn(eve)
    await disableAccount(server.parts, eve.id)
    expect(await errorOf(mind, { prompt: 'none' })).to.equal('login_required')
    const { reply } = await ask(mind)
    const { page, step } = await pageOf(mind, reply)
    expect(step).to.equal('login')
    const callback = await goThrough(mind, page, ada, server.issuer)
    expect(callback.searchParams.get('code')).to.be.a('string')
  })

  it('is refused on a page of ours where the client or its address is not known', async () => {
    const stranger = { clientId: 'nobody' }
    expectErrorPage(
      await browser().get(await authorizationUri(server, stranger)),
      400,
      'invalid_client',
    )
    const elsewhere = { redirect_uri: 'https://evil.test/' }
    const page = await browser().get(await authorizationUri(server, client, elsewhere))
    expectErrorPage(page, 400)
    expect(page.body).not.to.match(/(href|action|src|url)=["']?(https?:)?\/\/evil/i)
    const event = (await eventsOf(server, 'auth.authorization.refused')).at(-1)
    expect(event?.data).to.include({ clientId: client.clientId })
    expect(event?.data['error']).to.match(/invalid_redirect_uri|invalid_request/)
  })

  it('may ask for nothing beyond what the client is registered for', async () => {
    const narrow = await addClient(server, {
      metadata: { scope: 'openid', grant_types: ['authorization_code'] },
    })
    const uri = await authorizationUri(server, narrow, {
      scope: 'openid offline_access',
      prompt: 'consent',
    })
    const reply = await browser().get(uri)
    if (reply.location?.startsWith(CALLBACK)) {
      expect(answerAt(reply).get('error')).to.equal('invalid_scope')
    } else {
      const at = await relyingParty(server, narrow)
      const { callback, checks } = await authorize(server, at, ada, {
        parameters: { scope: 'openid offline_access', prompt: 'consent' },
      })
      const fields = exchangeFields({ callback, checks })
      expect(expectTokens(await post(server, '/token', narrow, fields))).not.to.have.property(
        'refresh_token',
      )
    }
  })
})

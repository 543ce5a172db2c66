import { expect } from 'chai'
import { type CryptoKey, decodeJwt, importJWK, type JWK, SignJWT, UnsecuredJWT } from 'jose'
import { listPublishedSigningKeys } from '../../src/platform/keys/signing_key_store.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import {
  authorizationRequest,
  authorize,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import {
  eventsOf,
  exchangeFields,
  expectError,
  expectErrorPage,
  expectTokens,
  post,
  refresh,
  signingParty,
  type TestClient,
  type Tokens,
  userinfo,
} from './driver.ts'

const AFTER = 'https://rp.example.test/goodbye'
/** How often the races are run; 30 for the acceptance run. */
const REPEAT = Number(process.env['REPEAT'] ?? 5)

describe('Logout (OpenID Connect RP-Initiated Logout 1.0)', function () {
  this.timeout(30_000 + REPEAT * 3_000)
  let server: AuthCore
  let ada: Person
  let client: TestClient
  let party: RelyingParty

  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    client = await addClient(server, {
      name: 'The diary',
      metadata: { post_logout_redirect_uris: [AFTER] },
    })
    party = await relyingParty(server, client)
  })
  after(() => server?.stop())

  async function signedIn(parameters: Record<string, string> = {}, at = party, as = client) {
    const signedIn = await authorize(server, at, ada, {
      parameters: { scope: 'openid', ...parameters },
    })
    const tokens = expectTokens(await post(server, '/token', as, exchangeFields(signedIn)))
    return { mind: signedIn.alice, tokens: tokens as Tokens & { id_token: string } }
  }
  const logout = (mind: Browser, parameters: Record<string, string> = {}) =>
    mind.get(`${server.issuer}/logout?${new URLSearchParams(parameters)}`)
  const isSignedIn = async (mind: Browser, at = party): Promise<boolean> => {
    const { url } = await authorizationRequest(at, { prompt: 'none', scope: 'openid' })
    const { location } = await mind.get(url.href)
    return new URL(location!).searchParams.get('error') !== 'login_required'
  }
  const press = (mind: Browser, page: Reply, button = 'logout') => mind.submit(page, {}, { button })

  it('asks before it does anything', async () => {
    const { mind, tokens } = await signedIn()
    for (const parameters of [
      {},
      { id_token_hint: tokens.id_token },
      { client_id: client.clientId },
    ]) {
      const page = await logout(mind, parameters)
      expect(page.status).to.equal(200)
      expect(page.body).to.include('id="logout-form"')
      expect(page.text()).to.include(ada.email)
      expect(page.headers['cache-control']).to.match(/no-store/)
    }
    expect(await isSignedIn(mind)).to.equal(true)
    expect((await userinfo(server, tokens.access_token)).status).to.equal(200)
  })

  it('ends the session, and what hangs on it, and leaves what was meant to outlive it', async () => {
    const { mind, tokens } = await signedIn()
    const other = await addClient(server)
    const lasting = await authorize(server, await relyingParty(server, other), ada, {
      alice: mind,
      parameters: { scope: 'openid offline_access', prompt: 'consent' },
    })
    const durable = expectTokens(await post(server, '/token', other, exchangeFields(lasting)))
    const done = await press(mind, await logout(mind))
    const end = await mind.followAll(done)
    expect(end.status).to.equal(200)
    expect(end.url).to.match(/\/logout\/success/)
    expect(await isSignedIn(mind)).to.equal(false)
    expect((await userinfo(server, tokens.access_token)).status).to.equal(401)
    expect((await userinfo(server, durable.access_token)).status).to.equal(200)
    expectTokens(await refresh(server, other, durable.refresh_token!))
    const event = (await eventsOf(server, 'auth.session.ended')).at(-1)
    expect(event).to.deep.include({ subject: ada.id })
    expect(event?.data['clientIds']).to.include.members([client.clientId, other.clientId])
  })

  it('leads back to the client, to the exact address, with its state', async () => {
    const { mind, tokens } = await signedIn()
    const state = 'of the client &<">'
    const page = await logout(mind, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: AFTER,
      state,
    })
    expect(page.text()).to.include('The diary')
    const answer = await press(mind, page)
    const at = new URL(answer.location!)
    expect(`${at.origin}${at.pathname}`).to.equal(AFTER)
    expect(at.searchParams.get('state')).to.equal(state)
    expect([...at.searchParams.keys()]).to.deep.equal(['state'])
  })

  it('leads nowhere that is not registered', async () => {
    const { mind, tokens } = await signedIn()
    for (const post_logout_redirect_uri of [
      'https://evil.test/',
      `${AFTER}/`,
      `${AFTER}?x=y`,
      `${AFTER}#x`,
      AFTER.replace('https', 'http'),
      AFTER.replace('rp.', 'rp.evil.'),
      `${AFTER}.evil.test`,
      'https://rp.example.test@evil.test/goodbye',
      'https://rp.example.test/callback',
      '//evil.test',
      '/\\evil.test',
      'javascript:alert(1)',
      'JaVaScRiPt:alert(1)',
      'data:text/html,x',
      AFTER.toUpperCase(),
    ]) {
      for (const who of [{ id_token_hint: tokens.id_token }, { client_id: client.clientId }]) {
        const page = await logout(mind, { ...who, post_logout_redirect_uri })
        expectErrorPage(page, 400)
      }
      const nameless = await logout(mind, { post_logout_redirect_uri })
      expect(nameless.status).to.equal(200)
      const answer = await press(mind, nameless, 'Stay signed in')
      expect(answer.location ?? server.issuer).to.satisfy((uri: string) =>
        uri.startsWith(server.issuer),
      )
    }
    expect(await isSignedIn(mind)).to.equal(true)
  })

  describe('with a hint', () => {
    const currentKey = async () => {
      const keys = await listPublishedSigningKeys(server.parts.db, server.parts.keyring)
      const key = keys.find(({ algorithm, state }) => algorithm === 'ES256' && state === 'current')!
      return { kid: key.kid, key: (await importJWK(key.privateJwk as JWK, 'ES256')) as CryptoKey }
    }

    it('that has expired still knows its client', async () => {
      const { mind, tokens } = await signedIn()
      const { kid, key } = await currentKey()
      const claims = { ...decodeJwt(tokens.id_token), iat: 1_700_000_000, exp: 1_700_000_600 }
      const id_token_hint = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid })
        .sign(key)
      const page = await logout(mind, { id_token_hint, post_logout_redirect_uri: AFTER })
      expect(page.status).to.equal(200)
      expect((await press(mind, page)).location).to.equal(AFTER)
    })

    it('that we did not make is refused', async () => {
      const { mind, tokens } = await signedIn()
      const claims = decodeJwt(tokens.id_token)
      const { kid, key } = await currentKey()
      const stranger = await signingParty()
      const sign = (payload: object, by = stranger.privateKey) =>
        new SignJWT({ ...claims, ...payload }).setProtectedHeader({ alg: 'ES256', kid }).sign(by)
      for (const id_token_hint of [
        'nonsense',
        'a.b.c',
        new UnsecuredJWT(claims).encode(),
        await sign({}),
        await sign({ iss: 'https://elsewhere.test' }, key),
        await sign({ aud: 'nobody' }, key),
        tokens.access_token,
      ]) {
        const page = await logout(mind, { id_token_hint, post_logout_redirect_uri: AFTER })
        expectErrorPage(page, 400)
      }
      expect(await isSignedIn(mind)).to.equal(true)
    })

    it('of one client is no hint of another', async () => {
      const { mind, tokens } = await signedIn()
      const other = await addClient(server)
      const page = await logout(mind, { id_token_hint: tokens.id_token, client_id: other.clientId })
      expectErrorPage(page, 400)
      expectErrorPage(await logout(mind, { client_id: 'nobody' }), 400)
    })
  })

  describe('refuses a form', () => {
    const confirm = (mind: Browser, fields: Record<string, string>) =>
      mind.post(`${server.issuer}/logout/confirm`, fields)

    it('that was not sent from its page', async () => {
      const { mind } = await signedIn()
      const page = await logout(mind)
      const eve = (await signedIn()).mind
      const hers = (await logout(eve)).forms()[0]!.fields.get('xsrf')!
      for (const fields of [
        { logout: 'yes' },
        { logout: 'yes', xsrf: '' },
        { logout: 'yes', xsrf: 'forged' },
        { logout: 'yes', xsrf: hers },
      ]) {
        const reply = await confirm(mind, fields as Record<string, string>)
        expect(reply.status).to.be.within(400, 403)
      }
      expect(await isSignedIn(mind)).to.equal(true)
      expect(page.status).to.equal(200)
    })

    it('that was sent before', async () => {
      const { mind } = await signedIn()
      const page = await logout(mind)
      await press(mind, page)
      const again = await press(mind, page)
      expect(again.status).to.be.within(200, 403)
      const fresh = await signedIn()
      const xsrf = page.forms()[0]!.fields.get('xsrf')!
      expect((await confirm(fresh.mind, { xsrf, logout: 'yes' })).status).to.be.within(400, 403)
      expect(await isSignedIn(fresh.mind)).to.equal(true)
    })

    it('with a field twice', async () => {
      const { mind } = await signedIn()
      const xsrf = (await logout(mind)).forms()[0]!.fields.get('xsrf')!
      const reply = await mind.post(`${server.issuer}/logout/confirm`, {
        xsrf: [xsrf, xsrf],
        logout: 'yes',
      })
      expect(reply.status).to.be.within(400, 403)
      expect(await isSignedIn(mind)).to.equal(true)
    })
  })

  it('lets the person stay, and only takes the application’s leave', async () => {
    const { mind, tokens } = await signedIn()
    const other = await addClient(server)
    const at = await relyingParty(server, other)
    const second = await authorize(server, at, ada, {
      alice: mind,
      parameters: { scope: 'openid' },
    })
    const others = expectTokens(await post(server, '/token', other, exchangeFields(second)))
    const page = await logout(mind, { id_token_hint: tokens.id_token })
    const answer = await mind.followAll(await press(mind, page, 'Stay signed in'))
    expect(answer.status).to.equal(200)
    expect(await isSignedIn(mind)).to.equal(true)
    expect((await userinfo(server, tokens.access_token)).status).to.equal(401)
    expect((await userinfo(server, others.access_token)).status).to.equal(200)
  })

  it('of nobody is quiet, and leads back all the same', async () => {
    const { tokens } = await signedIn()
    const eve = browser()
    const page = await logout(eve, {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: AFTER,
    })
    expect(page.status).to.equal(200)
    expect(page.text()).not.to.include(ada.email)
    const answer = await eve.submit(page)
    expect(answer.location).to.equal(AFTER)
    expect((await userinfo(server, tokens.access_token)).status).to.equal(200)
  })

  it('ends the session wherever its cookie was copied to', async () => {
    const { mind } = await signedIn()
    const thief = browser()
    for (const cookie of await mind.jar.getCookies(server.issuer)) {
      await thief.jar.setCookie(cookie.toString(), server.issuer)
    }
    expect(await isSignedIn(thief)).to.equal(true)
    await press(mind, await logout(mind))
    expect(await isSignedIn(thief)).to.equal(false)
  })

  it('ends what an exchange at the same moment would have begun', async () => {
    for (let round = 0; round < REPEAT; round++) {
      const { mind } = await signedIn()
      const { callback, checks } = await authorize(server, party, ada, {
        alice: mind,
        parameters: { scope: 'openid' },
      })
      const page = await logout(mind)
      const [, exchange] = await Promise.all([
        press(mind, page),
        post(server, '/token', client, exchangeFields({ callback, checks })),
      ])
      if (exchange.status === 200) {
        const { access_token } = exchange.json<Tokens>()
        expect((await userinfo(server, access_token)).status).to.equal(401)
      } else {
        expectError(exchange, 400, 'invalid_grant')
      }
    }
  })

  it('is not undone by a request of another tab that was under way', async () => {
    for (let round = 0; round < REPEAT; round++) {
      const { mind } = await signedIn()
      const page = await logout(mind)
      const thief = browser()
      for (const cookie of await mind.jar.getCookies(server.issuer)) {
        await thief.jar.setCookie(cookie.toString(), server.issuer)
      }
      const tabs = Array.from({ length: 4 }, async () => {
        const { url } = await authorizationRequest(party, { scope: 'openid' })
        return await thief.get(url.href)
      })
      await Promise.all([press(mind, page), ...tabs])
      expect(await isSignedIn(thief), `round ${round}`).to.equal(false)
    }
  })
})

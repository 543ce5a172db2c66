import { expect } from 'chai'
import { decodeJwt } from 'jose'
import {
  beginTotpEnrolment,
  confirmTotpEnrolment,
} from '../../src/domain/credentials/totp/enrol_totp.ts'
import { totpCodeAt } from '../../src/domain/credentials/totp/totp.ts'
import { query } from '../../src/platform/persistence/db.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser } from '../support/http.ts'
import {
  authorizationRequest,
  authorize,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import {
  exchangeFields,
  expectTokens,
  introspect,
  post,
  refreshFields,
  type TestClient,
} from './driver.ts'

const PASSWORD = 'urn:authcore:acr:pwd'
const UNKNOWN = 'urn:example:acr:hardware'
const UNMET = 'unmet_authentication_requirements'
const essential = (acr: object) =>
  JSON.stringify({ id_token: { acr: { essential: true, ...acr } } })

describe('Step-up authentication (RFC 9470, OpenID Connect Core §5.5.1.1)', function () {
  this.timeout(30_000)
  let server: AuthCore
  let ada: Person
  let client: TestClient
  let party: RelyingParty

  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    await addApi(server)
    client = await addClient(server, { firstParty: true })
    party = await relyingParty(server, client)
  })
  after(() => server?.stop())

  async function signedIn(): Promise<Browser> {
    return (await authorize(server, party, ada)).alice
  }

  /** As if everybody had signed in with less than a password. */
  async function weaken(): Promise<void> {
    await query(
      server.parts.db,
      `UPDATE oidc_record SET payload = (payload::jsonb || '{"acr":"urn:example:acr:guess"}')::json
        WHERE model = 'Session'`,
    )
  }

  /** What the browser is answered with: an error or code at the client, or a page of ours. */
  async function ask(mind: Browser, parameters: Record<string, string>, at = party) {
    const { url } = await authorizationRequest(at, parameters)
    const { location = '' } = await mind.get(url.href)
    const target = new URL(location, server.issuer)
    if (target.origin === new URL(server.issuer).origin) return 'a page'
    return target.searchParams.get('error') ?? (target.searchParams.has('code') ? 'a code' : '')
  }

  describe('acr_values', () => {
    it('are met by a session that is strong enough', async () => {
      expect(await ask(await signedIn(), { acr_values: PASSWORD })).to.equal('a code')
      expect(await ask(await signedIn(), { acr_values: `${UNKNOWN} ${PASSWORD}` })).to.equal(
        'a code',
      )
    })

    it('lead to a sign-in where the session is too weak, and to an error with prompt=none', async () => {
      const mind = await signedIn()
      await weaken()
      expect(await ask(mind, {})).to.equal('a code')
      expect(await ask(mind, { acr_values: PASSWORD, prompt: 'none' })).to.equal(UNMET)
      expect(await ask(mind, { acr_values: PASSWORD })).to.equal('a page')
      const parameters = { acr_values: PASSWORD, prompt: 'login' }
      const again = await authorize(server, party, ada, { alice: mind, parameters })
      const { id_token } = expectTokens(await post(server, '/token', client, exchangeFields(again)))
      expect(decodeJwt(id_token!)['acr']).to.equal(PASSWORD)
      expect(await ask(mind, { acr_values: PASSWORD, prompt: 'none' })).to.equal('a code')
    })

    it('that nobody can reach are refused, and never answered with less', async () => {
      for (const mind of [browser(), await signedIn()]) {
        expect(await ask(mind, { acr_values: UNKNOWN })).to.equal(UNMET)
        expect(await ask(mind, { acr_values: UNKNOWN, prompt: 'login' })).to.equal(UNMET)
      }
      expect(await ask(await signedIn(), { acr_values: UNKNOWN, prompt: 'none' })).to.equal(UNMET)
    })

    it('do not take the place of an essential claim', async () => {
      const parameters = { acr_values: PASSWORD, claims: essential({ value: UNKNOWN }) }
      expect(await ask(await signedIn(), parameters)).to.equal(UNMET)
    })
  })

  describe('an essential acr', () => {
    it('is given as asked for or refused', async () => {
      expect(await ask(await signedIn(), { claims: essential({ value: PASSWORD }) })).to.equal(
        'a code',
      )
      expect(
        await ask(await signedIn(), { claims: essential({ values: [UNKNOWN, PASSWORD] }) }),
      ).to.equal('a code')
      expect(await ask(await signedIn(), { claims: essential({ values: [UNKNOWN] }) })).to.equal(
        UNMET,
      )
    })

    it('that is no list where one belongs is refused', async () => {
      expect(await ask(browser(), { claims: essential({ values: PASSWORD }) })).to.equal(
        'invalid_request',
      )
    })
  })

  describe('what a client is registered with', () => {
    async function partyWith(metadata: object) {
      const strict = await addClient(server, { firstParty: true, metadata })
      return await relyingParty(server, strict)
    }

    it('default_acr_values stand where the request has none', async () => {
      const strict = await partyWith({ default_acr_values: [PASSWORD] })
      const mind = await signedIn()
      expect(await ask(mind, {}, strict)).to.equal('a code')
      await weaken()
      expect(await ask(mind, { prompt: 'none' }, strict)).to.equal(UNMET)
    })

    it('minimum_acr stands whatever the request says', async () => {
      const strict = await partyWith({ minimum_acr: PASSWORD })
      const mind = await signedIn()
      expect(await ask(mind, {}, strict)).to.equal('a code')
      await weaken()
      const weaker = { acr_values: 'urn:example:acr:guess' }
      expect(await ask(mind, weaker)).to.equal('a code')
      expect(await ask(mind, {}, strict)).to.equal('a page')
      expect(await ask(mind, { prompt: 'none' }, strict)).to.equal(UNMET)
      // No sign-in is both.
      expect(await ask(mind, weaker, strict)).to.equal(UNMET)
    })

    it('minimum_acr that nobody reaches shuts the client', async () => {
      const shut = await partyWith({ minimum_acr: UNKNOWN })
      expect(await ask(await signedIn(), {}, shut)).to.equal(UNMET)
    })
  })

  describe('a policy of the client', () => {
    const stepAfter = async (metadata: object, person: Person) => {
      const its = await relyingParty(
        server,
        await addClient(server, { firstParty: true, metadata }),
      )
      const mind = browser()
      const { url } = await authorizationRequest(its)
      const ours = (location: string) => !location.startsWith(server.issuer)
      const login = await mind.followAll(await mind.get(url.href), ours)
      const fields = { login: person.email, password: person.password }
      const after = await mind.followAll(await mind.submit(login, fields), ours)
      return after.location?.includes('code=')
        ? 'a code'
        : new URL(after.url).pathname.split('/')[3]
    }
    const protectedPerson = async () => {
      const person = await addPerson(server)
      const secret = await beginTotpEnrolment(server.parts, person.id)
      const code = totpCodeAt(secret, server.parts.clock.now())
      await confirmTotpEnrolment(server.parts, { accountId: person.id, code, origin: {} })
      return person
    }

    it('asks nobody, those who have one, or everybody', async () => {
      const person = await protectedPerson()
      expect(await stepAfter({}, person)).to.equal('second_factor')
      expect(await stepAfter({ mfa_policy: 'never' }, person)).to.equal('a code')
      expect(await stepAfter({ mfa_policy: 'when_enrolled' }, person)).to.equal('second_factor')
      expect(await stepAfter({ mfa_policy: 'when_enrolled' }, ada)).to.equal('a code')
      expect(await stepAfter({ mfa_policy: 'required' }, ada)).to.equal('enrol_factor')
      expect(await stepAfter({ mfa_policy: 'phishing_resistant' }, person)).to.equal(
        'second_factor',
      )
    })

    it('is asked of a session that stands', async () => {
      const mind = await signedIn()
      for (const mfa_policy of ['required', 'phishing_resistant'] as const) {
        const metadata = { mfa_policy }
        const its = await relyingParty(
          server,
          await addClient(server, { firstParty: true, metadata }),
        )
        expect(await ask(mind, {}, its)).to.equal('a page')
        expect(await ask(mind, { prompt: 'none' }, its)).to.equal(UNMET)
      }
      expect(await ask(mind, {})).to.equal('a code')
    })
  })

  describe('what an API challenged for', () => {
    it('is in the access token, in introspection, and kept by refreshing', async () => {
      const mind = await signedIn()
      const parameters = {
        scope: 'openid offline_access read',
        resource: API,
        acr_values: PASSWORD,
        max_age: '0',
        prompt: 'consent',
      }
      const before = Math.floor(Date.now() / 1000)
      const signed = await authorize(server, party, ada, { alice: mind, parameters })
      const fields = { ...exchangeFields(signed), resource: API }
      const first = expectTokens(await post(server, '/token', client, fields))
      const renewal = { ...refreshFields(first.refresh_token!), resource: API }
      const next = expectTokens(await post(server, '/token', client, renewal))
      for (const { access_token } of [first, next]) {
        for (const claims of [
          decodeJwt(access_token),
          await introspect(server, client, access_token),
        ]) {
          expect(claims).to.include({ acr: PASSWORD })
          expect(claims['auth_time']).to.be.at.least(before)
        }
      }
    })
  })
})

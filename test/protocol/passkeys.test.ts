import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { disableAccount } from '../../src/domain/accounts/block_account.ts'
import { PHISHING_RESISTANT_ACR } from '../../src/domain/authentication/assurance.ts'
import {
  enrolmentOptions,
  enrolWebAuthn,
} from '../../src/domain/credentials/webauthn/enrol_webauthn.ts'
import { relyingPartyOf } from '../../src/domain/credentials/webauthn/webauthn.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import {
  type Bend,
  createSoftKey,
  optionsOn,
  type SoftKey,
  useSoftKey,
} from '../support/webauthn.ts'
import { eventsOf, exchangeFields, expectTokens, post, type TestClient } from './driver.ts'

/** Passkeys and security keys at sign-in, with an authenticator in software that can misbehave. */

const MFA = 'urn:authcore:acr:mfa'
const TELL = JSON.stringify({ id_token: { acr: null, amr: null } })
const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)
const isPasskeyForm = { form: ({ id }: { id: string }) => id === 'passkey-form' }

describe('Passkeys at sign-in (WebAuthn L3, RFC 8176)', function () {
  this.timeout(60_000)
  let server: AuthCore
  let client: TestClient
  let party: RelyingParty
  before(async () => {
    server = await startAuthCore()
    client = await addClient(server)
    party = await relyingParty(server, client)
  })
  after(() => server?.stop())

  const ours = (location: string) => !location.startsWith(server.issuer)
  const open = async (mind: Browser, parameters: Record<string, string> = {}) => {
    const { url, checks } = await authorizationRequest(party, { claims: TELL, ...parameters })
    return { page: await mind.followAll(await mind.get(url.href), ours), checks }
  }
  const enrol = async ({ id }: Person, bend: Bend = {}): Promise<SoftKey> => {
    const relying = relyingPartyOf(server.issuer)!
    const deps = { ...server.parts, relyingParty: relying }
    const context = [id]
    const account = { id, emailVerified: true, claims: {} } as never
    const options = await enrolmentOptions(deps, { account, context, name: 'AuthCore' })
    const { origin } = relying
    const { key, response } = createSoftKey(JSON.stringify(options), { origin, ...bend })
    const made = await enrolWebAuthn(deps, { accountId: id, context, response, origin: {} })
    expect(made.kind).to.equal('enrolled')
    return key
  }
  /** Sends what the key answers to the page. */
  const present = async (mind: Browser, page: Reply, key: SoftKey, bend: Bend = {}) => {
    const origin = new URL(server.issuer).origin
    const credential = useSoftKey(key, optionsOn(page.body), { origin, ...bend })
    return await mind.followAll(await mind.submit(page, { credential }, isPasskeyForm), ours)
  }
  const password = async (mind: Browser, page: Reply, { email, password }: Person) =>
    await mind.followAll(await mind.submit(page, { login: email, password }), ours)
  const claimsAfter = async (
    mind: Browser,
    page: Reply,
    person: Person,
    checks: Awaited<ReturnType<typeof open>>['checks'],
  ) => {
    const callback = await goThrough(mind, page, person, server.issuer)
    const reply = await post(server, '/token', client, exchangeFields({ callback, checks }))
    return decodeJwt<{ sub: string; acr: string; amr: string[] }>(expectTokens(reply).id_token!)
  }
  const refusalsOf = async ({ id }: Person) =>
    (await eventsOf(server, 'auth.login.failed'))
      .filter(({ subject }) => subject === id)
      .map(({ data }) => (data as { reason: string }).reason)

  for (const [where, bend, amr] of [
    ['synced', {}, 'swk'],
    ['of one device', { backupEligible: false }, 'hwk'],
  ] as const) {
    it(`are enough alone: one that is ${where}`, async () => {
      const person = await addPerson(server)
      const key = await enrol(person, bend)
      const mind = browser()
      const { page, checks } = await open(mind)
      const consent = await present(mind, page, key)
      expect(stepOf(consent)).to.equal('consent')
      const claims = await claimsAfter(mind, consent, person, checks)
      expect(claims).to.deep.include({ sub: person.id, acr: 'phr', amr: [amr, 'mfa'] })
    })
  }

  it('are asked for after the password by whoever has one', async () => {
    const person = await addPerson(server)
    const key = await enrol(person, { userVerified: false })
    const mind = browser()
    const { page, checks } = await open(mind)
    const factor = await password(mind, page, person)
    expect(stepOf(factor)).to.equal('second_factor')
    const consent = await present(mind, factor, key, { userVerified: false })
    expect(stepOf(consent)).to.equal('consent')
    const claims = await claimsAfter(mind, consent, person, checks)
    expect(claims).to.deep.include({ acr: 'phr', amr: ['pwd', 'pop', 'mfa'] })
  })

  it('say the same whatever was wrong, and the trail says what', async () => {
    const person = await addPerson(server)
    const key = await enrol(person)
    const stranger = await enrol(await addPerson(server))
    const replies: string[] = []
    const refused = async (send: (mind: Browser, page: Reply) => Promise<Reply>) => {
      const mind = browser()
      const reply = await send(mind, (await open(mind)).page)
      expect(reply.status).to.equal(422)
      replies.push(reply.body.replace(/[\w-]{43,}/g, ''))
    }
    await refused((mind, page) => present(mind, page, key, { userHandle: stranger.userHandle }))
    await refused((mind, page) => present(mind, page, key, { origin: 'https://evil.example' }))
    await refused((mind, page) => present(mind, page, key, { userVerified: false }))
    await refused((mind, page) => present(mind, page, key, { credentialId: Buffer.alloc(20, 9) }))
    await refused((mind, page) => mind.submit(page, { credential: '{' }, isPasskeyForm))
    await disableAccount(server.parts, person.id)
    await refused((mind, page) => present(mind, page, key))
    expect(new Set(replies).size).to.equal(1)
    expect(await refusalsOf(person)).to.deep.equal([
      'foreign_passkey',
      'invalid_signature',
      'user_not_verified',
      'passkey_not_usable',
    ])
  })

  it('answer the page that asked, once', async () => {
    const person = await addPerson(server)
    const key = await enrol(person)
    const [mine, theirs] = [browser(), browser()]
    const { page } = await open(mine)
    const { page: other } = await open(theirs)
    const origin = new URL(server.issuer).origin
    const credential = useSoftKey(key, optionsOn(page.body), { origin })
    expect((await theirs.submit(other, { credential }, isPasskeyForm)).status).to.equal(422)
    const all = await Promise.all(
      Array.from({ length: 5 }, () => mine.submit(page, { credential }, isPasskeyForm)),
    )
    expect(all.filter(({ status }) => status === 200)).to.have.length(1)
  })

  it('of somebody else are no second factor', async () => {
    const [ada, eve] = [await addPerson(server), await addPerson(server)]
    await enrol(ada)
    const foreign = await enrol(eve)
    const mind = browser()
    const factor = await password(mind, (await open(mind)).page, ada)
    expect((await present(mind, factor, foreign)).status).to.equal(422)
    expect(await refusalsOf(ada)).to.deep.equal(['foreign_passkey'])
  })

  describe('that an acr asks for', () => {
    const wants = { acr_values: PHISHING_RESISTANT_ACR }

    it('are made on the way by whoever has none, and serve at once', async () => {
      const person = await addPerson(server)
      const mind = browser()
      const { page, checks } = await open(mind, wants)
      const enrolment = await password(mind, page, person)
      expect(stepOf(enrolment)).to.equal('enrol_factor')
      expect(enrolment.body).not.to.include('id="use-totp"')
      const origin = new URL(server.issuer).origin
      const { key, response } = createSoftKey(optionsOn(enrolment.body), { origin })
      const codes = await mind.submit(
        enrolment,
        { credential: response, name: 'Phone' },
        isPasskeyForm,
      )
      expect(codes.body).to.include('id="recovery-codes"')
      const consent = await mind.followAll(
        await mind.get(enrolment.url.replace('/enrol_factor', '')),
        ours,
      )
      const claims = await claimsAfter(mind, consent, person, checks)
      expect(claims).to.deep.include({ acr: 'phr', amr: ['pwd', 'swk', 'mfa'] })
      const again = browser()
      const next = await open(again, wants)
      expect((await present(again, next.page, key)).location).to.include('code=')
    })

    it('raise a session that was begun with less', async () => {
      const person = await addPerson(server)
      const mind = browser()
      const first = await open(mind)
      await claimsAfter(mind, await password(mind, first.page, person), person, first.checks)
      const key = await enrol(person)
      const { page, checks } = await open(mind, wants)
      expect(stepOf(page)).to.equal('second_factor')
      const claims = await claimsAfter(mind, await present(mind, page, key), person, checks)
      expect(claims).to.deep.include({ acr: 'phr', amr: ['pwd', 'swk', 'mfa'] })
    })

    it('are never replaced by a weaker factor', async () => {
      const person = await addPerson(server)
      await enrol(person)
      const mind = browser()
      const factor = await password(mind, (await open(mind, wants)).page, person)
      const tampered = await mind.submit(factor, { method: 'totp', code: '123456' }, isPasskeyForm)
      expect(stepOf(await mind.followAll(tampered, ours))).to.equal('second_factor')
      expect((await mind.get(`${factor.url}?method=recovery_code`)).body).to.include(
        'id="passkey-form"',
      )
    })
  })

  it('meet an essential claim for less, which is told as it was asked for', async () => {
    const person = await addPerson(server)
    const key = await enrol(person)
    const mind = browser()
    const acr = { essential: true, values: ['urn:authcore:acr:pwd', MFA] }
    const claims = JSON.stringify({ id_token: { acr, amr: null } })
    const { page, checks } = await open(mind, { claims })
    const told = await claimsAfter(mind, await present(mind, page, key), person, checks)
    expect(told).to.deep.include({ acr: MFA, amr: ['swk', 'mfa'] })
  })
})

describe('Passkeys where the issuer has an address instead of a name', function () {
  this.timeout(60_000)
  let server: AuthCore
  let party: RelyingParty
  before(async () => {
    const port = await freePort()
    server = await startAuthCore({
      env: { PORT: String(port), ISSUER: `http://127.0.0.1:${port}`, AUTHCORE_MFA: 'required' },
    })
    party = await relyingParty(server, await addClient(server))
  })
  after(() => server?.stop())

  it('are not offered, and what would need them is not advertised', async () => {
    const metadata = party.configuration.serverMetadata()
    expect(metadata['acr_values_supported']).to.deep.equal(['urn:authcore:acr:pwd', MFA])
    const person = await addPerson(server)
    const mind = browser()
    const { url } = await authorizationRequest(party)
    const page = await mind.followAll(await mind.get(url.href))
    expect(page.body).not.to.include('passkey').and.not.to.include('<script')
    expect(page.headers['content-security-policy']).not.to.include("script-src 'self'")
    const { email: login, password } = person
    const factor = await mind.followAll(await mind.submit(page, { login, password }))
    expect(stepOf(factor)).to.equal('enrol_factor')
    expect(factor.body).to.include('totp-secret').and.not.to.include('passkey')
    const forced = await mind.submit(factor, { method: 'webauthn', credential: '{}' })
    expect(stepOf(await mind.followAll(forced))).to.equal('enrol_factor')
    const refused = await authorizationRequest(party, { acr_values: PHISHING_RESISTANT_ACR })
    const reply = await browser().get(refused.url.href)
    expect(reply.location).to.include('error=unmet_authentication_requirements')
  })
})

import { expect } from 'chai'
import { findAccountById } from '../../../src/domain/accounts/account_store.ts'
import { MULTI_FACTOR_ACR } from '../../../src/domain/authentication/assurance.ts'
import {
  beginTotpEnrolment,
  confirmTotpEnrolment,
} from '../../../src/domain/credentials/totp/enrol_totp.ts'
import { totpCodeAt } from '../../../src/domain/credentials/totp/totp.ts'
import { listConfirmedTotps } from '../../../src/domain/credentials/totp/totp_store.ts'
import { listWebAuthnCredentials } from '../../../src/domain/credentials/webauthn/webauthn_store.ts'
import { trustDevice } from '../../../src/domain/sessions/trusted_device.ts'
import { listTrustedDevices } from '../../../src/domain/sessions/trusted_device_store.ts'
import {
  addGuard,
  eventsOf,
  introspect,
  refresh,
  rows,
  type TestClient,
} from '../../protocol/driver.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../../support/authcore.ts'
import { type Browser, browser, type Reply } from '../../support/http.ts'
import { type RelyingParty, relyingParty, signIn } from '../../support/relying_party.ts'

import { createSoftKey, optionsOn, useSoftKey } from '../../support/webauthn.ts'

const NEW_PASSWORD = 'nine patient harbours'

describe('The pages of an account', function () {
  this.timeout(60_000)
  let server: AuthCore
  let client: TestClient
  let party: RelyingParty

  before(async () => {
    server = await startAuthCore()
    await addApi(server)
    client = await addClient(server, { name: 'Lantern Books' })
    party = await relyingParty(server, client)
  })
  after(() => server?.stop())

  const ours = (location: string) => !location.startsWith(server.issuer)
  const at = (path: string) => `${server.issuer}/account${path}`
  const pathOf = ({ url }: Reply) => new URL(url).pathname
  const follow = (mind: Browser, reply: Reply) => mind.followAll(reply, ours)
  const visit = async (mind: Browser, path: string) => await follow(mind, await mind.get(at(path)))
  const submit = async (mind: Browser, page: Reply, action: string, fields = {}) =>
    await follow(
      mind,
      await mind.submit(page, fields, { form: (form) => form.action.endsWith(action) }),
    )
  const logIn = async (mind: Browser, page: Reply, person: Person) =>
    await follow(mind, await mind.submit(page, { login: person.email, password: person.password }))
  /** A browser at this page, signed in there. */
  const arrive = async (person: Person, path = '/security') => {
    const mind = browser()
    const page = await logIn(mind, await visit(mind, path), person)
    expect(pathOf(page)).to.equal(`/account${path}`)
    return { mind, page }
  }
  const cookieOf = async (mind: Browser) =>
    (await mind.jar.getCookies(server.issuer)).find(({ key }) => key === 'authcore_session')?.value
  const enrol = async ({ id: accountId }: Person) => {
    const secret = await beginTotpEnrolment(server.parts, accountId)
    const code = totpCodeAt(secret, server.parts.clock.now())
    await confirmTotpEnrolment(server.parts, { accountId, code, origin: {} })
    return secret
  }

  it('are for those who are signed in, and come back to where they were asked for', async () => {
    const ada = await addPerson(server)
    for (const path of [
      '/overview',
      '/profile',
      '/security',
      '/applications',
      '/security/totp',
      '/security/passkey',
    ]) {
      const mind = browser()
      const login = await visit(mind, path === '/overview' ? '' : path)
      expect(pathOf(login)).to.match(/^\/interaction\/[\w-]+\/login$/)
      const page = await logIn(mind, login, ada)
      expect(page.status).to.equal(200)
      expect(pathOf(page)).to.equal(path === '/overview' ? '/account' : `/account${path}`)
      expect(page.body).to.include('Ada Example')
    }
  })

  it('send nobody anywhere else', async () => {
    for (const state of [
      '//evil.example',
      'https://evil.example',
      '../logout',
      'a/b/c',
      'A',
      '.',
      '',
    ]) {
      const query = new URLSearchParams({ code: 'x', state })
      const reply = await browser().get(at(`/signed_in?${query}`))
      expect(reply.status).to.equal(303)
      expect(reply.location).to.match(new RegExp(`^(${server.issuer})?/account$`))
    }
  })

  it('show nothing of anybody else, and take no id of theirs', async () => {
    const [ada, eve] = [await addPerson(server), await addPerson(server)]
    await enrol(ada)
    const [totp] = await listConfirmedTotps(server.parts.db, ada.id)
    await trustDevice(server.parts, { accountId: ada.id, days: 30, origin: {} })
    const now = server.parts.clock.now()
    const devices = () => listTrustedDevices(server.parts.db, { accountId: ada.id, now })
    const [device] = await devices()
    await enrol(eve)
    await trustDevice(server.parts, { accountId: eve.id, days: 30, origin: {} })
    const mind = browser()
    const factor = await logIn(mind, await visit(mind, '/security'), eve)
    const secret = await beginTotpEnrolment(server.parts, eve.id)
    expect(secret).to.be.a('string')
    expect(pathOf(factor)).to.match(/second_factor$/)
    const bare = await addPerson(server)
    const { mind: other, page } = await arrive(bare)
    expect(page.body).not.to.include(totp!.id).and.not.to.include(device!.id)
    const { csrf } = Object.fromEntries(page.forms()[0]!.fields) as { csrf: string }
    const headers = { origin: server.issuer }
    for (const [path, fields] of [
      ['/security/totp/remove', { authenticator: totp!.id }],
      ['/security/devices', { device: device!.id }],
      ['/security/totp/remove', { authenticator: 'x' }],
      ['/security/devices', { device: "' OR 1=1" }],
    ] as const) {
      const reply = await other.post(at(path), { csrf, ...fields }, { headers })
      expect(reply.status, path).to.be.oneOf([200, 404])
    }
    expect(await listConfirmedTotps(server.parts.db, ada.id)).to.have.length(1)
    expect(await devices()).to.have.length(1)
  })

  it('take a form from their own session only', async () => {
    const [ada, eve] = [await addPerson(server), await addPerson(server)]
    const { mind, page } = await arrive(ada)
    const { page: foreign } = await arrive(eve)
    const csrf = foreign.forms()[0]!.fields.get('csrf')!
    const forms = page.forms().map(({ action }) => new URL(action, server.issuer).href)
    expect(forms).to.have.length(2)
    for (const action of [
      ...forms,
      at('/security/totp'),
      at('/security/recovery_codes'),
      at('/applications'),
      at('/security/devices'),
      at('/security/totp/remove'),
      at('/security/passkey'),
      at('/security/passkey/rename'),
      at('/security/passkey/remove'),
    ]) {
      const fields = { csrf, device: 'x', authenticator: 'x', passkey: 'x', client_id: 'x' }
      const reply = await mind.post(action, fields, { headers: { origin: server.issuer } })
      expect(reply.status, action).to.equal(403)
      const own = page.forms()[0]!.fields.get('csrf')!
      const cross = await mind.post(
        action,
        { ...fields, csrf: own },
        { headers: { origin: 'https://evil.example' } },
      )
      expect(cross.status, action).to.equal(403)
    }
  })

  describe('passkeys', () => {
    const origin = () => server.issuer
    const rows = async (person: Person) =>
      (await listWebAuthnCredentials(server.parts.db, person.id)).map(({ name }) => name)
    /** Through the page: makes one, and goes on past the recovery codes that come with the first. */
    const add = async (mind: Browser, name: string) => {
      const page = await visit(mind, '/security/passkey')
      const { key, response } = createSoftKey(optionsOn(page.body), { origin: origin() })
      const fields = { credential: response, name }
      return { key, reply: await submit(mind, page, '/security/passkey', fields), page, fields }
    }

    it('are added, renamed and removed, each of which is told to their owner', async () => {
      const ada = await addPerson(server)
      const { mind } = await arrive(ada, '/profile')
      const { key, reply, page, fields } = await add(mind, 'Phone')
      expect(reply.body).to.include('id="recovery-codes"')
      await submit(mind, page, '/security/passkey', fields)
      expect(await rows(ada)).to.deep.equal(['Phone'])
      // The session was begun with a password alone; from now on changes want both.
      const login = await visit(mind, '/security/passkey')
      expect(pathOf(login)).to.match(/second_factor$/)
      const credential = useSoftKey(key, optionsOn(login.body), { origin: origin() })
      const isForm = { form: ({ id }: { id: string }) => id === 'passkey-form' }
      const back = await follow(mind, await mind.submit(login, { credential }, isForm))
      expect(pathOf(back)).to.equal('/account/security/passkey')
      expect((await add(mind, '')).reply.text()).to.include('The passkey has been added.')
      const security = await visit(mind, '/security')
      const [first] = await listWebAuthnCredentials(server.parts.db, ada.id)
      const renamed = await submit(mind, security, '/passkey/rename', { name: 'Old phone' })
      expect(renamed.text()).to.include('The passkey has a new name.').and.include('Old phone')
      expect(await rows(ada)).to.deep.equal(['Old phone', ''])
      const gone = await submit(mind, security, '/passkey/remove', { passkey: first!.id })
      expect(gone.text()).to.include('The passkey has been removed.')
      expect(await rows(ada)).to.deep.equal([''])
      const types = (await eventsOf(server)).filter(({ subject }) => subject === ada.id)
      expect(types.map(({ type }) => type)).to.include.members([
        'auth.factor.added',
        'auth.factor.removed',
      ])
    })

    it('of somebody else stay as they are, and one made elsewhere is not taken', async () => {
      const [ada, eve] = [await addPerson(server), await addPerson(server)]
      const { mind: hers } = await arrive(ada, '/profile')
      await add(hers, 'Phone')
      const [key] = await listWebAuthnCredentials(server.parts.db, ada.id)
      const { mind, page } = await arrive(eve)
      const csrf = page.forms()[0]!.fields.get('csrf')!
      const headers = { origin: server.issuer }
      for (const passkey of [key!.id, 'x', "' OR 1=1"]) {
        const rename = { csrf, passkey, name: 'Mine' }
        await mind.post(at('/security/passkey/rename'), rename, { headers })
        await mind.post(at('/security/passkey/remove'), { csrf, passkey }, { headers })
      }
      expect(await rows(ada)).to.deep.equal(['Phone'])
      const options = optionsOn((await visit(mind, '/security/passkey')).body)
      const { mind: third } = await arrive(await addPerson(server), '/security/passkey')
      const form = await visit(third, '/security/passkey')
      const { response: credential } = createSoftKey(options, { origin: origin() })
      const reply = await submit(third, form, '/security/passkey', { credential })
      expect(reply.status).to.equal(422)
      expect(reply.text()).to.include('could not be verified')
    })
  })

  describe('the profile', () => {
    it('changes what was filled in, takes away what is empty, and leaves the rest', async () => {
      const ada = await addPerson(server, { claims: { name: 'Ada', gender: 'female' } })
      const { mind, page } = await arrive(ada, '/profile')
      const fields = { name: '', nickname: ' Countess ', birthdate: '1815-12-10' }
      const done = await submit(mind, page, '/profile', fields)
      expect(done.text()).to.include('Your profile is saved.')
      const { claims } = (await findAccountById(server.parts.db, ada.id))!
      expect(claims).to.include({ gender: 'female', nickname: 'Countess', birthdate: '1815-12-10' })
      expect(claims).not.to.have.property('name')
      const events = await eventsOf(server, 'auth.profile.changed')
      const { data } = events.find(({ subject }) => subject === ada.id)!
      expect((data as { fields: string[] }).fields).to.have.members([
        'name',
        'nickname',
        'birthdate',
      ])
      expect(JSON.stringify(data)).not.to.include('Countess')
    })

    it('has every standard claim that people change, the address among them', async () => {
      const address = { formatted: '1 High Street\nLondon', locality: 'London' }
      const ada = await addPerson(server, { claims: { address } })
      const { mind, page } = await arrive(ada, '/profile')
      for (const token of [
        ...['name', 'given-name', 'additional-name', 'family-name', 'nickname', 'bday', 'language'],
        ...['url', 'photo', 'street-address', 'postal-code', 'address-level2', 'country-name'],
      ]) {
        expect(page.body).to.include(`autocomplete="${token}"`)
      }
      const fields = {
        middle_name: 'King',
        gender: 'female',
        locale: 'fr',
        profile: 'https://example.com/ada',
        picture: 'https://example.com/ada.jpg',
      }
      await submit(mind, page, '/profile', fields)
      const { claims } = (await findAccountById(server.parts.db, ada.id))!
      expect(claims).to.include(fields)
      expect(claims['address'], 'nobody touched it').to.deep.equal(address)
      const moved = {
        address_street_address: '12 St James’s Square\r\nTop floor',
        address_postal_code: 'SW1Y 4JH',
        address_country: 'GB',
      }
      await submit(mind, page, '/profile', { ...fields, ...moved })
      expect((await findAccountById(server.parts.db, ada.id))!.claims['address']).to.deep.equal({
        street_address: '12 St James’s Square\nTop floor',
        postal_code: 'SW1Y 4JH',
        locality: 'London',
        country: 'GB',
      })
      const events = await eventsOf(server, 'auth.profile.changed')
      const last = events.filter(({ subject }) => subject === ada.id).at(-1)!
      expect((last.data as { fields: string[] }).fields).to.deep.equal(['address'])
      expect(JSON.stringify(last)).not.to.include('Square')
      const none = { address_locality: '', address_country: '', address_postal_code: '' }
      await submit(mind, page, '/profile', { ...fields, ...none })
      expect((await findAccountById(server.parts.db, ada.id))!.claims).not.to.have.property(
        'address',
      )
    })

    it('marks what is not acceptable, keeps what was typed, and takes no half of a form', async () => {
      const ada = await addPerson(server, { claims: { name: 'Ada' } })
      const { mind, page } = await arrive(ada, '/profile')
      const wrong = { website: 'javascript:alert(1)', zoneinfo: 'Nowhere' }
      const reply = await submit(mind, page, '/profile', wrong)
      expect(reply.status).to.equal(422)
      expect(reply.body.match(/aria-invalid/g)).to.have.length(2)
      expect(reply.body).to.include('value="Nowhere"')
      const csrf = page.forms()[0]!.fields.get('csrf')!
      const headers = { origin: server.issuer }
      expect((await mind.post(at('/profile'), { csrf, name: 'Eve' }, { headers })).status).to.equal(
        400,
      )
      expect((await findAccountById(server.parts.db, ada.id))!.claims).to.include({ name: 'Ada' })
    })
  })

  describe('the password', () => {
    it('is changed by who knows the one before, and ends the others by choice', async () => {
      for (const end of [true, false]) {
        const ada = await addPerson(server)
        const { tokens } = await signIn(server, party, ada, {
          parameters: { scope: 'openid offline_access', prompt: 'consent' },
        })
        const { mind: other } = await arrive(ada)
        const { mind, page } = await arrive(ada)
        const wrong = await submit(mind, page, '/password', {
          current: 'no',
          password: NEW_PASSWORD,
        })
        expect(wrong.status).to.equal(422)
        expect(wrong.text()).to.include('not your current password')
        const weak = await submit(mind, page, '/password', { current: ada.password, password: 'x' })
        expect(weak.text()).to.include('15 characters are the least')
        const { csrf } = Object.fromEntries(
          page.forms().find(({ action }) => action.endsWith('/password'))!.fields,
        ) as { csrf: string }
        const named = await cookieOf(mind)
        const fields = { csrf, current: ada.password, password: NEW_PASSWORD }
        const headers = { origin: server.issuer }
        const done = await mind.post(
          at('/security/password'),
          end ? { ...fields, end_others: 'yes' } : fields,
          { headers },
        )
        expect(done.status, done.text()).to.equal(200)
        expect(await cookieOf(mind), 'another session id').not.to.equal(named)
        const still = await refresh(server, client, tokens.refresh_token!)
        expect(still.status).to.equal(end ? 400 : 200)
        expect(pathOf(await visit(mind, '/security'))).to.equal('/account/security')
        const there = pathOf(await visit(other, '/security'))
        expect(there).to.match(end ? /login$/ : /\/account\/security$/)
        await arrive({ ...ada, password: NEW_PASSWORD })
      }
    })

    it('is not guessed by who holds a session', async () => {
      const ada = await addPerson(server)
      const { mind, page } = await arrive(ada)
      let last = 0
      for (let i = 0; i < 11; i += 1) {
        const reply = await submit(mind, page, '/password', {
          current: `guess ${i}`,
          password: NEW_PASSWORD,
        })
        last = reply.status
      }
      expect(last).to.equal(429)
      const right = await submit(mind, page, '/password', {
        current: ada.password,
        password: NEW_PASSWORD,
      })
      expect(right.status).to.equal(429)
    })
  })

  describe('authenticators', () => {
    it('are added with recovery codes, listed and removed', async () => {
      const ada = await addPerson(server)
      const { mind } = await arrive(ada)
      const page = await visit(mind, '/security/totp')
      const secret = /id="totp-secret"[^>]*>([A-Z2-7 ]+)</.exec(page.body)![1]!.replaceAll(' ', '')
      expect((await submit(mind, page, '/totp', { code: '000000' })).status).to.equal(422)
      const code = totpCodeAt(secret, new Date())
      const codes = await submit(mind, page, '/totp', { code, name: 'My phone' })
      expect(codes.body.match(/<code>[0-9a-z-]{19}<\/code>/g)).to.have.length(10)
      // The password alone no longer is enough to change anything here.
      const listed = await visit(mind, '/security')
      expect(listed.text()).to.include('My phone').and.to.include('10 codes are left')
      const asked = await submit(mind, listed, '/totp/remove')
      expect(pathOf(asked)).to.match(/second_factor$/)
      const next = totpCodeAt(secret, new Date(Date.now() + 30_000))
      const back = await follow(mind, await mind.submit(asked, { code: next }))
      expect(pathOf(back)).to.equal('/account/security')
      const removed = await submit(mind, back, '/totp/remove')
      expect(removed.text()).to.include('has been removed').and.not.to.include('My phone')
      const types = (await eventsOf(server))
        .filter(({ subject }) => subject === ada.id)
        .map(({ type }) => type)
      expect(types).to.include.members(['auth.factor.added', 'auth.factor.removed'])
    })

    it('want a fresh sign-in, with the second factor where there is one', async () => {
      const ada = await addPerson(server)
      const { mind } = await arrive(ada)
      await rows(
        server.parts.db,
        `UPDATE oidc_record SET payload = jsonb_set(payload::jsonb, '{loginTs}', to_jsonb($2::int))::json
          WHERE model = 'Session' AND account_id = $1`,
        [ada.id, Math.floor(Date.now() / 1000) - 601],
      )
      expect(pathOf(await visit(mind, '/security')), 'to look at').to.equal('/account/security')
      const stale = await visit(mind, '/security/totp')
      expect(pathOf(stale)).to.match(/login$/)
      const bob = await addPerson(server)
      await enrol(bob)
      const strong = browser()
      const factor = await logIn(strong, await visit(strong, '/security'), bob)
      expect(pathOf(factor)).to.match(/second_factor$/)
      expect(MULTI_FACTOR_ACR).to.be.a('string')
    })
  })

  it('end everything at once on demand', async () => {
    const ada = await addPerson(server)
    const { tokens } = await signIn(server, party, ada, {
      parameters: { scope: 'openid offline_access', prompt: 'consent' },
    })
    const other = await arrive(ada)
    const { mind, page } = await arrive(ada)
    expect(pathOf(await submit(mind, page, '/sign_out'))).to.equal('/')
    for (const each of [mind, other.mind]) {
      expect(pathOf(await visit(each, '/security'))).to.match(/login$/)
    }
    expect((await refresh(server, client, tokens.refresh_token!)).status).to.equal(400)
    const [event] = (await eventsOf(server, 'auth.account.access_ended')).slice(-1)
    expect(event).to.include({ subject: ada.id })
  })

  it('list applications with what they may do, and take it from them at once', async () => {
    const ada = await addPerson(server)
    const guard = await addGuard(server)
    const { tokens } = await signIn(server, party, ada, {
      parameters: { scope: 'openid email offline_access read', resource: API, prompt: 'consent' },
    })
    const { mind, page } = await arrive(ada, '/applications')
    for (const words of ['Lantern Books', 'Example API']) expect(page.text()).to.include(words)
    const active = async () => (await introspect(server, guard, tokens.access_token)).active
    expect(await active()).to.equal(true)
    const revoked = await submit(mind, page, '/applications')
    expect(revoked.body).to.include('id="revoked"').and.to.include('id="no-applications"')
    expect(await active()).to.equal(false)
    expect((await refresh(server, client, tokens.refresh_token!)).status).to.equal(400)
    const again = await submit(mind, page, '/applications')
    expect(again.status).to.equal(200)
    const events = await eventsOf(server, 'auth.consent.revoked')
    expect(events.filter(({ subject }) => subject === ada.id)).to.have.length(1)
  })
})

import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { MULTI_FACTOR_ACR, PASSWORD_ACR } from '../../src/domain/authentication/assurance.ts'
import { generateRecoveryCodes } from '../../src/domain/credentials/recovery_codes/generate_recovery_codes.ts'
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
} from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import { eventsOf, exchangeFields, expectTokens, post, type TestClient } from './driver.ts'

/** A second factor at sign-in, as the browser meets it and as the ID token tells it. */

type World = { server: AuthCore; client: TestClient; party: RelyingParty }

async function startWorld(env: Record<string, string> = {}): Promise<World> {
  const server = await startAuthCore({ env })
  const client = await addClient(server)
  return { server, client, party: await relyingParty(server, client) }
}

/** An account with an authenticator; its codes are those of steps that were not used yet. */
async function addProtectedPerson({ server }: World) {
  const person = await addPerson(server)
  const { parts } = server
  const secret = await beginTotpEnrolment(parts, person.id)
  let step = -1
  const nextCode = () => {
    step += 1
    return totpCodeAt(secret, new Date(parts.clock.now().getTime() + step * 30_000))
  }
  const origin = {}
  await confirmTotpEnrolment(parts, { accountId: person.id, code: nextCode(), origin })
  const recoveryCodes = await generateRecoveryCodes(parts, person.id, origin)
  return { person, nextCode, recoveryCodes, secret }
}

/** The engine tells `acr` to those who ask for it. */
const TELL = JSON.stringify({ id_token: { acr: null, amr: null, auth_time: null } })

const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)

for (const policy of ['when_enrolled', 'required', 'never'] as const) {
  describe(`A second factor, asked for ${policy.replace('_', ' ')}`, function () {
    this.timeout(60_000)
    let world: World
    before(async () => {
      world = await startWorld({ AUTHCORE_MFA: policy })
    })
    after(() => world?.server.stop())

    const ours = (location: string) => !location.startsWith(world.server.issuer)
    const open = async (mind: Browser, parameters: Record<string, string> = {}) => {
      const { url, checks } = await authorizationRequest(world.party, {
        claims: TELL,
        ...parameters,
      })
      return { page: await mind.followAll(await mind.get(url.href), ours), checks }
    }
    const credentials = ({ email, password }: Person) => ({ login: email, password })
    const submit = async (mind: Browser, page: Reply, fields: Record<string, string>) =>
      await mind.followAll(await mind.submit(page, fields), ours)
    /** To the page after the password. */
    const begin = async (
      mind: Browser,
      person: Person,
      parameters: Record<string, string> = {},
    ) => {
      const { page, checks } = await open(mind, parameters)
      return { page: await submit(mind, page, credentials(person)), checks }
    }
    const claimsAfter = async (
      mind: Browser,
      page: Reply,
      person: Person,
      checks: Awaited<ReturnType<typeof open>>['checks'],
    ) => {
      const callback = await goThrough(mind, page, person, world.server.issuer)
      const tokens = expectTokens(
        await post(world.server, '/token', world.client, exchangeFields({ callback, checks })),
      )
      return decodeJwt<{ acr: string; amr: string[]; auth_time: number }>(tokens.id_token!)
    }

    if (policy === 'never') {
      it('is not asked of those who have one', async () => {
        const { person } = await addProtectedPerson(world)
        const mind = browser()
        const { page, checks } = await begin(mind, person)
        expect(stepOf(page)).to.equal('consent')
        expect(await claimsAfter(mind, page, person, checks)).to.include({ acr: PASSWORD_ACR })
      })

      it('is asked where the request wants it, and set up by those who have none', async () => {
        const { person } = await addProtectedPerson(world)
        const wants = { acr_values: MULTI_FACTOR_ACR }
        expect(stepOf((await begin(browser(), person, wants)).page)).to.equal('second_factor')
        const bob = await addPerson(world.server)
        expect(stepOf((await begin(browser(), bob, wants)).page)).to.equal('enrol_factor')
      })
      return
    }

    it('stands between the password and everything else', async () => {
      const { person, nextCode } = await addProtectedPerson(world)
      const mind = browser()
      const { page, checks } = await begin(mind, person)
      expect(stepOf(page)).to.equal('second_factor')
      for (const other of ['', '/consent', '/enrol_factor']) {
        const path = page.url.replace('/second_factor', other)
        expect(stepOf(await mind.followAll(await mind.get(path), ours)), other).to.equal(
          'second_factor',
        )
      }
      const events = async () =>
        (await eventsOf(world.server)).filter(({ subject }) => subject === person.id)
      expect((await events()).map(({ type }) => type)).not.to.include('auth.login.success')
      const consent = await submit(mind, page, { code: nextCode() })
      expect(stepOf(consent)).to.equal('consent')
      const claims = await claimsAfter(mind, consent, person, checks)
      expect(claims).to.deep.include({ acr: MULTI_FACTOR_ACR, amr: ['pwd', 'otp', 'mfa'] })
      const succeeded = (await events()).filter(({ type }) => type === 'auth.login.success')
      expect(succeeded).to.have.length(1)
      expect(succeeded[0]!.data).to.deep.include({ amr: ['pwd', 'otp', 'mfa'] })
    })

    it('takes a recovery code once', async () => {
      const { person, recoveryCodes } = await addProtectedPerson(world)
      for (const expected of ['consent', 'second_factor']) {
        const mind = browser()
        const { page } = await begin(mind, person)
        const paper = await mind.get(`${page.url}?method=recovery_code`)
        expect(paper.body).to.include('name="method" value="recovery_code"')
        const next = await submit(mind, paper, { code: recoveryCodes[0]! })
        expect(stepOf(next)).to.equal(expected)
      }
    })

    it('lets nobody use a code twice, or one of somebody else', async () => {
      const ada = await addProtectedPerson(world)
      const bob = await addProtectedPerson(world)
      const code = ada.nextCode()
      const first = browser()
      expect(stepOf(await submit(first, (await begin(first, ada.person)).page, { code }))).to.equal(
        'consent',
      )
      for (const person of [ada.person, bob.person]) {
        const mind = browser()
        const reply = await mind.submit((await begin(mind, person)).page, { code })
        expect(reply.status).to.equal(422)
        expect(reply.body).to.include('id="problem"')
      }
    })

    it('says the same of every wrong code, and starts over after five', async () => {
      const { person } = await addProtectedPerson(world)
      const mind = browser()
      let { page } = await begin(mind, person)
      for (const code of ['000000', 'abc', '9'.repeat(90), '']) {
        page = await mind.submit(page, { code })
        expect(page.status).to.equal(422)
      }
      for (const code of ['111111', '222222']) page = await submit(mind, page, { code })
      expect(stepOf(page)).to.equal('login')
      const failed = await eventsOf(world.server, 'auth.login.failed')
      const own = failed.filter(({ subject }) => subject === person.id)
      const reasons = own.map(({ data }) => (data as { reason: string }).reason)
      expect(reasons).to.deep.equal(Array(5).fill('wrong_totp'))
    })

    it('stops after ten wrong codes in an hour, whatever browser they come from', async () => {
      const { person, nextCode } = await addProtectedPerson(world)
      let last: Reply | undefined
      for (let i = 0; i < 11; i += 1) {
        const mind = browser()
        const { page } = await begin(mind, person)
        last = await mind.submit(page, { code: '000000' })
      }
      expect(last!.status).to.equal(429)
      const mind = browser()
      const { page } = await begin(mind, person)
      expect((await mind.submit(page, { code: nextCode() })).status).to.equal(429)
    })

    it('asks a trusted browser no more, unless the request does', async () => {
      const { person, nextCode } = await addProtectedPerson(world)
      const mind = browser()
      const { page } = await begin(mind, person)
      const consent = await submit(mind, page, { code: nextCode(), trust: 'yes' })
      await goThrough(mind, consent, person, world.server.issuer)
      const again = await begin(mind, person, { prompt: 'login' })
      expect(stepOf(again.page)).not.to.equal('second_factor')
      const strict = await begin(mind, person, { prompt: 'login', acr_values: MULTI_FACTOR_ACR })
      expect(stepOf(strict.page)).to.equal('second_factor')
      const other = await addProtectedPerson(world)
      expect(stepOf((await begin(mind, other.person, { prompt: 'login' })).page)).to.equal(
        'second_factor',
      )
    })

    it('offers another account and the way back', async () => {
      const { person } = await addProtectedPerson(world)
      const mind = browser()
      const { page } = await begin(mind, person)
      expect(page.body).to.match(/id="sign-in-again" href="\/interaction\/[\w-]+\/login"/)
      const back = await mind.followAll(
        await mind.submit(page, {}, { form: ({ action }) => action.endsWith('/cancel') }),
        ours,
      )
      expect(back.location).to.include('error=access_denied')
    })

    it('refuses a form made for somebody else, and what is no form of ours', async () => {
      const ada = await addProtectedPerson(world)
      const bob = await addProtectedPerson(world)
      const mind = browser()
      const { page } = await begin(mind, ada.person)
      const login = await mind.get(page.url.replace('second_factor', 'login'))
      await submit(mind, login, credentials(bob.person))
      expect((await mind.submit(page, { code: ada.nextCode() })).status).to.equal(403)
      const path = page.url
      for (const body of [
        {},
        { csrf: 'x' },
        { csrf: 'x', method: 'password', code: '1' },
        { 'code[]': '1' },
      ]) {
        const reply = await mind.post(path, body)
        expect(reply.status, JSON.stringify(body)).to.be.within(400, 422)
      }
    })

    if (policy === 'when_enrolled') {
      it('is not asked of those who have none', async () => {
        const bob = await addPerson(world.server)
        const mind = browser()
        const { page, checks } = await begin(mind, bob)
        expect(stepOf(page)).to.equal('consent')
        expect(await claimsAfter(mind, page, bob, checks)).to.include({ acr: PASSWORD_ACR })
      })

      it('is asked of the other account that signs in at the page for consent', async () => {
        const { person, nextCode } = await addProtectedPerson(world)
        const mind = browser()
        const bob = await addPerson(world.server)
        await goThrough(mind, (await begin(mind, bob)).page, bob, world.server.issuer)
        const { page, checks } = await open(mind, { prompt: 'consent' })
        expect(stepOf(page)).to.equal('consent')
        const login = await mind.get(page.url.replace(/consent$/, 'login'))
        const asked = await submit(mind, login, credentials(person))
        expect(stepOf(asked)).to.equal('second_factor')
        const consent = await submit(mind, asked, { code: nextCode() })
        const claims = await claimsAfter(mind, consent, person, checks)
        expect(claims).to.include({ sub: person.id, acr: MULTI_FACTOR_ACR })
      })

      it('is all that a request for more asks of somebody who is signed in', async () => {
        const { person, nextCode, recoveryCodes } = await addProtectedPerson(world)
        const mind = browser()
        const { page } = await begin(mind, person)
        const paper = await mind.get(`${page.url}?method=recovery_code`)
        const trusting = await submit(mind, paper, { code: recoveryCodes[0]!, trust: 'yes' })
        await goThrough(mind, trusting, person, world.server.issuer)
        const weak = await begin(mind, person, { prompt: 'login' })
        const before = await claimsAfter(mind, weak.page, person, weak.checks)
        expect(before.acr).to.equal(PASSWORD_ACR)
        const step = await open(mind, { acr_values: MULTI_FACTOR_ACR })
        expect(stepOf(step.page)).to.equal('second_factor')
        const done = await mind.submit(step.page, { code: nextCode() })
        const after = await claimsAfter(mind, await mind.followAll(done, ours), person, step.checks)
        expect(after).to.deep.include({ acr: MULTI_FACTOR_ACR, amr: ['pwd', 'otp', 'mfa'] })
        expect(after.auth_time, 'the password is as old as it was').to.equal(before.auth_time)
      })
    } else {
      it('is set up within the sign-in by those who have none, with recovery codes', async () => {
        const bob = await addPerson(world.server)
        const mind = browser()
        const { page, checks } = await begin(mind, bob)
        expect(stepOf(page)).to.equal('enrol_factor')
        const secretOf = (reply: Reply) =>
          /id="totp-secret"[^>]*>([A-Z2-7 ]+)</.exec(reply.body)![1]!.replaceAll(' ', '')
        const secret = secretOf(page)
        const wrong = await mind.submit(page, { code: '000000' })
        expect(wrong.status).to.equal(422)
        expect(secretOf(wrong), 'the same code to scan').to.equal(secret)
        const code = totpCodeAt(secret, world.server.parts.clock.now())
        const codes = await mind.submit(wrong, { code })
        expect(codes.status).to.equal(200)
        expect(codes.body.match(/<code>[0-9a-z-]{19}<\/code>/g)).to.have.length(10)
        const consent = await mind.followAll(
          await mind.get(page.url.replace('/enrol_factor', '')),
          ours,
        )
        const claims = await claimsAfter(mind, consent, bob, checks)
        expect(claims).to.deep.include({ acr: MULTI_FACTOR_ACR, amr: ['pwd', 'otp', 'mfa'] })
        const again = await mind.get(page.url)
        expect(again.body).not.to.include(secret)
      })
    }
  })
}

describe('A second factor, offered', function () {
  this.timeout(60_000)
  let world: World
  before(async () => {
    world = await startWorld({ AUTHCORE_MFA: 'optional' })
  })
  after(() => world?.server.stop())

  const ours = (location: string) => !location.startsWith(world.server.issuer)
  const begin = async (person: Person, parameters: Record<string, string> = {}) => {
    const mind = browser()
    const { url } = await authorizationRequest(world.party, parameters)
    const login = await mind.followAll(await mind.get(url.href), ours)
    const fields = { login: person.email, password: person.password }
    return { mind, page: await mind.followAll(await mind.submit(login, fields), ours) }
  }
  const notNow = async (mind: Browser, page: Reply) =>
    await mind.followAll(await mind.submit(page, {}, { form: byPostpone }), ours)
  const byPostpone = ({ action }: { action: string }) => action.endsWith('/enrol_factor/postpone')

  it('is asked of those who have one', async () => {
    const { person, nextCode } = await addProtectedPerson(world)
    const { mind, page } = await begin(person)
    expect(stepOf(page)).to.equal('second_factor')
    const next = await mind.followAll(await mind.submit(page, { code: nextCode() }), ours)
    expect(stepOf(next)).to.equal('consent')
  })

  it('is shown to those who have none, a passkey first, and the sign-in goes on without it', async () => {
    const ada = await addPerson(world.server)
    const { mind, page } = await begin(ada)
    expect(stepOf(page)).to.equal('enrol_factor')
    expect(page.body).to.include('id="create-passkey"').and.to.include('id="postpone"')
    const totp = await mind.get(`${page.url}?method=totp`)
    expect(totp.body).to.include('id="confirm"').and.to.include('id="postpone"')
    expect(stepOf(await notNow(mind, page))).to.equal('consent')
    const events = await eventsOf(world.server, 'auth.factor.offer_postponed')
    expect(events.filter(({ subject }) => subject === ada.id)).to.have.length(1)
    const added = await eventsOf(world.server, 'auth.factor.added')
    expect(added.filter(({ subject }) => subject === ada.id)).to.be.empty
  })

  it('is not offered again for thirty days after "not now"', async () => {
    const ada = await addPerson(world.server)
    const { mind, page } = await begin(ada)
    await notNow(mind, page)
    expect(stepOf((await begin(ada)).page)).to.equal('consent')
    const { db, clock } = world.server.parts
    const age = async (days: number) =>
      await db.raw('UPDATE account SET factor_offer_postponed_at = ? WHERE id = ?', [
        new Date(clock.now().getTime() - days * 86_400_000),
        ada.id,
      ])
    await age(29)
    expect(stepOf((await begin(ada)).page)).to.equal('consent')
    await age(30)
    expect(stepOf((await begin(ada)).page)).to.equal('enrol_factor')
  })

  it('is set up then and there by whoever takes the offer', async () => {
    const ada = await addPerson(world.server)
    const { mind, page } = await begin(ada)
    const totp = await mind.get(`${page.url}?method=totp`)
    const secret = /id="totp-secret"[^>]*>([^<]+)</.exec(totp.body)![1]!.replaceAll(' ', '')
    const code = totpCodeAt(secret, world.server.parts.clock.now())
    const codes = await mind.submit(totp, { code })
    expect(codes.body.match(/<code>[0-9a-z-]{19}<\/code>/g)).to.have.length(10)
    expect(stepOf((await begin(ada)).page)).to.equal('second_factor')
  })

  it('cannot be put off where a request wants two factors', async () => {
    const ada = await addPerson(world.server)
    const { mind, page } = await begin(ada, { acr_values: MULTI_FACTOR_ACR })
    expect(stepOf(page)).to.equal('enrol_factor')
    expect(page.body).not.to.include('id="postpone"')
    const csrf = page.forms().find(({ action }) => action.endsWith('/enrol_factor'))!.fields
    const fields = { csrf: new URLSearchParams(csrf).get('csrf')! }
    const headers = { origin: world.server.issuer }
    const reply = await mind.post(`${page.url}/postpone`, fields, { headers })
    expect(stepOf(await mind.followAll(reply, ours))).to.equal('enrol_factor')
  })
})

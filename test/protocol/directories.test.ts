import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { PASSWORD_ACR } from '../../src/domain/authentication/assurance.ts'
import type { AccountFault, PasswordCheck } from '../../src/domain/federation/connector.ts'
import { listIdentitiesOfAccount } from '../../src/domain/federation/identity_store.ts'
import { type AuthCore, addClient, addPerson, startAuthCore } from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import {
  addConnection,
  type MadeUpSource,
  madeUpSource,
  personOf,
} from '../support/made_up_source.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import { eventsOf, exchangeFields, expectTokens, post, type TestClient } from './driver.ts'

/** Passwords that a directory knows: which one is asked, and what its answer comes to. */

const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)
const RIGHT = 'a password of the directory'

for (const page of ['one_page', 'identifier_first'] as const) {
  describe(`A password of a directory (${page})`, function () {
    this.timeout(60_000)
    let server: AuthCore
    let source: MadeUpSource
    let client: TestClient
    let party: RelyingParty
    const asked: { login: string; password: string }[] = []
    let answer: (login: string) => PasswordCheck
    before(async () => {
      source = madeUpSource()
      source.directory.check = (input) => {
        asked.push(input)
        return answer(input.login)
      }
      server = await startAuthCore({ kinds: source.kinds, env: { AUTHCORE_SIGN_IN_PAGE: page } })
      client = await addClient(server)
      party = await relyingParty(server, client)
      await connect('corp', { domains: ['corp.example'] })
      await connect('staff', { fallback: true })
    })
    beforeEach(() => {
      asked.length = 0
      answer = () => ({ kind: 'wrong', reason: 'unknown' })
    })
    after(() => server?.stop())

    const connect = async (name: string, definition: object) =>
      await addConnection(server, source, name, { kind: 'made_up_directory', ...definition })
    const ours = (location: string) => !location.startsWith(server.issuer)
    const signIn = async (mind: Browser, login: string, password = RIGHT, of = party) => {
      const { url, checks } = await authorizationRequest(of, {
        claims: JSON.stringify({ id_token: { acr: null, amr: null } }),
      })
      let at = await mind.followAll(await mind.get(url.href), ours)
      if (page === 'identifier_first') {
        at = await mind.followAll(await mind.submit(at, { login }), ours)
        at = await mind.followAll(await mind.submit(at, { password }), ours)
      } else at = await mind.followAll(await mind.submit(at, { login, password }), ours)
      return { page: at, checks }
    }
    const claimsOf = async (
      mind: Browser,
      { page: at, checks }: Awaited<ReturnType<typeof signIn>>,
    ) => {
      const nobody = { id: '', email: '', password: '' }
      const callback = await goThrough(mind, at, nobody, server.issuer)
      const tokens = expectTokens(
        await post(server, '/token', client, exchangeFields({ callback, checks })),
      )
      return decodeJwt<{ sub: string; acr: string; amr: string[] }>(tokens.id_token!)
    }
    const right = (subject: string, told: object = {}): PasswordCheck => ({
      kind: 'right',
      person: personOf(subject, told),
    })

    it('signs in, and makes the account the first time', async () => {
      const email = `grace-${page}@corp.example`
      answer = () => right('g-1', { email, emailVerified: true, claims: { name: 'Grace' } })
      const first = browser()
      const claims = await claimsOf(first, await signIn(first, ` ${email} `))
      expect(claims).to.deep.include({ acr: PASSWORD_ACR, amr: ['pwd'] })
      expect(asked).to.deep.equal([{ login: email, password: RIGHT }])
      const again = browser()
      expect((await claimsOf(again, await signIn(again, email))).sub).to.equal(claims.sub)
      const other = browser()
      answer = () => right('g-1', { email: 'renamed@corp.example', emailVerified: true })
      expect((await claimsOf(other, await signIn(other, 'renamed@corp.example'))).sub).to.equal(
        claims.sub,
      )
      expect(await listIdentitiesOfAccount(server.parts.db, claims.sub)).to.have.length(1)
    })

    it('is asked of the directory of the mail domain alone, and of others for whoever nobody is here', async () => {
      await signIn(browser(), 'somebody@corp.example')
      expect(asked).to.have.length(1)
      asked.length = 0
      await signIn(browser(), 'somebody@elsewhere.example')
      expect(asked, 'the fallback').to.have.length(1)
      asked.length = 0
      const ada = await addPerson(server)
      const { page: refused } = await signIn(browser(), ada.email, 'a wrong password')
      expect(refused.status).to.equal(422)
      expect(asked, 'a wrong password of ours goes nowhere else').to.be.empty
    })

    it('never hears an empty password, or one that cannot be one', async () => {
      answer = () => right('anonymous')
      for (const password of ['   ', '\u0000', 'x'.repeat(3_000)]) {
        const { page: refused } = await signIn(browser(), 'nobody@corp.example', password)
        expect(refused.status, JSON.stringify(password)).to.be.oneOf([400, 422])
      }
      expect(asked).to.be.empty
    })

    it('leaves the passwords that are ours alone, whatever the directory says (LD13)', async () => {
      const ada = await addPerson(server, { email: `ada-${page}@corp.example` })
      answer = () => ({ kind: 'unavailable', reason: 'ECONNREFUSED' })
      const mind = browser()
      const claims = await claimsOf(mind, await signIn(mind, ada.email, ada.password))
      expect(claims.sub).to.equal(ada.id)
      expect(asked).to.be.empty
    })

    it('signs an administrator of ours in while every directory is down (LD13)', async () => {
      answer = () => ({ kind: 'unavailable', reason: 'ECONNREFUSED' })
      const admin = await addPerson(server)
      const mind = browser()
      const claims = await claimsOf(mind, await signIn(mind, admin.email, admin.password))
      expect(claims.sub).to.equal(admin.id)
      expect(asked).to.be.empty
    })

    it('ends at one account whatever the case of a name, and the spaces around it (LD15)', async () => {
      const email = `sam-${page}@elsewhere.example`
      const name = `sam.${page}`
      const told = { username: name, email, emailVerified: true }
      // Directories compare names so (RFC 4518 §2.2).
      answer = (login) =>
        [name, email, `corp\\${name}`].includes(login.toLowerCase())
          ? right(`ld15-${page}`, told)
          : { kind: 'wrong', reason: 'unknown' }
      const subjects = new Set<string>()
      const upper = name.toUpperCase()
      const names = [name, ` ${upper} `, email.toUpperCase(), `\t${email} `, `CORP\\${upper}`]
      for (const login of names) {
        const mind = browser()
        subjects.add((await claimsOf(mind, await signIn(mind, login))).sub)
      }
      expect([...subjects]).to.have.length(1)
      const identities = await listIdentitiesOfAccount(server.parts.db, [...subjects][0]!)
      expect(identities).to.have.length(1)
    })

    it('counts tries for a name of a directory alone, however it is written (LD15)', async () => {
      answer = () => ({ kind: 'wrong', reason: 'wrong_password' })
      const name = `corp\\guess.${page}`
      const statuses: number[] = []
      for (let i = 0; i < 13 && statuses.at(-1) !== 429; i++) {
        const letters = [...name].map((c, at) => (at === i ? c.toUpperCase() : c)).join('')
        statuses.push((await signIn(browser(), `${' '.repeat(i)}${letters}`)).page.status)
      }
      expect(statuses.at(-1), statuses.join()).to.equal(429)
    })

    it('takes no password of ours of people whose domain hides it, whether they have one or not', async () => {
      const domain = `hidden-${page.replace('_', '-')}.example`
      await connect(`hidden-${page.replace('_', '-')}`, { domains: [domain], password: 'hidden' })
      const ada = await addPerson(server, { email: `ada@${domain}` })
      const { hash, verify } = server.parts.passwords
      let looked = 0
      server.parts.passwords.verify = async (...input) => {
        looked += 1
        return await verify(...input)
      }
      for (const login of [ada.email, `nobody@${domain}`]) {
        const { page: refused } = await signIn(browser(), login, ada.password)
        expect(refused.status, login).to.equal(422)
      }
      expect(looked, 'the same work for both').to.equal(0)
      expect(asked).to.have.length(2)
      Object.assign(server.parts.passwords, { hash, verify })
    })

    it('says the same of nobody there as of a wrong password, and counts both', async () => {
      const texts: string[] = []
      for (const check of [
        { kind: 'wrong', reason: 'unknown' },
        { kind: 'wrong', reason: 'wrong_password' },
        { kind: 'wrong', reason: 'ambiguous' },
      ] as const) {
        answer = () => check
        const { page: refused } = await signIn(browser(), 'somebody@corp.example')
        expect(refused.status).to.equal(422)
        texts.push(refused.text())
      }
      expect(new Set(texts)).to.have.length(1)
      const failed = await eventsOf(server, 'auth.login.failed')
      const reasons = failed.map(({ data }) => (data as { reason: string }).reason)
      expect(reasons).to.include.members(['wrong_directory_password', 'unknown_identifier'])
    })

    for (const [fault, words] of [
      ['disabled', 'has disabled your account'],
      ['expired', 'until a day that is over'],
      ['locked', 'has locked your account'],
      ['not_permitted', 'does not let you in here'],
      ['must_change_password', 'wants another password'],
      ['password_expired', 'wants another password'],
    ] as const satisfies readonly (readonly [AccountFault, string])[]) {
      it(`tells somebody whose account there is ${fault.replaceAll('_', ' ')}, in its own words`, async () => {
        answer = () => ({ kind: 'barred', fault })
        const { page: barred } = await signIn(browser(), `${fault}@corp.example`)
        expect(barred.status).to.equal(403)
        expect(barred.text()).to.include(words).and.to.include('The corp')
        expect(barred.body).to.include('id="other-way"').and.to.include('id="cancel"')
        const failed = await eventsOf(server, 'auth.login.failed')
        expect((failed.at(-1)!.data as { reason: string }).reason).to.equal(`directory_${fault}`)
      })
    }

    it('says so where the directory does not answer', async () => {
      answer = () => ({ kind: 'unavailable', reason: 'connect ECONNREFUSED 10.0.0.1:636' })
      const { page: down } = await signIn(browser(), 'waiting@corp.example')
      expect(down.status).to.equal(503)
      expect(down.text()).to.include('does not answer').and.not.to.include('10.0.0.1')
      const [event] = (await eventsOf(server, 'auth.connection.failed')).slice(-1)
      expect(event!.data).to.include({ connection: 'corp' })
      const { page: other } = await signIn(browser(), 'somebody@elsewhere.example')
      expect(other.status, 'a fallback never tells by it who is known here').to.equal(422)
    })

    it('joins an account of ours only after its owner has signed in to it', async () => {
      const ada = await addPerson(server)
      answer = () => right(`ada-there-${page}`, { email: ada.email, emailVerified: true })
      const { page: ask } = await signIn(browser(), `other-${page}@corp.example`)
      expect(stepOf(ask)).to.equal('link_account')
      expect(await listIdentitiesOfAccount(server.parts.db, ada.id)).to.be.empty
    })

    it('is asked of the directory that the application names', async () => {
      await connect(`bound-${page.replace('_', '-')}`, {})
      const bound = await addClient(server, {
        metadata: { connection: `bound-${page.replace('_', '-')}` },
      })
      const theirs = await relyingParty(server, bound)
      answer = () => ({ kind: 'wrong', reason: 'wrong_password' })
      const { page: refused } = await signIn(browser(), 'sam', RIGHT, theirs)
      expect(refused.status).to.equal(422)
      expect(asked).to.deep.equal([{ login: 'sam', password: RIGHT }])
    })

    it('is throttled like any other', async () => {
      answer = () => ({ kind: 'wrong', reason: 'wrong_password' })
      let last: Reply | undefined
      for (let i = 0; i < 12; i++) {
        last = (await signIn(browser(), `guessed-${page}@corp.example`)).page
        if (last.status === 429) break
      }
      expect(last!.status).to.equal(429)
      const before = asked.length
      await signIn(browser(), `guessed-${page}@corp.example`)
      expect(asked).to.have.length(before)
    })
  })
}

describe('Another password at a directory', function () {
  this.timeout(60_000)
  let server: AuthCore
  let party: RelyingParty
  const source = madeUpSource()
  const known = { password: 'the old one', changes: [] as object[] }
  before(async () => {
    source.directory.check = ({ password }) => {
      if (password === 'the old one' && known.password === 'the old one') {
        return { kind: 'barred', fault: 'password_expired' }
      }
      return password === known.password
        ? {
            kind: 'right',
            person: personOf('changer', { email: 'c@corp.example', emailVerified: true }),
          }
        : { kind: 'wrong', reason: 'wrong_password' }
    }
    source.directory.change = async (input) => {
      known.changes.push(input)
      if (input.current !== known.password) return { kind: 'refused', reason: 'wrong_password' }
      if (input.next.length < 8) return { kind: 'refused', reason: 'policy' }
      known.password = input.next
      return { kind: 'changed' }
    }
    server = await startAuthCore({ kinds: source.kinds })
    party = await relyingParty(server, await addClient(server))
    const definition = { kind: 'made_up_directory', domains: ['corp.example'] }
    await addConnection(server, source, 'corp', definition)
  })
  after(() => server?.stop())

  it('is given where the directory wants one, and signs in with it', async () => {
    const ours = (location: string) => !location.startsWith(server.issuer)
    const { url } = await authorizationRequest(party)
    const mind = browser()
    const login = await mind.followAll(await mind.get(url.href), ours)
    const barred = await mind.submit(login, { login: 'c@corp.example', password: 'the old one' })
    expect(barred.status).to.equal(403)
    expect(barred.body).to.include('id="change-form"')
    for (const [fields, words] of [
      [{ current: '', password: 'x' }, 'Enter both passwords'],
      [{ current: 'wrong', password: 'long enough' }, 'now is not right'],
      [{ current: 'the old one', password: 'short' }, 'not one that may be chosen'],
    ] as const) {
      const again = await mind.submit(barred, fields)
      expect(again.status).to.equal(422)
      expect(again.text(), 'the same heading').to.include('Your password has expired')
      expect(again.text()).to.include(words)
    }
    const done = await mind.followAll(
      await mind.submit(barred, { current: 'the old one', password: 'long enough' }),
      ours,
    )
    expect(stepOf(done)).to.equal('consent')
    expect(known.changes.at(-1)).to.deep.equal({
      login: 'c@corp.example',
      current: 'the old one',
      next: 'long enough',
    })
  })
})

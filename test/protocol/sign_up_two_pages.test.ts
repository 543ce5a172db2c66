import { expect } from 'chai'
import { findAccountByIdentifier } from '../../src/domain/accounts/account_store.ts'
import { issueInvitation, revokeInvitation } from '../../src/domain/accounts/invitation.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
  statementsOf,
} from '../support/authcore.ts'
import { textOf } from '../support/forms.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import { authorizationRequest, type RelyingParty, relyingParty } from '../support/relying_party.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { eventsEver, rows } from './driver.ts'

const PASSWORD = 'seven quiet lanterns'
const TERMS = '2026-11'

describe('Signing up on two pages (AUTHCORE_SIGN_IN_PAGE=identifier_first)', function () {
  this.timeout(60_000)
  let mail: SmtpSink
  let server: AuthCore
  let party: RelyingParty
  let ada: Person
  let people = 0

  before(async () => {
    mail = await startSmtp()
    server = await startAuthCore({
      worker: true,
      env: {
        ...mail.env(),
        AUTHCORE_SIGN_UP: 'open',
        AUTHCORE_SIGN_UP_DOMAINS: 'example.test',
        AUTHCORE_SIGN_IN_PAGE: 'identifier_first',
        AUTHCORE_TERMS_URI: 'https://lantern.example/terms',
        AUTHCORE_TERMS_VERSION: TERMS,
      },
    })
    party = await relyingParty(server, await addClient(server))
    ada = await addPerson(server)
  })
  after(async () => {
    await server?.stop()
    await mail?.stop()
  })

  const ours = (location: string) => !location.startsWith(server.issuer)
  const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').slice(3).join('/')
  const newAddress = () => `newcomer${++people}@example.test`
  const signIn = async (mind: Browser, params: Record<string, string> = {}) => {
    const { url } = await authorizationRequest(party, params)
    return await mind.followAll(await mind.get(url.href), ours)
  }
  const at = ({ url }: Reply, step: string) =>
    url.replace(/(interaction\/[^/]+)\/.*$/, `$1/${step}`)
  const open = async (mind: Browser, params: Record<string, string> = {}) =>
    await mind.get(at(await signIn(mind, params), 'sign_up'))
  const submit = async (mind: Browser, page: Reply, fields: Record<string, string> = {}) =>
    await mind.followAll(await mind.submit(page, fields), ours)
  const nameAnew = async (login: string) => {
    const mind = browser()
    return { mind, page: await submit(mind, await open(mind), { login }) }
  }
  const details = { name: 'Grace Example', password: PASSWORD, terms: TERMS }
  const accountOf = (canonical: string) =>
    findAccountByIdentifier(server.parts.db, { kind: 'email', canonical })
  const typed = ({ body }: Reply) => /name="login"[^>]* value="([^"]*)"/.exec(body)?.[1]

  it('asks for the address, then for the rest, and makes the account', async () => {
    const mind = browser()
    const email = newAddress()
    const first = await open(mind)
    expect(first.body).not.to.match(/type="password"|name="terms"|name="name"/)
    const second = await submit(mind, first, { login: email })
    expect(stepOf(second)).to.equal('sign_up/details')
    expect(second.url).not.to.include(email.split('@')[0])
    expect(typed(second)).to.equal(email)
    expect(second.body).to.match(/name="login"[^>]* readonly/)
    expect(textOf(second.body)).to.include('Set up your account')
    const verify = await submit(mind, second, details)
    expect(stepOf(verify)).to.equal('verify_email')
    await submit(mind, verify, { code: (await mail.next(email)).code! })
    expect(await accountOf(email)).to.deep.include({ emailVerified: true, status: 'active' })
    expect((await accountOf(email))?.claims).to.include({ name: 'Grace Example' })
  })

  it('shows no difference between an address with an account and one without', async () => {
    const bare = ({ body }: Reply) => body.replaceAll(/name="csrf" value="[^"]*"/g, '')
    const plain = ({ mind: _, page }: Awaited<ReturnType<typeof nameAnew>>, email: string) =>
      bare(page)
        .replaceAll(email, 'EMAIL')
        .replaceAll(new URL(page.url).pathname.split('/')[2]!, 'UID')
    const address = newAddress()
    const [known, unknown] = [await nameAnew(ada.email), await nameAnew(address)]
    expect(plain(known, ada.email)).to.equal(plain(unknown, address))
    const after = await Promise.all(
      [known, unknown].map(({ mind, page }) => submit(mind, page, details)),
    )
    expect(after.map(stepOf)).to.deep.equal(['verify_email', 'verify_email'])
    expect((await mail.next(ada.email)).subject).to.match(/already/i)
  })

  it('looks nobody up for the address, and writes nothing', async () => {
    // Without a worker: what it does beside the page is not of the page.
    const quiet = await startAuthCore({
      env: { AUTHCORE_SIGN_UP: 'open', AUTHCORE_SIGN_IN_PAGE: 'identifier_first' },
    })
    try {
      const { email } = await addPerson(quiet)
      const there = await relyingParty(quiet, await addClient(quiet))
      const away = (location: string) => !location.startsWith(quiet.issuer)
      const textsFor = async (login: string) => {
        const mind = browser()
        const { url } = await authorizationRequest(there)
        const page = await mind.followAll(await mind.get(url.href), away)
        const first = await mind.get(at(page, 'sign_up'))
        const { texts } = await statementsOf(async () => {
          const second = await mind.followAll(await mind.submit(first, { login }), away)
          expect(stepOf(second)).to.equal('sign_up/details')
        })
        return texts
      }
      const known = await textsFor(email)
      expect(await textsFor(newAddress())).to.deep.equal(known)
      expect(known.filter((text) => /FROM account\b|INSERT|UPDATE/.test(text))).to.deep.equal([])
    } finally {
      await quiet.stop()
    }
  })

  it('says what is wrong with an address, and goes no further', async () => {
    const mind = browser()
    const first = await open(mind)
    const refusals = async () => (await eventsEver(server, 'auth.sign_up.refused')).length
    const before = await refusals()
    for (const [login, words] of [
      [' ', 'Enter your email address.'],
      ['not an address', 'not an email address'],
      ['a@elsewhere.test', 'Accounts here are for addresses of certain organizations'],
    ] as const) {
      const again = await mind.submit(first, { login })
      expect(again.status, login).to.equal(422)
      expect(textOf(again.body)).to.include(words)
      expect(again.body).to.include('id="next"')
    }
    expect(await refusals(), 'of the other domain').to.equal(before + 1)
    expect(
      stepOf(await mind.followAll(await mind.get(at(first, 'sign_up/details')), ours)),
    ).to.equal('sign_up')
  })

  it('asks for what is missing on the second page, and keeps the address', async () => {
    const email = newAddress()
    const { mind, page } = await nameAnew(email)
    for (const [fields, words] of [
      [{ ...details, password: '' }, 'Choose a password.'],
      [{ ...details, password: 'short' }, '15 characters are the least'],
      [{ ...details, terms: '' }, 'Accept the terms of use'],
    ] as const) {
      const again = await mind.submit(page, fields)
      expect(again.status, words).to.equal(422)
      expect(textOf(again.body)).to.include(words)
      expect(typed(again)).to.equal(email)
      expect(again.body).to.include('value="Grace Example"')
    }
  })

  it('leads back to the address, filled in, and goes on with another', async () => {
    const [wrong, right] = [newAddress(), newAddress()]
    const { mind, page } = await nameAnew(wrong)
    expect(page.body).to.include('id="other-address"').and.include('Use another address')
    const first = await mind.get(at(page, 'sign_up'))
    expect(typed(first)).to.equal(wrong)
    const second = await submit(mind, first, { login: right })
    expect(typed(second)).to.equal(right)
    await submit(mind, second, details)
    expect((await mail.next(right)).code).to.be.a('string')
  })

  it('signs nobody up with an address that another tab has named, nor one typed into the form', async () => {
    const [mine, other] = [newAddress(), newAddress()]
    const { mind, page } = await nameAnew(mine)
    await submit(mind, await mind.get(at(page, 'sign_up')), { login: other })
    expect((await mind.submit(page, details)).body).to.include('id="restart"')
    const second = await mind.get(at(page, 'sign_up/details'))
    const verify = await submit(mind, second, { ...details, login: mine })
    expect(verify.body).to.include(other).and.not.include(mine)
  })

  it('begins with the address where the cookie is of another sign-in', async () => {
    const { mind, page } = await nameAnew(newAddress())
    const kept = (await mind.jar.getCookies(page.url)).find(
      ({ key }) => key === 'authcore_newcomer',
    )
    expect(kept?.httpOnly).to.equal(true)
    const other = browser()
    const second = at(await open(other), 'sign_up/details')
    await other.jar.setCookie(`authcore_newcomer=${kept!.value}; Path=/`, second)
    const reply = await other.followAll(await other.get(second), ours)
    expect(stepOf(reply)).to.equal('sign_up')
    expect(typed(reply)).to.equal('')
  })

  describe('from the sign-in', () => {
    it('takes along the address that was typed', async () => {
      const mind = browser()
      const email = newAddress()
      const first = await signIn(mind)
      const signUp = await submit(mind, first, { login: email, to: 'sign_up' })
      expect(stepOf(signUp)).to.equal('sign_up')
      expect(typed(signUp)).to.equal(email)
    })

    it('offers an account beside the password too, whoever was named', async () => {
      for (const login of [ada.email, newAddress()]) {
        const mind = browser()
        const page = await submit(mind, await signIn(mind), { login })
        expect(stepOf(page)).to.equal('password')
        expect(page.body).to.include('id="sign-up"')
        expect(typed(await mind.get(at(page, 'sign_up')))).to.equal(login)
      }
    })

    it('takes along no username, and nothing where nothing was typed', async () => {
      for (const login of ['grace', '', '12345']) {
        const mind = browser()
        const signUp = await submit(mind, await signIn(mind), { login, to: 'sign_up' })
        expect(stepOf(signUp)).to.equal('sign_up')
        expect(typed(signUp), login).to.equal('')
      }
    })

    it('fills in what the application knows', async () => {
      const email = newAddress()
      expect(typed(await open(browser(), { login_hint: email }))).to.equal(email)
    })
  })

  describe('by an invitation', () => {
    const accept = async (email?: string) => {
      const { token, invitation } = await issueInvitation(server.parts, {
        email,
        lifeS: 3_600,
        by: 'test',
      })
      const mind = browser()
      const link = await mind.get(`${server.issuer}/invitation?link=${token}`)
      return { mind, page: await submit(mind, link), invitation }
    }

    it('has the second page alone where it names the address', async () => {
      const email = 'invited@elsewhere.test'
      const { mind, page } = await accept(email)
      expect(stepOf(page)).to.equal('sign_up/details')
      expect(page.body)
        .to.match(/name="login"[^>]* readonly/)
        .and.not.include('id="other-address"')
      await submit(mind, page, { ...details, login: newAddress() })
      expect((await mail.next(email)).code).to.be.a('string')
    })

    it('asks for the address where it names none, of whatever domain', async () => {
      const email = 'anyone@elsewhere.test'
      const { mind, page } = await accept()
      expect(stepOf(page)).to.equal('sign_up')
      await submit(mind, await submit(mind, page, { login: email }), details)
      expect((await mail.next(email)).code).to.be.a('string')
    })

    it('begins with the address once it is over', async () => {
      const { mind, page, invitation } = await accept('revoked@elsewhere.test')
      await revokeInvitation(server.parts, { id: invitation.id, by: 'test' })
      const reply = await submit(mind, page, details)
      expect(stepOf(reply)).to.equal('sign_up')
      expect(typed(reply)).to.equal('')
    })
  })

  it('wants a proof of work on the second page, where there is one', async () => {
    const env = {
      AUTHCORE_SIGN_UP: 'open',
      AUTHCORE_SIGN_IN_PAGE: 'identifier_first',
      AUTHCORE_PROOF_OF_WORK: 'on',
      AUTHCORE_PROOF_OF_WORK_ROUNDS: '50',
    }
    const strict = await startAuthCore({ env })
    try {
      const away = (location: string) => !location.startsWith(strict.issuer)
      const there = await relyingParty(strict, await addClient(strict))
      const { url } = await authorizationRequest(there)
      const mind = browser()
      const login = await mind.followAll(await mind.get(url.href), away)
      const first = await mind.get(at(login, 'sign_up'))
      expect(first.body).not.to.include('data-challenge')
      const reply = await mind.submit(first, { login: newAddress() })
      const second = await mind.followAll(reply, away)
      expect(second.body).to.include('data-challenge')
      const refused = await mind.submit(second, { password: PASSWORD })
      expect(refused.status).to.equal(422)
      expect(textOf(refused.body)).to.include('no robot')
      expect(await rows(strict.parts.db, 'SELECT 1 FROM one_time_code')).to.deep.equal([])
    } finally {
      await strict.stop()
    }
  })

  it('is refused at both pages where it is not open', async () => {
    const closed = await startAuthCore({ env: { AUTHCORE_SIGN_IN_PAGE: 'identifier_first' } })
    try {
      const away = (location: string) => !location.startsWith(closed.issuer)
      const there = await relyingParty(closed, await addClient(closed))
      const { url } = await authorizationRequest(there)
      const mind = browser()
      const login = await mind.followAll(await mind.get(url.href), away)
      expect(login.body).not.to.include('sign_up')
      for (const step of ['sign_up', 'sign_up/details']) {
        const page = await mind.followAll(await mind.get(at(login, step)), away)
        expect(stepOf(page), step).to.equal('login')
      }
      const fields = { csrf: 'x', login: newAddress(), password: PASSWORD }
      expect((await mind.post(at(login, 'sign_up'), fields)).status).to.equal(303)
      expect(await rows(closed.parts.db, 'SELECT 1 FROM one_time_code')).to.deep.equal([])
    } finally {
      await closed.stop()
    }
  })
})

import { expect } from 'chai'
import { disableAccount } from '../../src/domain/accounts/block_account.ts'
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

const NOBODY = 'nobody@example.test'

describe('Signing in on two pages (AUTHCORE_SIGN_IN_PAGE=identifier_first)', function () {
  this.timeout(60_000)
  let server: AuthCore
  let party: RelyingParty
  let ada: Person

  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_SIGN_IN_PAGE: 'identifier_first' } })
    party = await relyingParty(server, await addClient(server))
    ada = await addPerson(server)
  })
  after(() => server?.stop())

  const ours = (location: string) => !location.startsWith(server.issuer)
  const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)
  const begin = async (mind: Browser, params: Record<string, string> = {}) => {
    const { url } = await authorizationRequest(party, params)
    return await mind.followAll(await mind.get(url.href), ours)
  }
  const name = async (mind: Browser, first: Reply, login: string) =>
    await mind.followAll(await mind.submit(first, { login }), ours)
  const nameAnew = async (login: string) => {
    const mind = browser()
    return { mind, page: await name(mind, await begin(mind), login) }
  }
  const refusal = async (login: string) => {
    const { mind, page } = await nameAnew(login)
    const refused = await mind.submit(page, { password: 'not this one' })
    return { page, refused, shown: textOf(refused.body), before: textOf(page.body) }
  }

  it('asks for the name, then for the password, and goes on', async () => {
    const mind = browser()
    const first = await begin(mind)
    expect(first.body).to.include('id="next"').and.not.include('type="password"')
    const second = await name(mind, first, ada.email)
    expect(stepOf(second)).to.equal('password')
    expect(second.url).not.to.include(ada.email.split('@')[0])
    expect(second.body).to.match(/readonly autocomplete="username"/)
    const accepted = await mind.submit(second, { password: ada.password })
    expect((await mind.followAll(accepted, ours)).body).to.include('id="allow"')
  })

  it('fills the name in where the application knows it', async () => {
    const first = await begin(browser(), { login_hint: ada.email })
    expect(first.body).to.include(`value="${ada.email}"`)
  })

  it('shows no difference between somebody, nobody and a name that nobody can have', async () => {
    const disabled = await addPerson(server)
    await disableAccount(server.parts, disabled.id)
    const known = await refusal(ada.email)
    for (const login of [NOBODY, disabled.email, 'no such name!']) {
      const other = await refusal(login)
      expect(other.page.status).to.equal(known.page.status)
      expect(other.before).to.equal(known.before)
      expect(other.refused.status).to.equal(known.refused.status).and.to.equal(422)
      expect(other.shown).to.equal(known.shown)
    }
  })

  it('looks nobody up for the name', async () => {
    const textsFor = async (login: string) => {
      const mind = browser()
      const first = await begin(mind)
      return (await statementsOf(() => name(mind, first, login))).texts
    }
    const known = await textsFor(ada.email)
    expect(await textsFor(NOBODY)).to.deep.equal(known)
    expect(known.filter((text) => /FROM account\b/.test(text))).to.deep.equal([])
  })

  it('asks for a name that is not there', async () => {
    const mind = browser()
    const again = await mind.submit(await begin(mind), { login: ' ' })
    expect(again.status).to.equal(422)
    expect(textOf(again.body)).to.include('Enter your email or username.')
  })

  it('begins with the name where nobody was named, or the cookie is of another sign-in', async () => {
    const mind = browser()
    const first = await begin(mind)
    const path = first.url.replace(/login$/, 'password')
    expect(stepOf(await mind.followAll(await mind.get(path), ours))).to.equal('login')
    const { page } = await nameAnew(ada.email)
    const [cookie = ''] = [page.headers['set-cookie']].flat()
    const foreign = await mind.get(path, { headers: { cookie } })
    expect(foreign.status).not.to.equal(200)
  })

  it('tries no password for whom another tab has named', async () => {
    const { mind, page } = await nameAnew(ada.email)
    await name(mind, await mind.get(page.url.replace(/password$/, 'login')), NOBODY)
    const lost = await mind.submit(page, { password: ada.password })
    expect(lost.body).to.include('id="restart"')
    expect(lost.body).not.to.include('id="allow"')
  })

  it('has no second page where there is one for both', async () => {
    const plain = await startAuthCore()
    try {
      const other = await relyingParty(plain, await addClient(plain))
      const mind = browser()
      const stop = (location: string) => !location.startsWith(plain.issuer)
      const { url } = await authorizationRequest(other)
      const first = await mind.followAll(await mind.get(url.href), stop)
      const second = await mind.followAll(
        await mind.get(first.url.replace(/login$/, 'password')),
        stop,
      )
      expect(stepOf(second)).to.equal('login')
      expect(second.body).to.include('type="password"')
    } finally {
      await plain.stop()
    }
  })
})

import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { disableAccount } from '../../src/domain/accounts/block_account.ts'
import { createAccount } from '../../src/domain/accounts/create_account.ts'
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
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { eventsEver, exchangeFields, expectTokens, post, type TestClient } from './driver.ts'

const TELL = JSON.stringify({ id_token: { acr: null, amr: null } })

for (const way of ['code', 'link'] as const) {
  describe(`Signing in by mail, with a ${way}`, function () {
    this.timeout(60_000)
    let mail: SmtpSink
    let server: AuthCore
    let client: TestClient
    let party: RelyingParty

    before(async () => {
      mail = await startSmtp()
      const env = { ...mail.env(), AUTHCORE_EMAIL_SIGN_IN: way }
      server = await startAuthCore({ worker: true, env })
      client = await addClient(server)
      party = await relyingParty(server, client)
    })
    after(async () => {
      await server?.stop()
      await mail?.stop()
    })

    const ours = (location: string) => !location.startsWith(server.issuer)
    const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)
    const begin = async (mind: Browser) => {
      const { url, checks } = await authorizationRequest(party, { claims: TELL })
      const login = await mind.followAll(await mind.get(url.href), ours)
      expect(login.body).to.include('id="email-sign-in"')
      return { ask: await mind.get(login.url.replace(/login$/, 'email_sign_in')), checks }
    }
    const ask = async (mind: Browser, login: string) => {
      const { ask, checks } = await begin(mind)
      return { page: await mind.submit(ask, { login }), checks }
    }
    /** The code, and the page to type it in: by the link it is filled in already. */
    const received = async (mind: Browser, { email }: Person, page: Reply) => {
      const { code, link } = await mail.next(email)
      if (way === 'code') return { page, code: code! }
      const filled = await mind.get(link!)
      return { page: filled, code: filled.forms()[0]!.fields.get('code')! }
    }
    const enter = async (mind: Browser, page: Reply, code: string) =>
      await mind.followAll(await mind.submit(page, { code }), ours)

    it('is one factor, told as such', async () => {
      const ada = await addPerson(server)
      const mind = browser()
      const asked = await ask(mind, ada.email.split('@')[0]!)
      const { page, code } = await received(mind, ada, asked.page)
      const consent = await enter(mind, page, code)
      expect(stepOf(consent)).to.equal('consent')
      const callback = await goThrough(mind, consent, ada, server.issuer)
      const fields = exchangeFields({ callback, checks: asked.checks })
      const tokens = expectTokens(await post(server, '/token', client, fields))
      expect(decodeJwt(tokens.id_token!)).to.deep.include({
        sub: ada.id,
        acr: 'urn:authcore:acr:pwd',
        amr: ['email'],
      })
    })

    it('is followed by a second factor, and is none itself', async () => {
      const ada = await addPerson(server)
      const { parts } = server
      const secret = await beginTotpEnrolment(parts, ada.id)
      const now = parts.clock.now()
      const first = totpCodeAt(secret, now)
      await confirmTotpEnrolment(parts, { accountId: ada.id, code: first, origin: {} })
      expect((await mail.next(ada.email)).subject, 'the notice of it').to.include('was added')
      const mind = browser()
      const asked = await ask(mind, ada.email)
      const { page, code } = await received(mind, ada, asked.page)
      const factor = await enter(mind, page, code)
      expect(stepOf(factor)).to.equal('second_factor')
      const next = totpCodeAt(secret, new Date(now.getTime() + 30_000))
      expect(stepOf(await enter(mind, factor, next))).to.equal('consent')
    })

    it('works once, in the browser that asked, five tries long, and only the newest', async () => {
      const ada = await addPerson(server)
      const [mine, theirs] = [browser(), browser()]
      const asked = await ask(mine, ada.email)
      const other = await ask(theirs, 'nobody@example.test')
      const { page, code } = await received(mine, ada, asked.page)
      expect((await theirs.submit(other.page, { code })).status).to.equal(422)
      const all = await Promise.all(Array.from({ length: 5 }, () => mine.submit(page, { code })))
      expect(all.filter(({ status }) => status === 200)).to.have.length(1)

      const again = browser()
      const old = await ask(again, ada.email)
      const first = await received(again, ada, old.page)
      const fresh = await again.submit(
        await again.get(old.page.url.replace(/email_sign_in$/, 'email_sign_in')),
        { login: ada.email },
      )
      const second = await received(again, ada, fresh)
      expect((await again.submit(second.page, { code: first.code })).status).to.equal(422)
      for (let i = 0; i < 4; i += 1) await again.submit(second.page, { code: '00000000' })
      expect((await again.submit(second.page, { code: second.code })).status).to.equal(422)
      const failed = await eventsEver(server, 'auth.login.failed')
      const reasons = failed.map(({ data }) => (data as { reason: string }).reason)
      expect(reasons).to.include('wrong_email_code')
    })

    it('says the same to everybody, and writes to those who are there', async () => {
      const ada = await addPerson(server)
      const gone = await addPerson(server)
      await disableAccount(server.parts, gone.id)
      const unproven = await createAccount(server.parts, { email: 'unproven@example.test' })
      const seen = new Set<string>()
      for (const login of [ada.email, gone.email, unproven.email!, 'nobody', ' ?? ']) {
        const mind = browser()
        const { ask } = await begin(mind)
        const reply = await mind.submit(ask, { login })
        seen.add(`${reply.status} ${reply.text()}`)
      }
      expect(seen.size).to.equal(1)
      await mail.next(ada.email)
      expect(mail.received.flatMap(({ to }) => to)).not.to.include.members([gone.email])
      expect(mail.received.flatMap(({ to }) => to)).not.to.include('unproven@example.test')
    })

    if (way === 'link') {
      it('is used up by no mail scanner, which sees the code to type elsewhere', async () => {
        const ada = await addPerson(server)
        const mind = browser()
        await ask(mind, ada.email)
        const { link } = await mail.next(ada.email)
        const scanner = await browser().get(link!)
        expect(scanner.status).to.equal(200)
        const code = scanner.text().match(/\d{4} \d{4}/)![0]
        expect(stepOf(await enter(mind, await mind.get(link!), code))).to.equal('consent')
      })
    }
  })
}

describe('Signing in by mail where it is off', function () {
  this.timeout(60_000)
  let server: AuthCore
  let party: RelyingParty
  before(async () => {
    server = await startAuthCore()
    party = await relyingParty(server, await addClient(server))
  })
  after(() => server?.stop())

  it('is not offered, and not done', async () => {
    const mind = browser()
    const { url } = await authorizationRequest(party)
    const login = await mind.followAll(await mind.get(url.href))
    expect(login.body).not.to.include('email-sign-in')
    const at = login.url.replace(/login$/, 'email_sign_in')
    expect((await mind.followAll(await mind.get(at))).url).to.equal(login.url)
  })
})

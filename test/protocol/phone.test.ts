import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { createAccount } from '../../src/domain/accounts/create_account.ts'
import { setSmsFactor } from '../../src/domain/authentication/sms_factor.ts'
import {
  beginTotpEnrolment,
  confirmTotpEnrolment,
} from '../../src/domain/credentials/totp/enrol_totp.ts'
import { totpCodeAt } from '../../src/domain/credentials/totp/totp.ts'
import { query } from '../../src/platform/persistence/db.ts'
import {
  type AuthCore,
  addClient,
  PASSWORD,
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
import { type SmsSink, startSms } from '../support/sms.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import {
  eventsEver,
  exchangeFields,
  expectTokens,
  post,
  type TestClient,
  userinfo,
} from './driver.ts'

/** A telephone number as a name, as the way of a code, and as a second factor. */

const TELL = JSON.stringify({ id_token: { acr: null, amr: null } })
const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)
let numbers = 1_234_000
const newNumber = () => `+49171${++numbers}`

type Someone = Person & { phone: string }

describe('A telephone number', function () {
  this.timeout(90_000)
  let mail: SmtpSink
  let sms: SmsSink
  let server: AuthCore
  let client: TestClient
  let party: RelyingParty

  before(async () => {
    mail = await startSmtp()
    sms = await startSms()
    server = await startAuthCore({
      worker: true,
      env: {
        ...mail.env(),
        ...sms.env(),
        AUTHCORE_SMS_SIGN_IN: 'code',
        AUTHCORE_PHONE_COUNTRY: 'DE',
        AUTHCORE_SMS_COUNTRIES: 'DE',
      },
    })
    client = await addClient(server)
    party = await relyingParty(server, client)
  })
  after(async () => {
    await server?.stop()
    await mail?.stop()
    sms?.stop()
  })

  const codesTo = (phone: string) =>
    sms.received.filter(({ to, code }) => to === phone && code !== undefined)
  const ours = (location: string) => !location.startsWith(server.issuer)
  const addSomeone = async ({ email, ...more }: { email?: string; phone?: string } = {}) => {
    const { parts } = server
    const phone = more.phone ?? newNumber()
    const passwordHash = await parts.passwords.hash(PASSWORD)
    const { id } = await createAccount(parts, {
      phone,
      phoneVerified: true,
      ...(email === undefined ? {} : { email, emailVerified: true }),
      passwordHash,
    })
    return { id, email: email ?? phone, phone, password: PASSWORD } as Someone
  }
  const open = async (mind: Browser) => {
    const { url, checks } = await authorizationRequest(party, {
      claims: TELL,
      scope: 'openid phone',
    })
    return { page: await mind.followAll(await mind.get(url.href), ours), checks }
  }
  const submit = async (mind: Browser, page: Reply, fields: Record<string, string>) =>
    await mind.followAll(await mind.submit(page, fields), ours)
  const beside = (page: Reply, name: string) => `${page.url.replace(/[^/]+$/, '')}${name}`
  /** To the page that asks for the code. */
  const askForCode = async (mind: Browser, login: string) => {
    const { page, checks } = await open(mind)
    const ask = await mind.get(beside(page, 'email_sign_in'))
    return { page: await mind.submit(ask, { login }), checks }
  }
  const addTotp = async ({ id: accountId }: Person) => {
    const { parts } = server
    const secret = await beginTotpEnrolment(parts, accountId)
    const code = totpCodeAt(secret, parts.clock.now())
    await confirmTotpEnrolment(parts, { accountId, code, origin: {} })
  }
  /** To the page of the second factor. */
  const withPassword = async (mind: Browser, { phone: login, password }: Someone) => {
    const { page, checks } = await open(mind)
    return { page: await submit(mind, page, { login, password }), checks }
  }

  it('is a name to sign in with, as it is dialled there too, and is told as a claim', async () => {
    const ada = await addSomeone()
    const mind = browser()
    const { page, checks } = await open(mind)
    expect(page.body).to.include('Email, phone or username')
    const login = ada.phone.replace('+49', '0').replace('171', '171 ')
    const consent = await submit(mind, page, { login, password: ada.password })
    const callback = await goThrough(mind, consent, ada, server.issuer)
    const fields = exchangeFields({ callback, checks })
    const tokens = expectTokens(await post(server, '/token', client, fields))
    expect(decodeJwt(tokens.id_token!)).to.deep.include({ sub: ada.id, amr: ['pwd'] })
    const claims = await userinfo(server, tokens.access_token)
    expect(claims.json()).to.include({ phone_number: ada.phone, phone_number_verified: true })
  })

  it('gets a code to sign in by, which is one factor and told as such', async () => {
    const ada = await addSomeone()
    const mind = browser()
    const { page, checks } = await askForCode(mind, ada.phone)
    const { code } = await sms.next(ada.phone, 'sign_in_code')
    const consent = await submit(mind, page, { code: code! })
    const callback = await goThrough(mind, consent, ada, server.issuer)
    const fields = exchangeFields({ callback, checks })
    const tokens = expectTokens(await post(server, '/token', client, fields))
    expect(decodeJwt(tokens.id_token!)).to.deep.include({
      sub: ada.id,
      acr: 'urn:authcore:acr:pwd',
      amr: ['sms'],
    })
  })

  it('gets no code that is of nobody, not proven, or of a country that gets none; the page says the same', async () => {
    const { parts } = server
    const unproven = newNumber()
    await createAccount(parts, { phone: unproven })
    const abroad = '+12133734253'
    await createAccount(parts, { phone: abroad, phoneVerified: true })
    const ada = await addSomeone()
    const pages = []
    for (const login of [unproven, abroad, newNumber(), ada.phone]) {
      const { page } = await askForCode(browser(), login)
      pages.push({ status: page.status, text: page.body.replace(/"[^"]{20,}"/g, '') })
    }
    await sms.next(ada.phone, 'sign_in_code')
    for (const page of pages) {
      expect(page.status).to.equal(pages[0]!.status)
      expect(page.text.replace(/interaction\/[^/"]+/g, '')).to.equal(
        pages[0]!.text.replace(/interaction\/[^/"]+/g, ''),
      )
    }
    expect(sms.received.map(({ to }) => to)).not.to.include.members([unproven])
    expect(sms.received.map(({ to }) => to)).not.to.include.members([abroad])
  })

  it('recovers a password where there is no mailbox, and leaves it to the mailbox otherwise', async () => {
    const ada = await addSomeone()
    const mind = browser()
    const { page } = await open(mind)
    const forgot = await mind.get(beside(page, 'forgot_password'))
    const reset = await mind.submit(forgot, { login: ada.phone })
    const { code } = await sms.next(ada.phone, 'reset_password')
    const password = 'nine patient harbours'
    const changed = await mind.submit(reset, { code: code!, password })
    expect(changed.body).to.include('id="password-changed"')
    expect(stepOf((await withPassword(browser(), { ...ada, password })).page)).to.equal('consent')

    const grace = await addSomeone({ email: 'grace@example.test' })
    const other = browser()
    const again = await other.get(beside((await open(other)).page, 'forgot_password'))
    await other.submit(again, { login: grace.phone })
    expect((await mail.next('grace@example.test')).code).to.be.a('string')
    expect(codesTo(grace.phone)).to.deep.equal([])
  })

  describe('as a second factor', () => {
    const enrol = async (someone: Someone) => {
      const on = { accountId: someone.id, on: true, origin: {} }
      expect(await setSmsFactor(server.parts, on)).to.equal(true)
    }

    it('stands beside another one, and its code works once', async () => {
      const ada = await addSomeone()
      await addTotp(ada)
      await enrol(ada)
      const mind = browser()
      const { page, checks } = await withPassword(mind, ada)
      expect(stepOf(page)).to.equal('second_factor')
      const choice = await mind.get(`${page.url}?method=sms`)
      expect(choice.body).to.include('+49…')
      expect(choice.body).not.to.include(ada.phone)
      expect(codesTo(ada.phone)).to.deep.equal([])
      const sent = await mind.submit(choice, {})
      const { code } = await sms.next(ada.phone, 'second_factor_code')
      const wrong = await mind.submit(sent, { code: '0000-0000' })
      expect(wrong.status).to.equal(422)
      const consent = await submit(mind, wrong, { code: code! })
      const callback = await goThrough(mind, consent, ada, server.issuer)
      const fields = exchangeFields({ callback, checks })
      const tokens = expectTokens(await post(server, '/token', client, fields))
      expect(decodeJwt(tokens.id_token!)).to.deep.include({
        acr: 'urn:authcore:acr:mfa',
        amr: ['pwd', 'sms', 'mfa'],
      })
      const [told] = await eventsEver(server, 'auth.login.second_factor_code_sent')
      expect(told?.subject).to.equal(ada.id)
    })

    it('is another account’s and another sign-in’s never', async () => {
      const [ada, eve] = [await addSomeone(), await addSomeone()]
      for (const each of [ada, eve]) {
        await addTotp(each)
        await enrol(each)
      }
      const begin = async (who: Someone) => {
        const mind = browser()
        const { page } = await withPassword(mind, who)
        const choice = await mind.get(`${page.url}?method=sms`)
        return { mind, page: await mind.submit(choice, {}) }
      }
      const hers = await begin(ada)
      const { code } = await sms.next(ada.phone, 'second_factor_code')
      const theirs = await begin(eve)
      await sms.next(eve.phone, 'second_factor_code')
      expect((await theirs.mind.submit(theirs.page, { code: code! })).status).to.equal(422)
      expect(stepOf(await submit(hers.mind, hers.page, { code: code! }))).to.equal('consent')
    })

    it('is asked of nobody who has nothing else', async () => {
      const ada = await addSomeone()
      await enrol(ada)
      expect(stepOf((await withPassword(browser(), ada)).page)).to.equal('consent')
    })

    it('takes the number out of what signs in or recovers alone', async () => {
      const ada = await addSomeone()
      await addTotp(ada)
      await enrol(ada)
      const mind = browser()
      await askForCode(mind, ada.phone)
      const forgot = await mind.get(beside((await open(mind)).page, 'forgot_password'))
      await mind.submit(forgot, { login: ada.phone })
      const bob = await addSomeone()
      await askForCode(browser(), bob.phone)
      await sms.next(bob.phone, 'sign_in_code')
      expect(codesTo(ada.phone)).to.deep.equal([])
    })

    it('counts wrong codes on the account, and tells nobody to wait for another way', async () => {
      const ada = await addSomeone()
      await addTotp(ada)
      await enrol(ada)
      const mind = browser()
      const { page } = await withPassword(mind, ada)
      let last = await mind.submit(await mind.get(`${page.url}?method=sms`), {})
      for (let tries = 0; tries < 4; tries += 1) {
        last = await mind.submit(last, { code: '0000-0000' })
        expect(last.status).to.equal(422)
      }
      expect(last.body).to.include('id="use-totp"')
      const [guard] = await query<{ failures: number }>(
        server.parts.db,
        `SELECT failures FROM factor_guard WHERE account_id = $1 AND kind = 'sms'`,
        [ada.id],
      )
      expect(guard?.failures).to.equal(4)
      expect(stepOf(await submit(mind, last, { code: '0000-0000' }))).to.equal('login')
    })
  })
})

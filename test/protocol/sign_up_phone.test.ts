import { expect } from 'chai'
import { findAccountByIdentifier } from '../../src/domain/accounts/account_store.ts'
import { createAccount } from '../../src/domain/accounts/create_account.ts'
import { issueInvitation } from '../../src/domain/accounts/invitation.ts'
import { type AuthCore, addClient, addPerson, startAuthCore } from '../support/authcore.ts'
import { atOnce, type Browser, browser, type Reply } from '../support/http.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import { type SmsSink, startSms } from '../support/sms.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { eventsEver, rows } from './driver.ts'

/** Making an account with a telephone number: its SMS goes through a real HTTP hook. */

const PASSWORD = 'seven quiet lanterns'
let numbers = 2_345_000
const newNumber = () => `+49171${++numbers}`

for (const by of ['phone', 'email_or_phone'] as const) {
  describe(`Signing up by ${by}`, function () {
    this.timeout(60_000)
    let mail: SmtpSink
    let sms: SmsSink
    let server: AuthCore
    let party: RelyingParty

    before(async () => {
      mail = await startSmtp()
      sms = await startSms()
      const env = {
        ...mail.env(),
        ...sms.env(),
        AUTHCORE_SIGN_UP: 'open',
        AUTHCORE_SIGN_UP_BY: by,
        AUTHCORE_PHONE_COUNTRY: 'DE',
        AUTHCORE_SMS_COUNTRIES: 'DE',
      }
      server = await startAuthCore({ worker: true, env })
      party = await relyingParty(server, await addClient(server))
    })
    after(async () => {
      await server?.stop()
      await mail?.stop()
      sms?.stop()
    })

    const ours = (location: string) => !location.startsWith(server.issuer)
    const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)
    const open = async (mind: Browser, more: Record<string, string> = {}): Promise<Reply> => {
      const { url } = await authorizationRequest(party, more)
      const login = await mind.followAll(await mind.get(url.href), ours)
      return await mind.get(login.url.replace(/login$/, 'sign_up'))
    }
    const submit = async (mind: Browser, page: Reply, fields: Record<string, string>) =>
      await mind.followAll(await mind.submit(page, fields), ours)
    const begin = async (mind: Browser, login: string) =>
      await submit(mind, await open(mind), { login, name: 'Grace Example', password: PASSWORD })
    const accountOf = (phone: string) =>
      findAccountByIdentifier(server.parts.db, { kind: 'phone', canonical: phone })
    const codeTo = async (phone: string) => (await sms.next(phone, 'verify_phone')).code!
    const sentTo = (phone: string) => sms.received.filter(({ to }) => to === phone)

    it('makes the account once its number is proven, and signs it in', async () => {
      const mind = browser()
      const phone = newNumber()
      const page = await begin(mind, phone.replace('+49171', '0171 '))
      expect(stepOf(page)).to.equal('verify_phone')
      expect(page.text()).to.include('Check your phone').and.to.include(phone)
      expect(await accountOf(phone), 'before the code').to.equal(undefined)
      const consent = await submit(mind, page, { code: await codeTo(phone) })
      expect(stepOf(consent)).to.equal('consent')
      const account = await accountOf(phone)
      expect(account).to.deep.include({ phoneVerified: true, emailVerified: false })
      expect(account?.email).to.equal(undefined)
      expect(account?.claims).to.include({ name: 'Grace Example' })
      const person = { id: account!.id, email: phone, password: PASSWORD }
      await goThrough(mind, consent, person, server.issuer)
      const again = browser()
      const { url } = await authorizationRequest(party)
      const login = await again.followAll(await again.get(url.href), ours)
      await goThrough(again, login, person, server.issuer)
    })

    it('answers somebody who has an account like anybody, and tells the owner', async () => {
      const [taken, unproven, free] = [newNumber(), newNumber(), newNumber()]
      await createAccount(server.parts, { phone: taken, phoneVerified: true })
      await createAccount(server.parts, { phone: unproven })
      const pages: string[] = []
      for (const phone of [taken, unproven, free]) {
        const { body, url } = await begin(browser(), phone)
        pages.push(
          body
            .replaceAll(phone, 'PHONE')
            .replaceAll(new URL(url).pathname.split('/')[2]!, 'UID')
            .replaceAll(/name="csrf" value="[^"]*"/g, ''),
        )
      }
      expect(new Set(pages).size).to.equal(1)
      await codeTo(free)
      for (const phone of [taken, unproven]) await sms.next(phone, 'already_registered')
      expect(sentTo(taken).map(({ code }) => code)).to.deep.equal([undefined])
    })

    it('is worth one account, however many send the code at once', async () => {
      const mind = browser()
      const phone = newNumber()
      const page = await begin(mind, phone)
      const code = await codeTo(phone)
      await atOnce(20, (gate) => mind.submit(page, { code }, { gate }))
      const found = await rows(server.parts.db, 'SELECT id FROM account WHERE phone = $1', [phone])
      expect(found).to.have.length(1)
    })

    it('takes no code of another browser, and none that was replaced', async () => {
      const [ada, eve] = [browser(), browser()]
      const [one, two] = [newNumber(), newNumber()]
      const adas = await begin(ada, one)
      const eves = await begin(eve, two)
      const first = await codeTo(one)
      expect((await eve.submit(eves, { code: first })).status).to.equal(422)
      const resend = ({ action }: { action: string }) => action.endsWith('verify_phone/resend')
      const resent = await ada.submit(adas, {}, { form: resend })
      expect(resent.body).to.include('id="resent"')
      const second = await codeTo(one)
      expect((await ada.submit(adas, { code: first })).status).to.equal(422)
      expect(stepOf(await submit(ada, adas, { code: second }))).to.equal('consent')
    })

    it('refuses a number that somebody has proven meanwhile', async () => {
      const mind = browser()
      const phone = newNumber()
      const page = await begin(mind, phone)
      const code = await codeTo(phone)
      await createAccount(server.parts, { phone, phoneVerified: true })
      expect((await mind.submit(page, { code })).status).to.equal(422)
      const refused = await eventsEver(server, 'auth.sign_up.refused')
      expect(refused.map(({ data }) => (data as { reason: string }).reason)).to.include(
        'address_taken',
      )
    })

    it('says what is wrong with a number, and sends nothing', async () => {
      const mind = browser()
      const page = await open(mind)
      // A message of the tests before may still be on its way to one of their numbers.
      const before = new Set(sms.received.map(({ to }) => to))
      const none = by === 'phone' ? 'not a phone number' : 'neither an email address nor a phone'
      for (const [login, words] of [
        ['', by === 'phone' ? 'Enter your phone number' : 'Enter your email address or phone'],
        ['017', none],
        ['ada', none],
        ['+49171234567x89', none],
        ['+12133734253', 'We can’t send messages to that country'],
      ] as const) {
        const reply = await mind.submit(page, { login, password: PASSWORD })
        expect(reply.status, login).to.equal(422)
        expect(reply.text()).to.include(words)
      }
      const phone = newNumber()
      const guessable = await mind.submit(page, { login: phone, password: `x${phone}yz` })
      expect(guessable.text()).to.include('Leave out your name')
      expect(sms.received.filter(({ to }) => !before.has(to))).to.deep.equal([])
      const refused = await eventsEver(server, 'auth.sign_up.refused')
      expect(refused.map(({ data }) => (data as { reason: string }).reason)).to.include(
        'other_country',
      )
    })

    it('leaves a telephone in peace after five codes in an hour', async () => {
      const phone = newNumber()
      for (let i = 0; i < 7; i += 1) await begin(browser(), phone)
      for (let i = 0; i < 5; i += 1) await codeTo(phone)
      const sent = await rows(server.parts.db, 'SELECT 1 FROM message WHERE recipient = $1', [
        phone,
      ])
      expect(sent).to.have.length(5)
    })

    it('begins with the hint of the application where it is a number', async () => {
      const phone = newNumber()
      const page = await open(browser(), { login_hint: phone })
      expect(page.body).to.include(`value="${phone}"`)
      const other = await open(browser(), { login_hint: 'ada' })
      expect(other.body).not.to.include('value="ada"')
    })

    it('leaves the address of an invitation what it is', async () => {
      const email = `invited.${by}@example.test`
      const { token } = await issueInvitation(server.parts, { email, lifeS: 3_600, by: 'test' })
      const mind = browser()
      const invitation = await mind.get(`${server.issuer}/invitation?link=${token}`)
      const page = await mind.followAll(await mind.submit(invitation, {}), ours)
      expect(page.text()).to.include('Email')
      const verify = await submit(mind, page, { login: newNumber(), password: PASSWORD })
      expect(stepOf(verify)).to.equal('verify_email')
      expect((await mail.next(email)).code).to.be.a('string')
    })

    if (by === 'phone') {
      it('takes no address', async () => {
        const mind = browser()
        const page = await open(mind, { login_hint: 'ada@example.test' })
        expect(page.body).not.to.include('value="ada@example.test"')
        const reply = await mind.submit(page, { login: 'ada@example.test', password: PASSWORD })
        expect(reply.status).to.equal(422)
      })
    } else {
      it('takes an address, too', async () => {
        const mind = browser()
        const email = 'newcomer.either@example.test'
        const page = await begin(mind, email)
        expect(stepOf(page)).to.equal('verify_email')
        const { code } = await mail.next(email)
        expect(stepOf(await submit(mind, page, { code: code! }))).to.equal('consent')
        const owner = await addPerson(server)
        await begin(browser(), owner.email)
        expect((await mail.next(owner.email)).subject).to.match(/already/i)
      })
    }
  })
}

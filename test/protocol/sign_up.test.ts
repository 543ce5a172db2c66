import { expect } from 'chai'
import { findAccountByIdentifier } from '../../src/domain/accounts/account_store.ts'
import { type AuthCore, addClient, addPerson, startAuthCore } from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import { eventsEver, rows } from './driver.ts'

/** Making an account on the way to an application: its mail goes through a real SMTP server. */

const PASSWORD = 'seven quiet lanterns'

describe('Signing up', function () {
  this.timeout(60_000)
  let mail: SmtpSink
  let server: AuthCore
  let party: RelyingParty
  let people = 0

  before(async () => {
    mail = await startSmtp()
    server = await startAuthCore({ worker: true, env: { ...mail.env(), AUTHCORE_SIGN_UP: 'open' } })
    party = await relyingParty(server, await addClient(server))
  })
  after(async () => {
    await server?.stop()
    await mail?.stop()
  })

  const ours = (location: string) => !location.startsWith(server.issuer)
  const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)
  const newAddress = () => `newcomer${++people}@example.test`
  const open = async (mind: Browser): Promise<Reply> => {
    const { url } = await authorizationRequest(party)
    const login = await mind.followAll(await mind.get(url.href), ours)
    return await mind.get(login.url.replace(/login$/, 'sign_up'))
  }
  const submit = async (mind: Browser, page: Reply, fields: Record<string, string>) =>
    await mind.followAll(await mind.submit(page, fields), ours)
  const begin = async (mind: Browser, email: string, password = PASSWORD) =>
    await submit(mind, await open(mind), { login: email, name: 'Grace Example', password })
  const accountOf = (canonical: string) =>
    findAccountByIdentifier(server.parts.db, { kind: 'email', canonical })

  it('makes the account once its address is proven, and signs it in', async () => {
    const mind = browser()
    const email = newAddress()
    const page = await begin(mind, email)
    expect(stepOf(page)).to.equal('verify_email')
    expect(page.body).to.include(email)
    expect(await accountOf(email), 'before the code').to.equal(undefined)
    const { code } = await mail.next(email)
    const consent = await submit(mind, page, { code: code! })
    expect(stepOf(consent)).to.equal('consent')
    const account = await accountOf(email)
    expect(account).to.deep.include({ emailVerified: true, status: 'active' })
    expect(account?.claims).to.include({ name: 'Grace Example' })
    const person = { id: account!.id, email, password: PASSWORD }
    await goThrough(mind, consent, person, server.issuer)
    const again = browser()
    const { url } = await authorizationRequest(party)
    const login = await again.followAll(await again.get(url.href), ours)
    await goThrough(again, login, person, server.issuer)
  })

  it('answers somebody who has an account like anybody, and tells the owner', async () => {
    const owner = await addPerson(server)
    const [known, unknown] = [browser(), browser()]
    const address = newAddress()
    const replies = [await begin(known, owner.email), await begin(unknown, address)]
    const plain = ({ body, url }: Reply, email: string) =>
      body
        .replaceAll(email, 'EMAIL')
        .replaceAll(new URL(url).pathname.split('/')[2]!, 'UID')
        .replaceAll(/name="csrf" value="[^"]*"/g, '')
    expect(plain(replies[0]!, owner.email)).to.equal(plain(replies[1]!, address))
    const told = await mail.next(owner.email)
    expect(told.subject).to.match(/already/i)
    expect(told.code).to.equal(undefined)
    expect((await mail.next(address)).code).to.be.a('string')
    const wrong = await known.submit(replies[0]!, { code: '12345678' })
    expect(wrong.status).to.equal(422)
    expect(
      await rows(server.parts.db, 'SELECT 1 FROM account WHERE email_canonical = $1', [
        owner.email,
      ]),
    ).to.have.length(1)
  })

  it('does nothing when a mail scanner opens the link, and the code still works', async () => {
    const mind = browser()
    const email = newAddress()
    const page = await begin(mind, email)
    const { link, code } = await mail.next(email)
    const scanner = browser()
    for (const method of ['get', 'get', 'get'] as const) {
      const seen = await scanner[method](link!)
      expect(seen.status).to.equal(200)
      expect(seen.body).to.include('id="verify-code"')
    }
    expect(await accountOf(email)).to.equal(undefined)
    const filled = await mind.get(link!)
    expect(filled.body).to.include(`value="${code!.replace('-', '')}"`)
    expect(await accountOf(email), 'opened by its own browser').to.equal(undefined)
    expect(stepOf(await submit(mind, filled, {}))).to.equal('consent')
    expect(page.status).to.equal(200)
  })

  it('is worth one account, however many send the code at once', async () => {
    const mind = browser()
    const email = newAddress()
    const page = await begin(mind, email)
    const { code } = await mail.next(email)
    await Promise.all(Array.from({ length: 20 }, () => mind.submit(page, { code: code! })))
    const found = await rows(server.parts.db, 'SELECT id FROM account WHERE email_canonical = $1', [
      email,
    ])
    expect(found).to.have.length(1)
    const [{ id }] = found as [{ id: string }]
    const created = (await eventsEver(server, 'auth.user_created')).filter(
      ({ subject }) => subject === id,
    )
    expect(created).to.have.length(1)
  })

  it('gives an address to whoever proves it first, of those who try at once', async () => {
    const email = newAddress()
    const [ada, eve] = [browser(), browser()]
    const adas = await begin(ada, email)
    const codeOfAda = (await mail.next(email)).code!
    const eves = await begin(eve, email)
    const codeOfEve = (await mail.next(email)).code!
    const replies = await Promise.all([
      ada.submit(adas, { code: codeOfAda }),
      eve.submit(eves, { code: codeOfEve }),
    ])
    expect(replies.map(({ status }) => status).sort()).to.deep.equal([200, 422])
  })

  it('takes no code of another browser, none that was replaced, and none after five wrong ones', async () => {
    const [ada, eve] = [browser(), browser()]
    const [one, two] = [newAddress(), newAddress()]
    const adas = await begin(ada, one)
    const eves = await begin(eve, two)
    const [first, other] = [(await mail.next(one)).code!, (await mail.next(two)).code!]
    expect((await eve.submit(eves, { code: first })).status).to.equal(422)
    const resend = ({ action }: { action: string }) => action.endsWith('/resend')
    const resent = await ada.submit(adas, {}, { form: resend })
    expect(resent.body).to.include('id="resent"')
    const second = (await mail.next(one)).code!
    expect(second).not.to.equal(first)
    expect((await ada.submit(adas, { code: first })).status).to.equal(422)
    expect(stepOf(await submit(ada, adas, { code: second }))).to.equal('consent')
    for (let i = 0; i < 4; i += 1) await eve.submit(eves, { code: '00000000' })
    expect((await eve.submit(eves, { code: other })).status).to.equal(422)
    expect(await accountOf(two)).to.equal(undefined)
  })

  it('says what is wrong with an address or a password, and sends nothing', async () => {
    const mind = browser()
    const page = await open(mind)
    const sent = async () =>
      (await rows<{ n: number }>(server.parts.db, 'SELECT count(*)::int AS n FROM message'))[0]!.n
    const before = await sent()
    for (const [fields, words] of [
      [{ login: '', password: PASSWORD }, 'Enter your email'],
      [{ login: 'not an address', password: PASSWORD }, 'not an email address'],
      [{ login: '"a b"@example.test', password: PASSWORD }, 'not an email address'],
      [{ login: 'a@example.test,b@example.test', password: PASSWORD }, 'not an email address'],
      [
        { login: 'a@example.test\r\nBcc: b@example.test', password: PASSWORD },
        'not an email address',
      ],
      [{ login: newAddress(), password: 'short' }, '15 characters are the least'],
      [{ login: newAddress(), password: 'x'.repeat(300) }, '256 characters are the most'],
      [
        { login: 'lighthouse.keeper@example.test', password: 'lighthouse.keeper-1' },
        'Leave out your name',
      ],
    ] as const) {
      const reply = await mind.submit(page, fields)
      expect(reply.status, words).to.equal(422)
      expect(reply.text()).to.include(words)
      expect(reply.body).not.to.include('value="short"')
    }
    expect(await sent()).to.equal(before)
  })

  it('keeps neither code, link nor password in the clear, nor in the log', async () => {
    const email = newAddress()
    await begin(browser(), email)
    const { code, link } = await mail.next(email)
    const stored = await rows<{ row: string }>(
      server.parts.db,
      'SELECT one_time_code::text AS row FROM one_time_code',
    )
    const text = stored.map(({ row }) => row).join() + JSON.stringify(server.logged)
    for (const secret of [code!, code!.replace('-', ''), PASSWORD, email]) {
      expect(text).not.to.include(secret)
    }
    expect(link).to.match(new RegExp(`^${server.issuer}/interaction/`))
  })

  it('leaves a mailbox in peace after five codes in an hour', async () => {
    const email = newAddress()
    for (let i = 0; i < 7; i += 1) await begin(browser(), email)
    for (let i = 0; i < 5; i += 1) await mail.next(email)
    const sent = await rows(server.parts.db, `SELECT 1 FROM message WHERE recipient = $1`, [email])
    expect(sent).to.have.length(5)
  })

  describe('where it is not open', () => {
    it('is offered nowhere and refused at every address', async () => {
      const closed = await startAuthCore({ env: { AUTHCORE_SIGN_UP: 'closed' } })
      try {
        const there = await relyingParty(closed, await addClient(closed))
        const { url } = await authorizationRequest(there)
        const mind = browser()
        const away = (location: string) => !location.startsWith(closed.issuer)
        const login = await mind.followAll(await mind.get(url.href), away)
        expect(login.body).not.to.include('sign_up')
        const page = await mind.followAll(
          await mind.get(login.url.replace(/login$/, 'sign_up')),
          away,
        )
        expect(stepOf(page)).to.equal('login')
        const fields = { csrf: 'x', login: newAddress(), password: PASSWORD }
        const reply = await mind.post(login.url.replace(/login$/, 'sign_up'), fields)
        expect(reply.status).to.equal(403)
      } finally {
        await closed.stop()
      }
    })

    it('takes addresses of the domains that it is open to', async () => {
      const env = { AUTHCORE_SIGN_UP: 'open', AUTHCORE_SIGN_UP_DOMAINS: 'lantern.example' }
      const house = await startAuthCore({ env })
      try {
        const there = await relyingParty(house, await addClient(house))
        const { url } = await authorizationRequest(there)
        const mind = browser()
        const away = (location: string) => !location.startsWith(house.issuer)
        const login = await mind.followAll(await mind.get(url.href), away)
        const page = await mind.get(login.url.replace(/login$/, 'sign_up'))
        for (const email of [
          'a@example.test',
          'a@lantern.example.evil.test',
          'a@xlantern.example',
        ]) {
          const reply = await mind.submit(page, { login: email, password: PASSWORD })
          expect(reply.status, email).to.equal(422)
        }
        const reply = await mind.submit(page, { login: 'a@LANTERN.example', password: PASSWORD })
        expect(reply.status).to.equal(200)
      } finally {
        await house.stop()
      }
    })
  })
})

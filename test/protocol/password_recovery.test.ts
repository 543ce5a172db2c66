import { expect } from 'chai'
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
  statementsOf,
} from '../support/authcore.ts'
import { type Browser, browser, type Reply } from '../support/http.ts'
import {
  addConnection,
  addIdentity,
  keepPasswordAt,
  madeUpSource,
  personOf,
} from '../support/made_up_source.ts'
import {
  authorizationRequest,
  goThrough,
  type RelyingParty,
  relyingParty,
  signIn,
} from '../support/relying_party.ts'
import { type SmtpSink, startSmtp } from '../support/smtp.ts'
import {
  BEHIND_PROXY,
  eventsEver,
  eventsOf,
  fromSomewhere,
  refresh,
  rows,
  type TestClient,
} from './driver.ts'

/** A forgotten password, with its mail through a real SMTP server. */

const NEW_PASSWORD = 'nine patient harbours'

describe('Recovering a password', function () {
  this.timeout(60_000)
  let mail: SmtpSink
  let server: AuthCore
  let client: TestClient
  let party: RelyingParty

  before(async () => {
    mail = await startSmtp()
    const source = madeUpSource()
    server = await startAuthCore({
      kinds: source.kinds,
      worker: true,
      env: { ...mail.env(), AUTHCORE_SIGN_UP: 'open' },
    })
    await addConnection(server, source, 'works')
    await addConnection(server, source, 'directory', { kind: 'made_up_directory' })
    client = await addClient(server)
    party = await relyingParty(server, client)
  })
  after(async () => {
    await server?.stop()
    await mail?.stop()
  })

  const ours = (location: string) => !location.startsWith(server.issuer)
  const stepOf = ({ url }: Reply) => new URL(url).pathname.split('/').at(-1)
  const openLogin = async (mind: Browser): Promise<Reply> => {
    const { url } = await authorizationRequest(party)
    return await mind.followAll(await mind.get(url.href), ours)
  }
  const ask = async (mind: Browser, login: string): Promise<Reply> => {
    const page = await mind.get((await openLogin(mind)).url.replace(/login$/, 'forgot_password'))
    return await mind.submit(page, { login })
  }
  const canSignIn = async (person: Person): Promise<boolean> => {
    const mind = browser()
    const reply = await mind.submit(await openLogin(mind), {
      login: person.email,
      password: person.password,
    })
    return reply.status !== 422
  }
  const passwordsOf = async ({ id }: Person) => {
    const sql = 'SELECT 1 FROM password_credential WHERE account_id = $1'
    return (await rows(server.parts.db, sql, [id])).length
  }
  /** Past the notices of what happened to the account before. */
  const nextCode = async (email: string): Promise<string> => {
    const { code } = await mail.next(email)
    return code ?? (await nextCode(email))
  }
  const recovered = async (person: Person, how: Record<string, string> = {}) => {
    const mind = browser()
    const page = await ask(mind, person.email)
    const code = await nextCode(person.email)
    return await mind.submit(page, { code, password: NEW_PASSWORD, ...how })
  }

  it('sets a new password by the code, tells the owner, and signs nobody in', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    const page = await ask(mind, ada.email)
    const { code } = await mail.next(ada.email)
    const done = await mind.submit(page, { code: code!, password: NEW_PASSWORD })
    expect(done.status, done.text()).to.equal(200)
    expect(done.body).to.include('id="password-changed"')
    expect((await mail.next(ada.email)).subject).to.match(/password/i)
    const way = /id="continue" href="([^"]+)"/.exec(done.body)![1]!
    const login = await mind.get(server.issuer + way)
    expect(stepOf(login)).to.equal('login')
    expect(await canSignIn(ada)).to.equal(false)
    await goThrough(mind, login, { ...ada, password: NEW_PASSWORD }, server.issuer)
  })

  it('does it by the link in any browser, once, and not by opening it', async () => {
    const ada = await addPerson(server)
    await ask(browser(), ada.email)
    const { link } = await mail.next(ada.email)
    for (let i = 0; i < 3; i += 1) expect((await browser().get(link!)).status).to.equal(200)
    expect(await canSignIn(ada)).to.equal(true)
    const phone = browser()
    const page = await phone.get(link!)
    const tries = await Promise.all(
      Array.from({ length: 10 }, () => phone.submit(page, { password: NEW_PASSWORD })),
    )
    expect(tries.map(({ status }) => status).sort()).to.deep.equal([200, ...Array(9).fill(422)])
    const again = await phone.submit(page, { password: 'another quiet harbour' })
    expect(again.status).to.equal(422)
    expect(await canSignIn({ ...ada, password: NEW_PASSWORD })).to.equal(true)
  })

  it('gives the same page and does the same work for everybody, and writes to those who are there', async () => {
    const ada = await addPerson(server)
    const disabled = await addPerson(server)
    await disableAccount(server.parts, disabled.id)
    const kept = await addPerson(server)
    await keepPasswordAt(server, kept, 'directory')
    await createAccount(server.parts, { email: 'unverified@example.test' })
    const seen = new Set<string>()
    const work = new Set<string>()
    await server.parts.recorder.flush()
    for (const login of [
      ada.email,
      kept.email,
      disabled.email,
      'unverified@example.test',
      'nobody@example.test',
      'no-name-at-all',
      '"not even" <an> address',
    ]) {
      const mind = browser()
      const page = await mind.get((await openLogin(mind)).url.replace(/login$/, 'forgot_password'))
      const own =
        /^(?!.*(job_queue|message|event_outbox.*SKIP|account\.email_canonical|FOR UPDATE))/s
      const { result, texts } = await statementsOf(() => mind.submit(page, { login }))
      expect(result.status).to.equal(200)
      const uid = new URL(result.url).pathname.split('/')[2]!
      seen.add(result.body.replaceAll(uid, 'UID').replaceAll(/name="csrf" value="[^"]*"/g, ''))
      work.add(
        JSON.stringify(texts.filter((text) => own.test(text) && /one_time_code \(/.test(text))),
      )
    }
    expect([...seen]).to.have.length(1)
    expect([...work]).to.have.length(1)
    await mail.next(ada.email)
    await mail.next(kept.email)
    const sent = await rows<{ recipient: string }>(
      server.parts.db,
      `SELECT recipient FROM message WHERE recipient = ANY($1)`,
      [[ada.email, kept.email, disabled.email, 'unverified@example.test', 'nobody@example.test']],
    )
    expect(sent.map(({ recipient }) => recipient)).to.have.members([ada.email, kept.email])
  })

  it('ends every other session and token by choice', async () => {
    for (const end_others of ['yes', undefined]) {
      const ada = await addPerson(server)
      const { tokens } = await signIn(server, party, ada, {
        parameters: { scope: 'openid offline_access', prompt: 'consent' },
      })
      // The box is ticked on the page: leaving it out is the person's choice.
      const mind = browser()
      const page = await ask(mind, ada.email)
      const { code } = await mail.next(ada.email)
      const { csrf } = Object.fromEntries(page.forms()[0]!.fields) as { csrf: string }
      const path = page.url.replace(/forgot_password$/, 'reset_password')
      const fields = { csrf, code: code!, password: NEW_PASSWORD }
      const done = await mind.post(path, end_others ? { ...fields, end_others } : fields, {
        headers: { origin: server.issuer },
      })
      expect(done.body).to.include('id="password-changed"')
      const reply = await refresh(server, client, tokens.refresh_token!)
      expect(reply.status, String(end_others)).to.equal(end_others ? 400 : 200)
    }
  })

  it('passes no second factor over', async () => {
    const ada = await addPerson(server)
    const { parts } = server
    const secret = await beginTotpEnrolment(parts, ada.id)
    const code = totpCodeAt(secret, parts.clock.now())
    await confirmTotpEnrolment(parts, { accountId: ada.id, code, origin: {} })
    expect((await recovered(ada)).status).to.equal(200)
    const mind = browser()
    const credentials = { login: ada.email, password: NEW_PASSWORD }
    const next = await mind.followAll(await mind.submit(await openLogin(mind), credentials), ours)
    expect(stepOf(next)).to.equal('second_factor')
  })

  it('takes a code of its own browser only, five tries long, and only the newest', async () => {
    const ada = await addPerson(server)
    const [mine, theirs] = [browser(), browser()]
    const page = await ask(mine, ada.email)
    const first = await mail.next(ada.email)
    const foreign = await ask(theirs, ada.email)
    const second = await mail.next(ada.email)
    const put = (mind: Browser, at: Reply, code: string) =>
      mind.submit(at, { code, password: NEW_PASSWORD })
    expect((await put(mine, page, first.code!)).status, 'replaced by the newer').to.equal(422)
    expect((await put(mine, page, second.code!)).status, 'of another browser').to.equal(422)
    const old = browser()
    expect(
      (await old.submit(await old.get(first.link!), { password: NEW_PASSWORD })).status,
    ).to.equal(422)
    for (let i = 0; i < 5; i += 1) await put(theirs, foreign, '00000000')
    expect((await put(theirs, foreign, second.code!)).status).to.equal(422)
    expect(await canSignIn(ada)).to.equal(true)
    const refused = await eventsEver(server, 'auth.password_recovery.refused')
    expect(refused.length).to.be.at.least(8)
  })

  it('uses no code up with a password that it does not take', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    let page = await ask(mind, ada.email)
    const { code } = await mail.next(ada.email)
    for (const [password, words] of [
      ['short', '15 characters are the least'],
      [`${ada.email}!!`, 'Leave out your name'],
      ['', 'a new password'],
    ] as const) {
      page = await mind.submit(page, { code: code!, password })
      expect(page.status).to.equal(422)
      expect(page.text()).to.include(words)
    }
    expect((await mind.submit(page, { code: code!, password: NEW_PASSWORD })).status).to.equal(200)
  })

  it('tells whose password a directory keeps where that is, and sends no code', async () => {
    const ada = await addPerson(server)
    await keepPasswordAt(server, ada, 'directory')
    const mind = browser()
    const page = await ask(mind, ada.email)
    const told = await mail.next(ada.email)
    expect(told.subject).to.match(/^Where your password for AuthCore is kept/)
    expect(told.text).to.include('kept by The directory')
    expect(told.code).to.equal(undefined)
    expect(told.link).to.equal(undefined)
    const tried = await mind.submit(page, { code: '12345678', password: NEW_PASSWORD })
    expect(tried.status).to.equal(422)
    expect(await passwordsOf(ada)).to.equal(0)
  })

  it('sets none where a directory keeps it by the time a code is used', async () => {
    for (const how of ['code', 'link'] as const) {
      const ada = await addPerson(server)
      const mind = browser()
      const page = await ask(mind, ada.email)
      const { code, link } = await mail.next(ada.email)
      await keepPasswordAt(server, ada, 'directory')
      const fields = { password: NEW_PASSWORD }
      const reply =
        how === 'code'
          ? await mind.submit(page, { ...fields, code: code! })
          : await mind.submit(await mind.get(link!), fields)
      expect(reply.status, how).to.equal(422)
      expect(await passwordsOf(ada), how).to.equal(0)
    }
  })

  it('is for everybody else who comes from elsewhere', async () => {
    const [made, joined] = [await addPerson(server), await addPerson(server)]
    const person = personOf('made-at-works')
    await addIdentity(server, made, { connection: 'works', person, by: 'created' })
    await addIdentity(server, joined, { connection: 'directory', person: personOf('joined') })
    for (const ada of [made, joined]) {
      await rows(server.parts.db, 'DELETE FROM password_credential WHERE account_id = $1', [ada.id])
      expect((await recovered(ada)).status).to.equal(200)
      expect(await passwordsOf(ada)).to.equal(1)
    }
  })

  it('is refused for an account that was disabled meanwhile', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    const page = await ask(mind, ada.email)
    const { code } = await mail.next(ada.email)
    await disableAccount(server.parts, ada.id)
    expect((await mind.submit(page, { code: code!, password: NEW_PASSWORD })).status).to.equal(422)
  })

  it('looks at so many codes and links of one address, and at no more', async () => {
    const noisy = await startAuthCore({ env: BEHIND_PROXY })
    try {
      const mind = browser({ headers: fromSomewhere() })
      const page = await mind.get(`${noisy.issuer}/reset_password?link=guess`)
      const statuses = []
      for (let i = 0; i < 122; i += 1) {
        statuses.push((await mind.submit(page, { password: NEW_PASSWORD })).status)
      }
      expect(statuses.slice(0, 120).every((status) => status === 422)).to.equal(true)
      expect(statuses.slice(120)).to.deep.equal([429, 429])
      expect(await eventsOf(noisy, 'auth.password_recovery.refused')).to.have.length(120)
    } finally {
      await noisy.stop()
    }
  })

  it('makes its link of the issuer, whatever the request says of itself', async () => {
    const ada = await addPerson(server)
    const mind = browser({
      headers: { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' },
    })
    await ask(mind, ada.email)
    const { link } = await mail.next(ada.email)
    expect(link).to.match(new RegExp(`^${server.issuer}/reset_password\\?link=`))
    const hostile = browser()
    for (const path of [
      '/reset_password',
      '/reset_password?link=',
      `/reset_password?link=${'x'.repeat(500)}`,
      '/reset_password?link=a&link=b',
    ]) {
      expect((await hostile.get(server.issuer + path)).status, path).to.equal(200)
    }
    const logged = JSON.stringify(server.logged)
    expect(logged).not.to.include(new URL(link!).searchParams.get('link'))
  })
})

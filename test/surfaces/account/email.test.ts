import { expect } from 'chai'
import { findAccountById } from '../../../src/domain/accounts/account_store.ts'
import { eventsEver } from '../../protocol/driver.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../../support/authcore.ts'
import { type Browser, browser, type Reply } from '../../support/http.ts'
import { addConnection, keepPasswordAt, madeUpSource } from '../../support/made_up_source.ts'
import { relyingParty, signIn } from '../../support/relying_party.ts'
import { type SmtpSink, startSmtp } from '../../support/smtp.ts'

/** Another e-mail address, with its mails through a real SMTP server. */

describe('Changing the e-mail address', function () {
  this.timeout(60_000)
  let mail: SmtpSink
  let server: AuthCore
  let people = 0

  before(async () => {
    mail = await startSmtp()
    const source = madeUpSource()
    server = await startAuthCore({ kinds: source.kinds, worker: true, env: { ...mail.env() } })
    await addConnection(server, source, 'directory', { kind: 'made_up_directory' })
  })
  after(async () => {
    await server?.stop()
    await mail?.stop()
  })

  const ours = (location: string) => !location.startsWith(server.issuer)
  const at = (path: string) => `${server.issuer}${path}`
  const PAGE = '/account/profile/email'
  const follow = (mind: Browser, reply: Reply) => mind.followAll(reply, ours)
  const open = async (mind: Browser, path = PAGE) => await follow(mind, await mind.get(at(path)))
  const arrive = async ({ email: login, password }: Person, mind = browser()) => {
    const page = await follow(mind, await mind.submit(await open(mind), { login, password }))
    expect(page.url).to.equal(at(PAGE))
    return { mind, page }
  }
  const addressOf = async ({ id }: Person) => (await findAccountById(server.parts.db, id))?.email
  const newAddress = () => `new.address.${++people}@example.net`
  /** Through the page up to the code that came by mail. */
  const ask = async (person: Person, email: string) => {
    const { mind, page } = await arrive(person)
    const waiting = await mind.submit(page, { email }, { form: ({ id }) => id === 'email-form' })
    return { mind, waiting }
  }
  const confirm = async (mind: Browser, page: Reply, code: string) =>
    await mind.submit(page, { code }, { form: ({ id }) => id === 'code-form' })

  it('takes a code from the new one, and tells the old one', async () => {
    const ada = await addPerson(server)
    const email = newAddress().replace('new', 'New')
    const { mind, waiting } = await ask(ada, `  ${email} `)
    expect(await addressOf(ada), 'before the code').to.equal(ada.email)
    const { code } = await mail.next(email)
    const done = await confirm(mind, waiting, code!)
    expect(done.text()).to.include('Your email address has been changed.')
    expect(await addressOf(ada)).to.equal(email)
    const notice = await mail.next(ada.email)
    expect(notice.text).to.include('N…').and.not.to.include(email)
    const other = browser()
    const login = await open(other)
    expect(
      (await other.submit(login, { login: ada.email, password: ada.password })).status,
    ).to.equal(422)
    await arrive({ ...ada, email: email.toLowerCase() })
    const [event] = (await eventsEver(server, 'auth.email.changed')).slice(-1)
    expect(event!.data).to.deep.include({ accountId: ada.id, by: 'owner' })
    expect(JSON.stringify(event)).not.to.include('@')
  })

  it('is used up by no mail scanner: the link fills the code in where it was asked for', async () => {
    const ada = await addPerson(server)
    const email = newAddress()
    const { mind } = await ask(ada, email)
    const { link, code } = await mail.next(email)
    const scanner = await open(browser(), link!.slice(server.issuer.length))
    expect(scanner.url).to.match(/login$/)
    expect(await addressOf(ada)).to.equal(ada.email)
    const page = await mind.get(link!)
    expect(page.body).to.include(`value="${code!.replaceAll('-', '')}"`)
    await confirm(mind, page, '')
    const filled = page
      .forms()
      .find(({ id }) => id === 'code-form')!
      .fields.get('code')!
    expect((await confirm(mind, page, filled)).text()).to.include('has been changed')
  })

  it('says the same of an address that is somebody else’s, who is told', async () => {
    const [ada, eve] = [await addPerson(server), await addPerson(server)]
    const free = await ask(ada, newAddress())
    const { mind, waiting } = await ask(eve, ada.email)
    const plain = (page: Reply) =>
      page
        .text()
        .replace(/\S+@\S+/g, '')
        .replace(/person\d+/g, '')
    expect(plain(waiting)).to.equal(plain(free.waiting))
    expect((await mail.next(ada.email)).subject).to.match(/account/i)
    expect((await confirm(mind, waiting, '12345678')).status).to.equal(422)
    expect(await addressOf(ada)).to.equal(ada.email)
  })

  it('goes to one of those who want the same address at the same time', async () => {
    const email = newAddress()
    const everybody = await Promise.all(Array.from({ length: 4 }, () => addPerson(server)))
    const asked = []
    for (const person of everybody) {
      const { mind, waiting } = await ask(person, email)
      asked.push({ mind, waiting, code: (await mail.next(email)).code! })
    }
    const replies = await Promise.all(
      asked.map(({ mind, waiting, code }) => confirm(mind, waiting, code)),
    )
    expect(replies.map(({ status }) => status).sort()).to.deep.equal([200, 422, 422, 422])
    const owners = await Promise.all(everybody.map(addressOf))
    expect(owners.filter((owner) => owner === email)).to.have.length(1)
  })

  it('takes a code in its own session only, five tries long, and no address that is none', async () => {
    const ada = await addPerson(server)
    const { mind, waiting } = await ask(ada, newAddress())
    for (const email of [
      'nobody',
      'a@b\nBcc: c@d.example',
      '"x@y" z',
      `${'a'.repeat(300)}@b.example`,
    ]) {
      const page = await mind.get(at(`${PAGE}?another`))
      const reply = await mind.submit(page, { email }, { form: ({ id }) => id === 'email-form' })
      expect(reply.status, email).to.equal(422)
    }
    const same = await mind.submit(
      await mind.get(at(`${PAGE}?another`)),
      { email: ada.email },
      { form: ({ id }) => id === 'email-form' },
    )
    expect(same.text()).to.include('That is your address already.')
    for (let i = 0; i < 5; i += 1) await confirm(mind, waiting, '00000000')
    const refused = await eventsEver(server, 'auth.email.change_refused')
    expect(refused.filter(({ subject }) => subject === ada.id)).to.have.length(5)
    const { mind: elsewhere, page } = await arrive(ada)
    expect(page.body).to.include('id="email-form"').and.not.to.include('id="code-form"')
    const csrf = page.forms()[0]!.fields.get('csrf')!
    const headers = { origin: server.issuer }
    const reply = await elsewhere.post(at(`${PAGE}/code`), { csrf, code: '00000000' }, { headers })
    expect(reply.status).to.equal(422)
  })

  describe('is taken back by who reads the old address', () => {
    const changed = async () => {
      const ada = await addPerson(server)
      const email = newAddress()
      const { mind, waiting } = await ask(ada, email)
      await confirm(mind, waiting, (await mail.next(email)).code!)
      const { link } = await mail.next(ada.email)
      return { ada, email, mind, link: link! }
    }

    it('once, which ends every session and leads to a new password', async () => {
      const { ada, mind, link } = await changed()
      const party = await relyingParty(server, await addClient(server))
      const { alice } = await signIn(server, party, ada, { alice: mind })
      const owner = browser()
      const page = await owner.get(link)
      expect(await addressOf(ada), 'opened only').not.to.equal(ada.email)
      const reset = await owner.submit(page)
      expect(reset.text()).to.include('Your old address is back')
      expect(await addressOf(ada)).to.equal(ada.email)
      expect((await open(alice)).url).to.match(/login$/)
      const twice = await owner.submit(page)
      expect(twice.status).to.equal(422)
      const password = 'nine patient harbours'
      const done = await owner.submit(reset, { password })
      expect(done.body).to.include('id="password-changed"')
      await arrive({ ...ada, password })
    })

    it('where a directory keeps the password, and then names it', async () => {
      const { ada, link } = await changed()
      await keepPasswordAt(server, ada, 'directory')
      const owner = browser()
      const done = await owner.submit(await owner.get(link))
      expect(done.status).to.equal(200)
      expect(done.text()).to.match(/Your old address is back.* kept by \W*The directory/)
      expect(done.body).not.to.include('name="password"')
      expect(await addressOf(ada)).to.equal(ada.email)
    })

    it('also after a second change, and not with a link that was made up', async () => {
      const { ada, email, mind, link } = await changed()
      const second = newAddress()
      const page = await mind.get(at(PAGE))
      const waiting = await mind.submit(
        page,
        { email: second },
        { form: ({ id }) => id === 'email-form' },
      )
      await confirm(mind, waiting, (await mail.next(second)).code!)
      await mail.next(email)
      const owner = browser()
      const made = await owner.get(link.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')))
      expect((await owner.submit(made)).status).to.equal(422)
      expect(await addressOf(ada)).to.equal(second)
      await owner.submit(await owner.get(link))
      expect(await addressOf(ada)).to.equal(ada.email)
    })
  })
})

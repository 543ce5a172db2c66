import { expect } from 'chai'
import { createAccount } from '../../../src/domain/accounts/create_account.ts'
import { createAuditSink } from '../../../src/domain/audit/audit_trail.ts'
import { listIdentitiesOfAccount } from '../../../src/domain/federation/identity_store.ts'
import { setConnectionStatus } from '../../../src/domain/federation/manage_connections.ts'
import { relayBatch } from '../../../src/platform/events/relay.ts'
import { eventsEver, rows } from '../../protocol/driver.ts'
import {
  type AuthCore,
  addPerson,
  PASSWORD,
  type Person,
  startAuthCore,
} from '../../support/authcore.ts'
import { atOnce, type Browser, browser, type Reply } from '../../support/http.ts'
import {
  addConnection,
  addIdentity,
  keepPasswordAt,
  type MadeUpSource,
  madeUpSource,
  personOf,
  proven,
  SOURCE_URI,
} from '../../support/made_up_source.ts'

describe('What an account is joined to elsewhere', function () {
  this.timeout(60_000)
  let server: AuthCore
  let source: MadeUpSource
  let subjects = 0
  const newSubject = () => `subject-${++subjects}`

  before(async () => {
    source = madeUpSource()
    server = await startAuthCore({ kinds: source.kinds, env: { AUTHCORE_EMAIL_SIGN_IN: 'off' } })
    await connect('works', {})
    await connect('ruled', { rules: { allow: '"staff" in groups' } })
    await connect('hidden', { button: false, domains: ['hidden.example'] })
    await connect('directory', { kind: 'made_up_directory' })
  })
  after(() => server?.stop())

  const connect = (name: string, definition: Record<string, unknown>) =>
    addConnection(server, source, name, definition)
  const ours = (location: string) => !location.startsWith(server.issuer)
  const at = (path = '') => `${server.issuer}/account/connections${path}`
  const visit = async (mind: Browser, uri = at()) => await mind.followAll(await mind.get(uri), ours)
  const arrive = async ({ email: login, password }: Person, mind = browser()) => {
    const page = await mind.followAll(
      await mind.submit(await visit(mind), { login, password }),
      ours,
    )
    expect(page.url).to.equal(at())
    return { mind, page }
  }
  const press = async (mind: Browser, page: Reply, action: string, fields = {}) =>
    await mind.submit(page, fields, { form: (form) => form.action.endsWith(action) })
  /** Presses the button of a source, and is sent there. */
  const leave = async (mind: Browser, page: Reply, name = 'works') => {
    const away = await press(mind, page, '/account/connections', { connection: name })
    const [, uri = ''] = /id="continue" href="([^"]*)"/.exec(away.body) ?? []
    expect(uri, away.text()).to.match(new RegExp(`^${SOURCE_URI}\\?state=[\\w-]{43}$`))
    const state = new URL(uri).searchParams.get('state')!
    return `${server.issuer}/federation/${name}/callback?${new URLSearchParams({ state, code: 'x' })}`
  }
  /** To the source and back, with what it says. */
  const goThere = async (
    mind: Browser,
    page: Reply,
    result: MadeUpSource['says']['result'],
    name = 'works',
  ) => {
    const back = await leave(mind, page, name)
    source.says.result = result
    return await visit(mind, back)
  }
  const relay = async () => {
    const { recorder, db, keyring } = server.parts
    await recorder.flush()
    const sink = createAuditSink(keyring)
    while ((await relayBatch(db, [sink])) > 0);
  }
  const identitiesOf = (person: { id: string }) =>
    listIdentitiesOfAccount(server.parts.db, person.id)
  const told = async (type: string, { id }: { id: string }) =>
    (await eventsEver(server, type)).filter(({ subject }) => subject === id).map(({ data }) => data)
  const join = (person: { id: string }, connection = 'works') =>
    addIdentity(server, person, { connection, person: personOf(newSubject()) })
  const withoutPassword = async ({ id }: Person) =>
    await rows(server.parts.db, 'DELETE FROM password_credential WHERE account_id = $1', [id])

  it('is joined when its owner has seen whom the source names, and says so', async () => {
    const ada = await addPerson(server)
    const { mind, page } = await arrive(ada)
    expect(page.text()).to.include('None is joined to your account yet.')
    const person = personOf(newSubject(), { username: 'ada.works' })
    const confirm = await goThere(mind, page, proven(person))
    expect(confirm.url).to.equal(at('/confirm'))
    expect(confirm.text()).to.include('ada.works').and.to.include('The works')
    expect(await identitiesOf(ada), 'before the button').to.be.empty
    const done = await press(mind, confirm, '/confirm')
    expect(done.text()).to.match(/From now on you can sign in with \W*The works/)
    expect(done.text()).to.match(/The works ada\.works Since .* · Last used /)
    const [identity, ...others] = await identitiesOf(ada)
    expect(others).to.deep.equal([])
    expect(identity).to.include({ subject: person.subject, ownsAccount: false })
    const [event] = await told('auth.identity.linked', ada)
    expect(event).to.include({ connection: 'works', by: 'sign_in', ip: '127.0.0.1' })
    await relay()
    const activity = await visit(mind, `${server.issuer}/account/activity`)
    expect(activity.text()).to.match(/was joined to this one .* At: \W*The works/)
    const again = await press(mind, confirm, '/confirm')
    expect(again.status, 'a second time').to.equal(400)
    expect(again.text()).to.include('Nothing was joined')
    expect(await identitiesOf(ada)).to.have.length(1)
  })

  it('signs its owner in from then on', async () => {
    const ada = await addPerson(server)
    const { mind, page } = await arrive(ada)
    const person = personOf(newSubject())
    await press(mind, await goThere(mind, page, proven(person)), '/confirm')
    const other = browser()
    const login = await visit(other)
    const away = await other.get(login.url.replace(/\/login$/, '/connections/works'))
    const state = new URL(away.location!).searchParams.get('state')!
    source.says.result = proven(person)
    const inside = await visit(other, `${server.issuer}/federation/works/callback?state=${state}`)
    expect(inside.url).to.equal(at())
    expect((await visit(other, `${server.issuer}/account`)).text()).to.include(ada.email)
  })

  it('is not joined by an answer that somebody else’s browser asked for', async () => {
    const [eve, ada] = [await addPerson(server), await addPerson(server)]
    const hers = await arrive(eve)
    const back = await leave(hers.mind, hers.page)
    source.says.result = proven(personOf(newSubject(), { username: 'eve.works' }))
    const victim = await arrive(ada)
    const shown = await visit(victim.mind, back)
    expect(shown.status).to.equal(400)
    expect(shown.text()).to.include('Nothing was joined').and.not.to.include('eve.works')
    const confirm = await visit(victim.mind, at('/confirm'))
    expect(confirm.url, 'nobody waits').to.equal(at())
    expect([...(await identitiesOf(ada)), ...(await identitiesOf(eve))]).to.deep.equal([])
  })

  it('is not joined by an answer in another session of the same account', async () => {
    const ada = await addPerson(server)
    const [one, other] = [await arrive(ada), await arrive(ada)]
    const back = await leave(one.mind, one.page)
    source.says.result = proven(personOf(newSubject()))
    const shown = await visit(other.mind, back)
    expect(shown.status).to.equal(400)
    for (const mind of [one.mind, other.mind]) {
      expect((await visit(mind, at('/confirm'))).url).to.equal(at())
    }
  })

  it('is not joined in a browser in which nobody is signed in', async () => {
    const eve = await addPerson(server)
    const { mind, page } = await arrive(eve)
    const back = await leave(mind, page)
    source.says.result = proven(personOf(newSubject()))
    const ada = await addPerson(server)
    const victim = browser()
    const login = await visit(victim, back)
    expect(login.url).to.match(/\/login$/)
    const { email, password } = ada
    const inside = await victim.followAll(
      await victim.submit(login, { login: email, password }),
      ours,
    )
    expect(inside.url).to.equal(at())
    expect([...(await identitiesOf(ada)), ...(await identitiesOf(eve))]).to.deep.equal([])
  })

  it('is not joined by an answer to a sign-in', async () => {
    const ada = await addPerson(server)
    const eve = browser()
    const login = await visit(eve)
    const away = await eve.get(login.url.replace(/\/login$/, '/connections/works'))
    const state = new URL(away.location!).searchParams.get('state')!
    source.says.result = proven(personOf(newSubject()))
    const held = await eve.get(`${server.issuer}/federation/works/callback?state=${state}`)
    expect(held.location).to.include('/connection_return')
    const { mind } = await arrive(ada)
    expect((await visit(mind, `${at('/return')}?state=${state}`)).status).to.equal(400)
    expect((await visit(mind, at('/confirm'))).url).to.equal(at())
  })

  it('is not joined by a form of another page, or where another person has come meanwhile', async () => {
    const ada = await addPerson(server)
    const { mind, page } = await arrive(ada)
    const first = await goThere(mind, page, proven(personOf(newSubject(), { username: 'first' })))
    const list = await visit(mind)
    await goThere(mind, list, proven(personOf(newSubject(), { username: 'second' })))
    const behind = await press(mind, first, '/confirm')
    expect(behind.status, 'of whom the first page shows').to.equal(403)
    const { csrf = '', whom = '' } = Object.fromEntries(first.forms()[0]!.fields)
    for (const [fields, origin] of [
      [{ csrf }, server.issuer],
      [{ csrf: '', whom }, server.issuer],
      [{ csrf, whom }, 'https://evil.example'],
    ] as const) {
      const reply = await mind.post(at('/confirm'), fields, { headers: { origin } })
      expect(reply.status).to.equal(403)
    }
    expect(await identitiesOf(ada)).to.be.empty
  })

  it('is joined once, however often the button is pressed at one moment', async () => {
    const ada = await addPerson(server)
    const { mind, page } = await arrive(ada)
    const confirm = await goThere(mind, page, proven(personOf(newSubject())))
    const replies = await atOnce(8, () => press(mind, confirm, '/confirm'))
    expect(replies.filter(({ status }) => status === 200)).to.have.length(1)
    expect(await identitiesOf(ada)).to.have.length(1)
    expect(await told('auth.identity.linked', ada)).to.have.length(1)
  })

  it('is not taken from somebody else, who is not named', async () => {
    const [ada, bob] = [await addPerson(server), await addPerson(server)]
    const { subject } = await join(bob)
    const { mind, page } = await arrive(ada)
    const refused = await goThere(mind, page, proven(personOf(subject)))
    expect(refused.status).to.equal(409)
    expect(refused.text()).to.include('belongs to another account here')
    expect(refused.body).not.to.include(bob.email).and.not.to.include(bob.id)
    expect(await identitiesOf(ada)).to.be.empty
    expect(await told('auth.identity.refused', ada)).to.have.length(1)
  })

  it('is not taken from whoever was faster while the page was looked at', async () => {
    const [ada, bob] = [await addPerson(server), await addPerson(server)]
    const subject = newSubject()
    const [hers, his] = [await arrive(ada), await arrive(bob)]
    const first = await goThere(hers.mind, hers.page, proven(personOf(subject)))
    const second = await goThere(his.mind, his.page, proven(personOf(subject)))
    expect((await press(his.mind, second, '/confirm')).status).to.equal(200)
    const late = await press(hers.mind, first, '/confirm')
    expect(late.status).to.equal(409)
    expect(late.text()).to.include('belongs to another account here')
    expect(await identitiesOf(bob)).to.have.length(1)
    expect(await identitiesOf(ada)).to.be.empty
  })

  it('says what went wrong at the source, and joins nothing', async () => {
    const ada = await addPerson(server)
    const { mind, page } = await arrive(ada)
    const { subject } = await join(ada)
    for (const [result, status, words, name] of [
      [{ kind: 'refused', reason: 'denied', detail: 'x' }, 403, 'did not sign you in', 'works'],
      [{ kind: 'refused', reason: 'invalid', detail: 'nonce' }, 400, 'not be verified', 'works'],
      [{ kind: 'refused', reason: 'too_weak', detail: 'acr' }, 400, 'not be verified', 'works'],
      [{ kind: 'unavailable', reason: 'REFUSED' }, 503, 'does not answer', 'works'],
      [proven(personOf(subject)), 409, 'joined to yours already', 'works'],
      [proven(personOf(newSubject())), 403, 'not among those', 'ruled'],
    ] as const) {
      const refused = await goThere(mind, page, result, name)
      expect(refused.status, words).to.equal(status)
      expect(refused.text()).to.include(words).and.to.include(`The ${name}`)
      expect(refused.body).not.to.include('REFUSED').and.not.to.include('nonce')
      expect((await visit(mind, at('/confirm'))).url).to.equal(at())
    }
    expect(await identitiesOf(ada)).to.have.length(1)
  })

  it('is begun only where the deployment offers it to this person', async () => {
    const ada = await addPerson(server)
    const own = await addPerson(server, { email: 'grace@hidden.example' })
    const { mind, page } = await arrive(ada)
    expect(page.body).to.include('id="join-works"').and.not.to.include('id="join-hidden"')
    expect(page.body).not.to.include('id="join-directory"')
    for (const name of ['hidden', 'directory', 'nowhere']) {
      const away = await press(mind, page, '/account/connections', { connection: name })
      expect(away.body, name).to.include('href="/account/connections"')
    }
    const theirs = await arrive(own)
    expect(theirs.page.body).to.include('id="join-hidden"')
    await leave(theirs.mind, theirs.page, 'hidden')
  })

  it('is found from the page about signing in', async () => {
    const ada = await addPerson(server)
    const { mind } = await arrive(ada)
    const page = await visit(mind, `${server.issuer}/account/security`)
    expect(page.body).to.include('id="to-connections" href="/account/connections"')
  })

  it('is taken away where another way to sign in is left', async () => {
    const ada = await addPerson(server)
    const identity = await join(ada)
    const { mind, page } = await arrive(ada)
    const done = await press(mind, page, '/remove')
    expect(done.text()).to.match(/The works\W* no longer signs you in here/)
    expect(await identitiesOf(ada)).to.be.empty
    const [event] = await told('auth.identity.unlinked', ada)
    expect(event).to.include({ connection: 'works', identityId: identity.id, ip: '127.0.0.1' })
  })

  it('is not taken away by anybody else', async () => {
    const [ada, eve] = [await addPerson(server), await addPerson(server)]
    const foreign = await join(ada)
    await join(eve)
    const { mind, page } = await arrive(eve)
    for (const identity of [foreign.id, 'x', "' OR 1=1"]) {
      const reply = await press(mind, page, '/remove', { identity })
      expect(reply.body).to.include('href="/account/connections"')
    }
    expect(await identitiesOf(ada)).to.have.length(1)
    expect(await identitiesOf(eve)).to.have.length(1)
  })

  describe('as the last way to sign in', () => {
    it('is kept, and the page says what to do first', async () => {
      const ada = await addPerson(server)
      await join(ada)
      const { mind, page } = await arrive(ada)
      await withoutPassword(ada)
      const refused = await press(mind, page, '/remove')
      expect(refused.status).to.equal(422)
      expect(refused.text()).to.match(/You could not sign in without \W*The works/)
      const first = [...refused.body.matchAll(/id="first-([a-z]+)"/g)].map(([, way]) => way)
      expect(first).to.deep.equal(['password', 'passkey', 'identity'])
      expect(await identitiesOf(ada)).to.have.length(1)
      expect(await told('auth.identity.unlinked', ada)).to.deep.equal([])
    })

    it('is kept beside one whose connection is disabled, and goes beside one that works', async () => {
      await connect('fleeting', {})
      const ada = await addPerson(server)
      const [one, other] = [await join(ada), await join(ada, 'fleeting')]
      const { mind, page } = await arrive(ada)
      await withoutPassword(ada)
      await setConnectionStatus(server.parts, { name: 'fleeting', status: 'disabled' })
      await gone('fleeting')
      const refused = await press(mind, page, '/remove', { identity: one.id })
      expect(refused.status).to.equal(422)
      expect(refused.text(), 'it is still listed').to.include('The fleeting')
      const done = await press(mind, page, '/remove', { identity: other.id })
      expect(done.status).to.equal(200)
      expect((await identitiesOf(ada)).map(({ id }) => id)).to.deep.equal([one.id])
    })

    it('stays one, of two that are taken away at one moment', async () => {
      const ada = await addPerson(server)
      const [one, other] = [await join(ada), await join(ada)]
      const { mind, page } = await arrive(ada)
      await withoutPassword(ada)
      const ids = [one.id, other.id]
      const replies = await Promise.all(
        ids.map((identity) => press(mind, page, '/remove', { identity })),
      )
      expect(replies.map(({ status }) => status).sort()).to.deep.equal([200, 422])
      expect(await identitiesOf(ada)).to.have.length(1)
    })

    it('goes where codes by mail sign in, and the address is proven', async () => {
      const small = await startAuthCore({
        kinds: source.kinds,
        env: {
          AUTHCORE_EMAIL_SIGN_IN: 'code',
          AUTHCORE_SMTP_URL: 'smtp://localhost:1',
          AUTHCORE_MAIL_FROM: 'a@example.test',
        },
      })
      try {
        for (const [proves, status] of [
          [false, 422],
          [true, 200],
        ] as const) {
          expect(await removeAt(small, proves), `proven: ${proves}`).to.equal(status)
        }
      } finally {
        await small.stop()
      }
    })
  })

  it('stays where the account was made for a directory', async () => {
    const { parts } = server
    const passwordHash = await parts.passwords.hash(PASSWORD)
    const email = 'of.directory@example.test'
    const { id } = await createAccount(parts, { email, emailVerified: true, passwordHash })
    const person = personOf(newSubject())
    const kept = await addIdentity(
      server,
      { id },
      { connection: 'directory', person, by: 'created' },
    )
    await join({ id })
    const { mind, page } = await arrive({ id, email, password: PASSWORD })
    expect(page.body.match(/id="remove-identity-form/g)).to.have.length(1)
    const refused = await press(mind, page, '/remove', { identity: kept.id })
    expect(refused.status).to.equal(422)
    expect(refused.text()).to.match(/Your account was made for \W*The directory/)
    expect(await identitiesOf({ id })).to.have.length(2)
  })

  it('may be what keeps the password: the page says so in place of a form', async () => {
    const ada = await addPerson(server)
    const { mind } = await arrive(ada)
    const security = `${server.issuer}/account/security`
    const before = await visit(mind, security)
    const csrf = before.forms()[0]!.fields.get('csrf')!
    expect(before.body).to.include('id="password-form"')
    await keepPasswordAt(server, ada, 'directory')
    const page = await visit(mind, security)
    expect(page.text()).to.match(/Your password is kept by \W*The directory/)
    expect(page.body).not.to.include('id="password-form"')
    const fields = { csrf, password: 'nine patient harbours' }
    const reply = await mind.post(`${security}/password`, fields, {
      headers: { origin: server.issuer },
    })
    expect(reply.body).to.include('href="/account/security"')
    const sql = 'SELECT 1 FROM password_credential WHERE account_id = $1'
    expect(await rows(server.parts.db, sql, [ada.id])).to.deep.equal([])
  })

  async function gone(name: string): Promise<void> {
    for (let i = 0; i < 100; i++) {
      if (!(await server.parts.connections.find(name))) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error(`${name} is still there`)
  }

  /** Somebody without a password takes away the one identity that they have. */
  async function removeAt(other: AuthCore, proves: boolean): Promise<number> {
    const { issuer } = other
    const name = proves ? 'one' : 'two'
    await addConnection(other, source, name)
    const ada = await addPerson(other)
    const mind = browser()
    const local = (location: string) => !location.startsWith(issuer)
    const login = await mind.followAll(await mind.get(`${issuer}/account/connections`), local)
    const { email, password } = ada
    const page = await mind.followAll(await mind.submit(login, { login: email, password }), local)
    const identity = await addIdentity(other, ada, {
      connection: name,
      person: personOf(newSubject()),
    })
    const { db } = other.parts
    await rows(db, 'DELETE FROM password_credential WHERE account_id = $1', [ada.id])
    await rows(db, 'UPDATE account SET email_verified = $2 WHERE id = $1', [ada.id, proves])
    const csrf = page.forms()[0]!.fields.get('csrf')!
    const fields = { csrf, identity: identity.id }
    const options = { headers: { origin: issuer } }
    return (await mind.post(`${issuer}/account/connections/remove`, fields, options)).status
  }
})

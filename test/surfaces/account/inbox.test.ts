import { expect } from 'chai'
import { keepNotice, type NoticeToKeep } from '../../../src/domain/messaging/notices/notice.ts'
import { inTransaction } from '../../../src/platform/persistence/db.ts'
import { rows } from '../../protocol/driver.ts'
import { type AuthCore, addPerson, type Person, startAuthCore } from '../../support/authcore.ts'
import { type Browser, browser, type Reply } from '../../support/http.ts'

describe('The inbox of an account', function () {
  this.timeout(60_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore()
  })
  after(() => server?.stop())

  const ours = (location: string) => !location.startsWith(server.issuer)
  const at = (path: string) => `${server.issuer}/account${path}`
  const visit = async (mind: Browser, path = '/inbox') =>
    await mind.followAll(await mind.get(at(path)), ours)
  const arrive = async ({ email: login, password }: Person, mind: Browser) =>
    await mind.followAll(await mind.submit(await visit(mind), { login, password }), ours)
  let keys = 0
  const tell = async (
    { id: accountId }: Person,
    notice: Pick<NoticeToKeep, 'kind' | 'fields'> = { kind: 'password_changed', fields: {} },
  ) =>
    await inTransaction(server.parts.db, (tx) =>
      keepNotice(server.parts, tx, {
        ...notice,
        accountId,
        idempotencyKey: `test:${++keys}`,
      } as NoticeToKeep),
    )
  const shown = ({ body }: Reply) =>
    [...body.matchAll(/<strong><bdi>(.*?)<\/bdi>/g)].map(([, s]) => s)
  const badge = ({ body }: Reply) => /id="unread"[^>]*>([^<]*)</.exec(body)?.[1]
  const fresh = ({ body }: Reply) => body.split('<span class="badge">').length - 1
  const markRead = (mind: Browser, page: Reply) =>
    mind.submit(page, {}, { form: ({ id }) => id === 'read-form' })

  it('shows what was told, the newest first, in the language of whoever reads', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    expect((await visit(mind)).url).to.match(/\/login$/)
    const empty = await arrive(ada, mind)
    expect(empty.url).to.equal(at('/inbox'))
    expect(empty.body).to.include('id="no-notices"')
    expect(badge(empty)).to.equal(undefined)
    await tell(ada)
    await new Promise((resolve) => setTimeout(resolve, 5))
    await tell(ada, {
      kind: 'new_device',
      fields: {
        device: '<b>Firefox</b>',
        at: '2026-03-01T10:00:00.000Z',
        link: 'https://id.example.com/account/sessions',
      },
    })
    const page = await visit(mind)
    expect(shown(page)).to.deep.equal([
      'New sign-in to your AuthCore account',
      'Your password for AuthCore was changed',
    ])
    expect(page.body).to.include('&lt;b&gt;Firefox').and.to.include('href="/account/sessions"')
    const german = await visit(mind, '/inbox?locale=de')
    expect(german.body).to.include('<html lang="de"')
    expect(german.text()).to.include('Hinweise zu Ihrem Konto')
    expect(shown(german)[1]).to.match(/Passwort/)
  })

  it('counts what is unread on the overview, until all is marked as read', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    await arrive(ada, mind)
    await tell(ada)
    await tell(ada)
    expect(badge(await visit(mind, ''))).to.equal('2')
    expect(badge(await visit(mind, '/security'))).to.equal(undefined)
    const page = await visit(mind)
    expect(fresh(page)).to.equal(2)
    expect(badge(await visit(mind, '')), 'looking is no reading').to.equal('2')
    await new Promise((resolve) => setTimeout(resolve, 5))
    await tell(ada)
    const marked = await markRead(mind, page)
    expect(marked.body).to.include('id="done"')
    expect(fresh(marked), 'what came meanwhile').to.equal(1)
    const done = await markRead(mind, marked)
    expect(fresh(done)).to.equal(0)
    expect(done.body).not.to.include('id="read-form"')
    expect(badge(await visit(mind, ''))).to.equal(undefined)
  })

  it('is nobody else’s, and takes a form of its own session', async () => {
    const [ada, eve] = [await addPerson(server), await addPerson(server)]
    const [hers, his] = [browser(), browser()]
    await arrive(ada, hers)
    await arrive(eve, his)
    await tell(ada)
    await tell(eve)
    const page = await visit(hers)
    expect(shown(page)).to.have.length(1)
    const csrf = page
      .forms()
      .find(({ id }) => id === 'read-form')!
      .fields.get('csrf')!
    const foreign = (await visit(his)).forms().find(({ id }) => id === 'read-form')!
    const seen = 'ffffffff-ffff-7fff-bfff-ffffffffffff'
    for (const [token, origin] of [
      [foreign.fields.get('csrf')!, server.issuer],
      ['', server.issuer],
      [csrf, 'https://evil.example'],
    ] as const) {
      const reply = await hers.post(at('/inbox'), { csrf: token, seen }, { headers: { origin } })
      expect(reply.status).to.be.oneOf([400, 403])
    }
    expect(badge(await visit(hers))).to.equal('1')
    for (const odd of ['not an id', '']) {
      const reply = await hers.post(
        at('/inbox'),
        { csrf, seen: odd },
        { headers: { origin: server.issuer } },
      )
      expect(reply.status).to.equal(200)
    }
    expect(badge(await visit(hers)), 'marks nothing').to.equal('1')
    const all = await hers.post(
      at('/inbox'),
      { csrf, seen },
      { headers: { origin: server.issuer } },
    )
    expect(badge(all)).to.equal(undefined)
    expect(badge(await visit(his)), 'another account').to.equal('1')
  })

  it('has fifty a page, and tells nothing that has ended or that it has no words for', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    await arrive(ada, mind)
    for (let count = 0; count < 52; count++) await tell(ada)
    const { db } = server.parts
    await rows(
      db,
      `UPDATE notice SET kind = 'of another version' WHERE id = (
      SELECT id FROM notice WHERE account_id = $1 ORDER BY id DESC LIMIT 1)`,
      [ada.id],
    )
    await rows(
      db,
      `UPDATE notice SET created_at = now() - interval '91 days' WHERE id = (
      SELECT id FROM notice WHERE account_id = $1 ORDER BY id LIMIT 1)`,
      [ada.id],
    )
    const first = await visit(mind)
    expect(shown(first)).to.have.length(49)
    expect(badge(first)).to.equal('51')
    const [, older] = /id="older" href="\/account([^"]+)"/.exec(first.body)!
    const second = await visit(mind, older!)
    expect(shown(second)).to.have.length(1)
    expect(second.body).to.include('id="newest"').and.not.to.include('id="older"')
    expect(shown(await visit(mind, '/inbox?before=odd'))).to.have.length(49)
  })

  it('is not there where none is kept', async () => {
    const other = await startAuthCore({ env: { AUTHCORE_INBOX_DAYS: '0' } })
    try {
      const { email: login, password } = await addPerson(other)
      const mind = browser()
      const leaves = (location: string) => !location.startsWith(other.issuer)
      const page = await mind.followAll(await mind.get(`${other.issuer}/account`), leaves)
      const overview = await mind.followAll(await mind.submit(page, { login, password }), leaves)
      expect(overview.body).to.include('id="to-activity"').and.not.to.include('/account/inbox')
      expect((await mind.get(`${other.issuer}/account/inbox`)).status).to.equal(404)
    } finally {
      await other.stop()
    }
  })
})

import { expect } from 'chai'
import { findAccountById } from '../../../src/domain/accounts/account_store.ts'
import { eventsEver } from '../../protocol/driver.ts'
import { type AuthCore, addPerson, type Person, startAuthCore } from '../../support/authcore.ts'
import { atOnce, type Browser, browser, type Reply } from '../../support/http.ts'

describe('The username of an account', function () {
  this.timeout(60_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore({
      env: { AUTHCORE_USERNAMES: 'self', AUTHCORE_PHONE_COUNTRY: 'DE' },
    })
  })
  after(() => server?.stop())

  const ours = (location: string) => !location.startsWith(server.issuer)
  const PAGE = '/account/profile/username'
  const visit = async (mind: Browser, path = PAGE) =>
    await mind.followAll(await mind.get(`${server.issuer}${path}`), ours)
  const arrive = async (person: Person, login = person.email) => {
    const mind = browser()
    const fields = { login, password: person.password }
    const page = await mind.followAll(await mind.submit(await visit(mind), fields), ours)
    return { mind, page }
  }
  const choose = (mind: Browser, page: Reply, username: string) => mind.submit(page, { username })
  const usernameOf = async ({ id }: Person) =>
    (await findAccountById(server.parts.db, id))?.username

  it('is chosen by its owner, and signs in from then on', async () => {
    const ada = await addPerson(server)
    const { mind, page } = await arrive(ada)
    expect(page.url).to.match(/profile\/username$/)
    const done = await choose(mind, page, 'Ada.Lovelace')
    expect(done.status, done.text()).to.equal(200)
    expect(await usernameOf(ada)).to.equal('Ada.Lovelace')
    expect((await arrive(ada, 'ada.lovelace')).page.url).to.match(/profile\/username$/)
    const changed = (await eventsEver(server, 'auth.username.changed')).filter(
      ({ subject }) => subject === ada.id,
    )
    expect(changed).to.have.length(1)
    expect(JSON.stringify(changed)).not.to.match(/lovelace/i)
  })

  it('is nobody else’s, in whatever way it is written, and not one that speaks for the house', async () => {
    const ada = await addPerson(server)
    const first = await arrive(ada)
    await choose(first.mind, first.page, 'grace')
    const eve = await addPerson(server)
    const before = await usernameOf(eve)
    const { mind, page } = await arrive(eve)
    for (const [username, words] of [
      ['GRACE', 'Somebody else has that username'],
      ['admin', 'is kept for those who run this site'],
      ['Supp0rt', 'is kept for those who run this site'],
      ['', 'cannot be a username'],
      ['ab', 'cannot be a username'],
      ['eve@example.test', 'cannot be a username'],
      ['+491711234567', 'cannot be a username'],
      ['01711234567', 'cannot be a username'],
      ['grасe', 'cannot be a username'],
      ['eve\u202e', 'cannot be a username'],
      [before!, 'your username already'],
    ] as const) {
      const reply = await choose(mind, page, username)
      expect(reply.status, username).to.equal(422)
      expect(reply.text(), username).to.include(words)
    }
    expect(await usernameOf(eve)).to.equal(before)
    const refused = (await eventsEver(server, 'auth.username.refused')).filter(
      ({ subject }) => subject === eve.id,
    )
    expect(refused.map(({ data }) => (data as { reason: string }).reason)).to.have.members([
      'taken',
      'reserved',
      'reserved',
    ])
  })

  it('goes to one of many who want it at once', async () => {
    const people = await Promise.all(Array.from({ length: 5 }, () => addPerson(server)))
    const opened = await Promise.all(people.map((person) => arrive(person)))
    const replies = await atOnce(5, (gate, index) => {
      const { mind, page } = opened[index]!
      return mind.submit(page, { username: 'wanted' }, { gate })
    })
    expect(replies.map(({ status }) => status).sort()).to.deep.equal([200, 422, 422, 422, 422])
  })

  it('is an operator’s to give where the deployment says nothing', async () => {
    const closed = await startAuthCore()
    try {
      expect((await browser().get(`${closed.issuer}${PAGE}`)).status).to.equal(404)
    } finally {
      await closed.stop()
    }
  })
})

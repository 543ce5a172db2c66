import { expect } from 'chai'
import { findAccountById } from '../../../src/domain/accounts/account_store.ts'
import {
  cancelDeletion,
  deleteDueAccounts,
  scheduleDeletion,
} from '../../../src/domain/accounts/schedule_deletion.ts'
import { listIdentitiesOfAccount } from '../../../src/domain/federation/identity_store.ts'
import { eventsOf, refresh, rows, type TestClient } from '../../protocol/driver.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../../support/authcore.ts'
import { type Browser, browser } from '../../support/http.ts'
import {
  addConnection,
  addIdentity,
  type MadeUpSource,
  madeUpSource,
  personOf,
} from '../../support/made_up_source.ts'
import { type RelyingParty, relyingParty, signIn } from '../../support/relying_party.ts'

const DAY_MS = 86_400_000

describe('Deleting an account', function () {
  this.timeout(60_000)
  let server: AuthCore
  let client: TestClient
  let party: RelyingParty
  let source: MadeUpSource
  before(async () => {
    source = madeUpSource()
    server = await startAuthCore({
      kinds: source.kinds,
      env: { AUTHCORE_DELETION_GRACE_DAYS: '7' },
    })
    await addConnection(server, source, 'works')
    client = await addClient(server)
    party = await relyingParty(server, client)
  })
  after(() => server?.stop())

  const at = (path: string) => `${server.issuer}/account${path}`
  const ours = (location: string) => !location.startsWith(server.issuer)
  const visit = async (mind: Browser, path: string) =>
    await mind.followAll(await mind.get(at(path)), ours)
  const arrive = async ({ email: login, password }: Person, path = '/delete', mind = browser()) =>
    await mind.followAll(await mind.submit(await visit(mind, path), { login, password }), ours)
  const exists = async ({ id }: Person) =>
    (await findAccountById(server.parts.db, id)) !== undefined
  const identitiesOf = async ({ id }: Person) => await listIdentitiesOfAccount(server.parts.db, id)
  /** What the worker does when its time has come. */
  const sweep = async (days: number) => {
    const now = new Date(server.parts.clock.now().getTime() + days * DAY_MS)
    const deps = { db: server.parts.db, clock: { now: () => now } }
    return await deleteDueAccounts(deps, { limit: 100, endAccess: async () => {} })
  }
  const typesOf = async ({ id }: Person) =>
    (await eventsOf(server)).filter(({ subject }) => subject === id).map(({ type }) => type)

  it('ends everything at once, and is done when the days are over', async () => {
    const ada = await addPerson(server)
    const { tokens } = await signIn(server, party, ada, {
      parameters: { scope: 'openid offline_access', prompt: 'consent' },
    })
    await addIdentity(server, ada, { connection: 'works', person: personOf('ada') })
    expect(await identitiesOf(ada)).to.have.length(1)
    const mind = browser()
    const page = await arrive(ada, '/delete', mind)
    expect(page.text()).to.include('You have 7 days')
    const done = await mind.submit(page, {}, { form: ({ id }) => id === 'delete-form' })
    expect(done.text()).to.include('you are signed out everywhere')
    expect((await visit(mind, '')).url).to.match(/login$/)
    expect((await refresh(server, client, tokens.refresh_token!)).status).to.equal(400)
    expect(await exists(ada)).to.equal(true)
    expect(await sweep(6.9)).to.equal(0)
    expect(await sweep(7.1)).to.equal(1)
    expect(await exists(ada)).to.equal(false)
    expect(await typesOf(ada)).to.include.members([
      'auth.account.deletion_scheduled',
      'auth.account.deleted',
    ])
    const left = await rows(
      server.parts.db,
      `SELECT (SELECT count(*)::int FROM oidc_record WHERE account_id = $1)
            + (SELECT count(*)::int FROM password_credential WHERE account_id = $1)
            + (SELECT count(*)::int FROM identity WHERE account_id = $1)
            + (SELECT count(*)::int FROM consent WHERE account_id = $1) AS left`,
      [ada.id],
    )
    expect(left).to.deep.equal([{ left: 0 }])
  })

  it('is taken back by who signs in meanwhile', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    const page = await arrive(ada, '/delete', mind)
    await mind.submit(page, {}, { form: ({ id }) => id === 'delete-form' })
    const back = browser()
    const overview = await arrive(ada, '', back)
    expect(overview.text()).to.include('This account will be deleted on')
    const kept = await back.submit(overview, {}, { form: ({ id }) => id === 'keep-form' })
    expect(kept.status).to.equal(200)
    expect((await visit(back, '')).text()).not.to.include('will be deleted')
    expect(await sweep(8)).to.equal(0)
    expect(await exists(ada)).to.equal(true)
    expect(await typesOf(ada)).to.include('auth.account.deletion_cancelled')
  })

  it('keeps its day when it is asked for again, and is decided once', async () => {
    const ada = await addPerson(server)
    const asked = { accountId: ada.id, graceDays: 7, origin: {} }
    const first = await scheduleDeletion(server.parts, asked, async () => {})
    const again = await scheduleDeletion(server.parts, { ...asked, graceDays: 90 }, async () => {})
    expect(again).to.deep.equal(first)
    const bob = await addPerson(server)
    await scheduleDeletion(
      server.parts,
      { ...asked, accountId: bob.id, graceDays: 0 },
      async () => {},
    )
    const two = await Promise.all([sweep(1), sweep(1)])
    expect(two.sort(), 'two workers at once').to.deep.equal([0, 1])
    const [swept, kept] = await Promise.all([
      sweep(8),
      cancelDeletion(server.parts, { accountId: ada.id, origin: {} }),
    ])
    expect(await exists(ada)).to.equal(kept)
    expect(swept).to.equal(kept ? 0 : 1)
  })

  it('takes a form of its own session only', async () => {
    const [ada, eve] = [await addPerson(server), await addPerson(server)]
    const mine = browser()
    await arrive(ada, '/delete', mine)
    const foreign = await arrive(eve)
    const csrf = foreign.forms()[0]!.fields.get('csrf')!
    for (const path of ['/delete', '/delete/cancel']) {
      const reply = await mine.post(at(path), { csrf }, { headers: { origin: server.issuer } })
      expect(reply.status).to.equal(403)
    }
    expect(await sweep(8)).to.equal(0)
  })
})

describe('Deleting an account where only operators do', function () {
  this.timeout(60_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_ACCOUNT_DELETION: 'operator' } })
  })
  after(() => server?.stop())

  it('is not offered, and not done', async () => {
    const ada = await addPerson(server)
    const mind = browser()
    const login = await mind.followAll(await mind.get(`${server.issuer}/account`))
    const overview = await mind.followAll(
      await mind.submit(login, { login: ada.email, password: ada.password }),
    )
    expect(overview.body).not.to.include('delete-account')
    const reply = await mind.followAll(await mind.get(`${server.issuer}/account/delete`))
    expect(reply.url).to.equal(`${server.issuer}/account`)
  })
})

import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { isSignedWebhook, type WebhookHeaders } from '../../src/core/standard_webhooks.ts'
import { disableAccount } from '../../src/domain/accounts/block_account.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
  statementsOf,
} from '../support/authcore.ts'
import { atOnce, browser, type Reply } from '../support/http.ts'
import { type LegacySystemUnderTest, startLegacySystem } from '../support/legacy_system.ts'
import {
  authorizationRequest,
  authorize,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'
import {
  BEHIND_PROXY,
  eventsOf,
  exchangeFields,
  expectTokens,
  fromSomewhere,
  post,
  rows,
  type TestClient,
} from './driver.ts'

/** People who are still in another system, and come over as they sign in. */

/** Of another system, and nothing that a new password may be. */
const PASSWORD = 'tulip'

describe('Signing in from a legacy system', function () {
  this.timeout(60_000)
  let legacy: LegacySystemUnderTest
  let server: AuthCore
  let client: TestClient
  let party: RelyingParty

  before(async () => {
    legacy = await startLegacySystem()
    server = await startAuthCore({
      env: {
        ...BEHIND_PROXY,
        AUTHCORE_LEGACY_SIGN_IN_HOOK: legacy.uri,
        AUTHCORE_LEGACY_SIGN_IN_HOOK_SECRET: legacy.secret,
        AUTHCORE_OUTBOUND_ALLOW: legacy.address,
      },
    })
    client = await addClient(server)
    party = await relyingParty(server, client)
  })
  after(async () => {
    await server?.stop()
    legacy?.stop()
  })
  beforeEach(() => {
    legacy.asked.length = 0
    legacy.answer = undefined
  })

  /** Somebody whom the other system knows. */
  function knows(name: string, account: object = {}): Person {
    const email = `${name}@example.test`
    const answer = { account: { email, emailVerified: true, ...account } }
    legacy.people.set(email, { password: PASSWORD, answer })
    return { id: '', email, password: PASSWORD }
  }

  const ours = (location: string) => !location.startsWith(server.issuer)
  /** A browser at the page where one signs in. */
  async function opened() {
    const mind = browser({ headers: fromSomewhere() })
    const { url } = await authorizationRequest(party)
    return { mind, page: await mind.followAll(await mind.get(url.href), ours) }
  }
  async function tries({ email, password }: Person): Promise<Reply> {
    const { mind, page } = await opened()
    return await mind.submit(page, { login: email, password })
  }
  const accountsOf = ({ email }: Person) =>
    rows<{ id: string }>(server.parts.db, 'SELECT id FROM account WHERE email_canonical = $1', [
      email,
    ])
  const reasons = async () =>
    (await eventsOf(server, 'auth.login.failed')).map(({ data }) => data['reason'])
  const warnings = () =>
    server.logged.filter(({ msg }) => String(msg).startsWith('the legacy system'))
  /** The page as somebody reads it, without what differs each time. */
  const words = (reply: Reply, { email }: Person) =>
    `${reply.status} ${reply.body.replaceAll(email, '').replace(/[\w-]{43,}/g, '')}`

  it('goes on like any other, with what the system tells of the person, and asks it once', async () => {
    const ada = knows('ada', { username: 'ada', claims: { name: 'Ada Lovelace' } })
    const { callback, checks } = await authorize(server, party, ada)
    const tokens = expectTokens(
      await post(server, '/token', client, exchangeFields({ callback, checks })),
    )
    const [account] = await accountsOf(ada)
    expect(decodeJwt(tokens.id_token!).sub).to.equal(account!.id)
    await authorize(server, party, ada)
    await authorize(server, party, { ...ada, email: 'ADA' })
    expect(legacy.asked).to.have.length(1)
    const created = await eventsOf(server, 'auth.user_created')
    expect(created.filter(({ subject }) => subject === account!.id)).to.deep.equal([
      {
        type: 'auth.user_created',
        subject: account!.id,
        data: { accountId: account!.id, by: 'legacy' },
      },
    ])
  })

  it('sends name and password and no more, signed', async () => {
    const grace = knows('grace')
    await authorize(server, party, grace)
    const { headers, body } = legacy.asked[0]!
    expect(JSON.parse(body)).to.deep.equal({ identifier: grace.email, password: PASSWORD })
    expect(headers['content-type']).to.equal('application/json')
    const signature = { headers: headers as unknown as WebhookHeaders, now: new Date() }
    expect(isSignedWebhook(legacy.secret, { ...signature, body })).to.equal(true)
    expect(isSignedWebhook(legacy.secret, { ...signature, body: `${body} ` })).to.equal(false)
  })

  it('makes one account, however many browsers come at once', async () => {
    const crowd = knows('crowd', { username: 'crowd' })
    const doors = await Promise.all(Array.from({ length: 10 }, opened))
    const replies = await atOnce(doors.length, (gate, n) => {
      const { mind, page } = doors[n]!
      return mind.submit(page, { login: crowd.email, password: PASSWORD }, { gate })
    })
    expect(replies.map(({ status }) => status)).to.deep.equal(Array(10).fill(200))
    for (const reply of replies) expect(reply.location).to.be.a('string')
    expect(await accountsOf(crowd)).to.have.length(1)
  })

  it('refuses a wrong password and a stranger with the same words as anybody', async () => {
    const careful = { ...knows('careful'), password: 'wrong rose' }
    const stranger = { id: '', email: 'stranger@example.test', password: 'wrong rose' }
    const here = { ...(await addPerson(server)), password: 'wrong rose' }
    const said = new Set<string>()
    for (const person of [careful, stranger, here]) said.add(words(await tries(person), person))
    expect(said).to.have.property('size', 1)
    expect([...said][0]).to.match(/^422 /)
    expect((await reasons()).slice(-3)).to.deep.equal([
      'unknown_identifier',
      'unknown_identifier',
      'wrong_password',
    ])
    expect(legacy.asked).to.have.length(2)
    expect(await accountsOf(careful)).to.be.empty
  })

  it('refuses with these words too where the system is broken, and lets people in when it is not', async () => {
    const unlucky = knows('unlucky')
    const broken: [NonNullable<LegacySystemUnderTest['answer']>, reason: string][] = [
      [(response) => response.writeHead(503).end(), 'legacy_unavailable'],
      [(response) => response.end('<html>'), 'legacy_invalid'],
      [(response) => response.end('{"account":{"email":"other@example.test"}}'), 'legacy_invalid'],
    ]
    const usual = words(await tries({ ...unlucky, password: 'wrong rose' }), unlucky)
    for (const [answer, reason] of broken) {
      legacy.answer = answer
      const warned = warnings().length
      expect(words(await tries(unlucky), unlucky)).to.equal(usual)
      expect((await reasons()).at(-1)).to.equal(reason)
      expect(warnings().slice(warned)).to.have.length(1)
    }
    expect(await accountsOf(unlucky)).to.be.empty
    legacy.answer = undefined
    await authorize(server, party, unlucky)
    expect(await accountsOf(unlucky)).to.have.length(1)
  })

  it('waits five seconds for the system and no longer', async () => {
    const patient = knows('patient')
    legacy.answer = () => {}
    const startedAt = performance.now()
    expect((await tries(patient)).status).to.equal(422)
    expect(performance.now() - startedAt).to.be.within(4_900, 12_000)
    expect((await reasons()).at(-1)).to.equal('legacy_unavailable')
  })

  it('gives nobody the account of somebody who is here', async () => {
    const owner = await addPerson(server)
    const rival = knows('rival', { username: 'rival', email: owner.email })
    legacy.people.set('rival', legacy.people.get(rival.email)!)
    expect((await tries({ ...rival, email: 'rival' })).status).to.equal(422)
    expect((await reasons()).at(-1)).to.equal('legacy_invalid')
    expect((await authorize(server, party, owner)).callback.searchParams.has('code')).to.equal(true)
  })

  it('lets nobody back in who was disabled here since', async () => {
    const gone = knows('gone')
    await authorize(server, party, gone)
    const [account] = await accountsOf(gone)
    await disableAccount(server.parts, account!.id)
    legacy.asked.length = 0
    expect((await tries(gone)).status).to.equal(422)
    expect((await reasons()).at(-1)).to.equal('account_disabled')
    expect(legacy.asked).to.be.empty
  })

  it('is counted before the system is asked: whoever guesses has to wait', async () => {
    const victim = knows('victim')
    const { mind, page } = await opened()
    const guess = (n: number) => mind.submit(page, { login: victim.email, password: `guess ${n}` })
    const statuses = []
    for (let n = 0; n < 12; n++) statuses.push((await guess(n)).status)
    expect(statuses).to.deep.equal([...Array(10).fill(422), 429, 429])
    expect(legacy.asked).to.have.length(10)
  })

  it('costs who is here no statement more than without such a system', async () => {
    const here = await addPerson(server)
    const elsewhere = await startAuthCore({ env: BEHIND_PROXY })
    try {
      const there = await addPerson(elsewhere, { email: here.email })
      const costs = []
      for (const [at, person] of [
        [server, here],
        [elsewhere, there],
      ] as const) {
        const web = await addClient(at)
        const { url } = await authorizationRequest(await relyingParty(at, web))
        const mind = browser({ headers: fromSomewhere() })
        const stop = (location: string) => !location.startsWith(at.issuer)
        const page = await mind.followAll(await mind.get(url.href), stop)
        await at.parts.recorder.flush()
        const fields = { login: person.email, password: 'wrong rose' }
        costs.push((await statementsOf(() => mind.submit(page, fields))).texts)
      }
      expect(costs[0]).to.deep.equal(costs[1])
    } finally {
      await elsewhere.stop()
    }
    expect(legacy.asked).to.be.empty
  })

  it('leaves no password anywhere', async () => {
    const log = JSON.stringify(server.logged)
    expect(log).to.include('the legacy system gave no usable answer')
    expect(log).not.to.include(PASSWORD).and.not.to.include(legacy.secret)
    const events = JSON.stringify(await eventsOf(server))
    expect(events).to.include('legacy_invalid').and.not.to.include(PASSWORD)
    const stored = await rows<{ phc: string }>(
      server.parts.db,
      'SELECT phc FROM password_credential',
    )
    for (const { phc } of stored) expect(phc).to.match(/^\$argon2id\$/)
  })
})

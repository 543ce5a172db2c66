import { type Challenge, solveChallenge } from 'altcha-lib'
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2'
import { expect } from 'chai'
import { query } from '../../src/platform/persistence/db.ts'
import { type AuthCore, addClient, startAuthCore } from '../support/authcore.ts'
import { atOnce, type Browser, browser, type Reply } from '../support/http.ts'
import { authorizationRequest, type RelyingParty, relyingParty } from '../support/relying_party.ts'
import { eventsOf } from './driver.ts'

const password = 'nine patient harbours'

describe('A proof of work', function () {
  this.timeout(60_000)
  let server: AuthCore
  let party: RelyingParty

  before(async () => {
    server = await startAuthCore({
      env: {
        AUTHCORE_SIGN_UP: 'open',
        AUTHCORE_PROOF_OF_WORK: 'on',
        AUTHCORE_PROOF_OF_WORK_ROUNDS: '20',
      },
    })
    party = await relyingParty(server, await addClient(server))
  })
  after(() => server?.stop())

  const ours = (location: string) => !location.startsWith(server.issuer)
  const open = async (mind: Browser, page: 'sign_up' | 'forgot_password') => {
    const { url } = await authorizationRequest(party)
    const login = await mind.followAll(await mind.get(url.href), ours)
    return await mind.get(login.url.replace(/login$/, page))
  }
  const challengeOf = ({ body }: Reply) =>
    JSON.parse(/data-challenge="([^"]+)"/.exec(body)![1]!.replaceAll('&quot;', '"')) as Challenge
  const proofOf = async (page: Reply) => {
    const challenge = challengeOf(page)
    return JSON.stringify({ challenge, solution: await solveChallenge({ challenge, deriveKey }) })
  }
  const codes = async () =>
    (await query<{ n: string }>(server.parts.db, 'SELECT count(*) AS n FROM one_time_code'))[0]!.n
  const refusals = async () => {
    await server.parts.recorder.flush()
    const events = await eventsOf(server, 'auth.proof_of_work.refused')
    return events.map(({ data }) => data['reason'])
  }
  const email = 'ada@example.test'

  for (const [page, fields] of [
    ['sign_up', { login: email, password }],
    ['forgot_password', { login: email }],
  ] as const) {
    it(`lets a form of ${page} through that has one`, async () => {
      const mind = browser()
      const form = await open(mind, page)
      const before = await codes()
      const sent = await mind.submit(form, { ...fields, proof: await proofOf(form) })
      expect(sent.status).to.be.lessThan(400)
      expect(Number(await codes())).to.equal(Number(before) + 1)
    })

    it(`keeps a form of ${page} back that has none, and what was typed in it`, async () => {
      const mind = browser()
      const form = await open(mind, page)
      const before = await codes()
      const again = await mind.submit(form, fields)
      expect(again.status).to.equal(422)
      expect(again.body).to.include('Send the form once more')
      if (page === 'sign_up') expect(again.body).to.include(`value="${email}"`)
      expect(await codes()).to.equal(before)
      expect((await refusals()).at(-1)).to.equal('missing')
    })
  }

  it('is taken once, however many come with it at the same time', async () => {
    const mind = browser()
    const form = await open(mind, 'forgot_password')
    const proof = await proofOf(form)
    const replies = await atOnce(10, (gate) => mind.submit(form, { login: email, proof }, { gate }))
    expect(replies.filter(({ status }) => status === 200)).to.have.length(1)
    expect((await refusals()).filter((reason) => reason === 'used')).to.have.length(9)
  })

  it('is of its own page and sign-in, unchanged, and in time', async () => {
    const mind = browser()
    const signUp = await proofOf(await open(mind, 'sign_up'))
    const form = await open(mind, 'forgot_password')
    const other = await proofOf(await open(browser(), 'forgot_password'))
    const easier = JSON.parse(await proofOf(form)) as { challenge: Challenge }
    easier.challenge.parameters.cost = 1
    const garbage = ['{', '[]', '{"challenge":{}}', JSON.stringify(easier), signUp, other]
    for (const proof of garbage) {
      const reply = await mind.submit(form, { login: email, proof })
      expect(reply.status, proof.slice(0, 40)).to.equal(422)
      expect((await refusals()).at(-1)).to.equal('wrong')
    }
    const ended = { ...easier.challenge.parameters, expiresAt: 1 }
    const proof = JSON.stringify({
      ...easier,
      challenge: { ...easier.challenge, parameters: ended },
    })
    expect((await mind.submit(form, { login: email, proof })).status).to.equal(422)
  })
})

import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import pg from 'pg'
import {
  exchangeFields,
  expectTokens,
  introspect,
  post,
  refresh,
  type TestClient,
  type Tokens,
  userinfo,
} from '../protocol/driver.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { browser } from '../support/http.ts'
import {
  authorizationRequest,
  authorize,
  type RelyingParty,
  relyingParty,
} from '../support/relying_party.ts'

/**
 * PostgreSQL cuts every connection again and again while clients refresh. Whoever was not answered
 * asks again and goes on with the chain they have: nobody is taken for a thief for it, and nothing
 * is half done.
 */
describe('PostgreSQL that cuts its connections', function () {
  this.timeout(60_000)
  let server: AuthCore
  let ada: Person
  let client: TestClient
  let party: RelyingParty
  let admin: pg.Client

  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    client = await addClient(server)
    party = await relyingParty(server, client)
    const { connection } = server.parts.storage
    admin = new pg.Client(connection)
    await admin.connect()
  })
  after(async () => {
    await admin?.end()
    await server?.stop()
  })

  const cut = () =>
    admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND backend_type = 'client backend'`,
    )

  it('breaks no chain of refresh tokens', async () => {
    const parameters = { scope: 'openid offline_access', prompt: 'consent' }
    const chains = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const fields = exchangeFields(await authorize(server, party, ada, { parameters }))
        return expectTokens(await post(server, '/token', client, fields))
      }),
    )
    const counts = { answered: 0, away: 0 }
    let going = true
    const refreshing = chains.map(async (first) => {
      let tokens: Tokens = first
      while (going) {
        const reply = await refresh(server, client, tokens.refresh_token!)
        expect(reply.status, reply.body).to.be.oneOf([200, 503])
        if (reply.status === 503) {
          counts.away += 1
          expect(Number(reply.headers['retry-after'])).to.be.above(0)
          expect(reply.json()).to.include({ error: 'temporarily_unavailable' })
        } else {
          counts.answered += 1
          tokens = reply.json<Tokens>()
        }
      }
      return tokens
    })
    for (let round = 0; round < 25; round++) {
      await sleep(60 + Math.random() * 120)
      await cut()
    }
    going = false
    const last = await Promise.all(refreshing)
    expect(counts.answered).to.be.above(20)
    expect(counts.away, 'requests that were told to ask again').to.be.above(0)
    for (const tokens of last) {
      await until(async () => (await userinfo(server, tokens.access_token)).status === 200)
      expectTokens(await refresh(server, client, tokens.refresh_token!))
    }
  })

  it('shows people a page that says so, and serves again a moment later', async () => {
    const replies = []
    for (let round = 0; round < 15; round++) {
      const { url } = await authorizationRequest(party)
      const asking = [browser(), browser(), browser()].map((each) => each.get(url.href))
      await cut()
      replies.push(...(await Promise.all(asking)))
    }
    for (const reply of replies) {
      expect(reply.status, reply.text().slice(0, 200)).to.be.oneOf([303, 503])
      if (reply.status === 503) {
        expect(reply.headers['content-type']).to.match(/^text\/html/)
        expect(Number(reply.headers['retry-after'])).to.be.above(0)
      }
    }
    await until(async () => {
      const { url } = await authorizationRequest(party)
      return (await browser().get(url.href)).status === 303
    })
    expect(await introspect(server, client, 'nobody')).to.deep.equal({ active: false })
    await until(async () => server.parts.changes.connected)
  })
})

async function until(holds: () => Promise<boolean>, timeoutMs = 5_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`did not come to hold within ${timeoutMs} ms`)
    await sleep(50)
  }
}

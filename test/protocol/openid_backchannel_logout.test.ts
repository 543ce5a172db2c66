import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { expect } from 'chai'
import { decodeProtectedHeader } from 'jose'
import {
  type AuthCore,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import type { Browser } from '../support/http.ts'
import { authorize, relyingParty } from '../support/relying_party.ts'
import { exchangeFields, expectTokens, post, rows, verifyWithJwks } from './driver.ts'

type Received = { token: string; headers: IncomingMessage['headers'] }

describe('Back-channel logout (OpenID Connect Back-Channel Logout 1.0)', function () {
  this.timeout(40_000)
  let server: AuthCore
  let ada: Person
  let receiver: Server
  let port: number
  const received: Received[] = []
  /** How the client answers the next deliveries; then with 200. */
  const answers: ((response: ServerResponse) => void)[] = []

  before(async () => {
    port = await freePort()
    receiver = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const body = new URLSearchParams(Buffer.concat(chunks).toString())
        received.push({ token: body.get('logout_token') ?? '', headers: request.headers })
        const answer = answers.shift()
        if (answer) answer(response)
        else response.writeHead(200).end()
      })
    })
    await new Promise<void>((resolve) => receiver.listen(port, '127.0.0.1', resolve))
    server = await startAuthCore({
      worker: true,
      env: { AUTHCORE_OUTBOUND_ALLOW: `127.0.0.1:${port}` },
    })
    ada = await addPerson(server)
  })
  after(async () => {
    await server?.stop()
    receiver?.closeAllConnections()
    receiver?.close()
  })
  beforeEach(() => {
    received.length = 0
    answers.length = 0
  })

  const addListening = (uri = `http://127.0.0.1:${port}/logged-out`) =>
    addClient(server, {
      metadata: { backchannel_logout_uri: uri, backchannel_logout_session_required: true },
    })

  async function signInWith(client: Awaited<ReturnType<typeof addClient>>, alice?: Browser) {
    const at = await relyingParty(server, client)
    const options = { parameters: { scope: 'openid' }, ...(alice ? { alice } : {}) }
    const signedIn = await authorize(server, at, ada, options)
    const tokens = expectTokens(await post(server, '/token', client, exchangeFields(signedIn)))
    const { payload } = await verifyWithJwks(server, tokens.id_token!)
    return { alice: signedIn.alice, sid: String(payload['sid']) }
  }

  /** Presses the button, and returns how long the person waited. */
  async function signOut(alice: Browser): Promise<number> {
    const page = await alice.get(`${server.issuer}/logout`)
    const startedAt = performance.now()
    const answer = await alice.submit(page, {}, { button: 'logout' })
    expect(answer.status).to.be.below(400)
    return performance.now() - startedAt
  }

  const until = async (holds: () => boolean | Promise<boolean>, timeoutMs = 15_000) => {
    const deadline = Date.now() + timeoutMs
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error('did not come to hold in time')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  const events = async (type: string) =>
    await rows<{ type: string; data: Record<string, unknown> }>(
      server.parts.db,
      `SELECT type, data FROM event_outbox WHERE type = $1
       UNION ALL SELECT type, data FROM audit_entry WHERE type = $1`,
      [type],
    )
  /** The pause before the next attempt is over, and the worker asks for work. */
  const letRetry = async () => {
    await until(async () => {
      const waiting = await rows(
        server.parts.db,
        `UPDATE job_queue.job SET start_after = now()
          WHERE name = 'backchannel_logout' AND state = 'retry' RETURNING 1`,
      )
      return waiting.length > 0
    })
    const nobody = { clientId: 'nobody', accountId: 'nobody', sid: 'x', issuedAt: 0 }
    await server.parts.jobs.send('backchannel_logout', nobody)
  }

  it('tells every application of the session, with a token that they can verify', async () => {
    const [one, two] = [await addListening(), await addListening()]
    const first = await signInWith(one)
    const second = await signInWith(two, first.alice)
    await signOut(first.alice)
    await until(() => received.length === 2)
    const sids = new Map([
      [one.clientId, first.sid],
      [two.clientId, second.sid],
    ])
    for (const { token, headers } of received) {
      expect(headers['content-type']).to.match(/^application\/x-www-form-urlencoded/)
      expect(decodeProtectedHeader(token).typ).to.equal('logout+jwt')
      const { payload } = await verifyWithJwks(server, token, { typ: 'logout+jwt' })
      expect(payload.sub).to.equal(ada.id)
      expect(payload['sid']).to.equal(sids.get(String(payload.aud)))
      expect(payload['events']).to.deep.equal({
        'http://schemas.openid.net/event/backchannel-logout': {},
      })
      expect(payload.jti).to.be.a('string')
      expect(payload).not.to.have.property('nonce')
      expect(payload.exp! - payload.iat!).to.be.within(1, 120)
    }
    expect(new Set(received.map(({ token }) => token)).size).to.equal(2)
    await server.parts.recorder.flush()
    await until(async () => (await events('auth.backchannel_logout.delivered')).length >= 2)
  })

  it('tells nobody whose session it was not', async () => {
    const client = await addListening()
    await signInWith(client)
    const other = await signInWith(await addClient(server))
    await signOut(other.alice)
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(received).to.deep.equal([])
  })

  it('tries again after a refusal, with a fresh token', async () => {
    const { alice } = await signInWith(await addListening())
    answers.push((response) => response.writeHead(500).end('broken'))
    await signOut(alice)
    await until(() => received.length === 1)
    await letRetry()
    await until(() => received.length === 2)
    const [first, second] = await Promise.all(
      received.map(async ({ token }) => (await verifyWithJwks(server, token)).payload),
    )
    expect(second!.sub).to.equal(first!.sub)
    expect(second!['sid']).to.equal(first!['sid'])
    expect(second!.jti).not.to.equal(first!.jti)
  })

  it('tries again after a client that never answers, and nobody waits for it', async () => {
    const hanging = await addListening()
    const quick = await addListening()
    const { alice } = await signInWith(hanging)
    await signInWith(quick, alice)
    const held: ServerResponse[] = []
    answers.push((response) => void held.push(response))
    const waitedMs = await signOut(alice)
    expect(waitedMs).to.be.below(2_500)
    await until(() => received.length === 2)
    await letRetry()
    await until(() => received.length === 3)
    held.forEach((response) => void response.destroy())
  })

  it('does not follow a redirect', async () => {
    const { alice } = await signInWith(await addListening())
    answers.push((response) =>
      response.writeHead(307, { location: `http://127.0.0.1:${port}/elsewhere` }).end(),
    )
    await signOut(alice)
    await until(() => received.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(received).to.have.length(1)
  })

  it('calls no address inside the house that is not on the list', async () => {
    const inner = await freePort()
    let called = 0
    const internal = createServer((_request, response) => {
      called += 1
      response.end()
    })
    await new Promise<void>((resolve) => internal.listen(inner, '127.0.0.1', resolve))
    try {
      const { alice } = await signInWith(await addListening(`http://127.0.0.1:${inner}/`))
      await signOut(alice)
      await until(async () => {
        const [row] = await rows<{ tried: number }>(
          server.parts.db,
          `SELECT count(*)::integer AS tried FROM job_queue.job
            WHERE name = 'backchannel_logout' AND state = 'retry'`,
        )
        return row!.tried > 0
      })
      expect(called).to.equal(0)
    } finally {
      internal.close()
    }
  })

  it('tells the applications of an account that waited when the browser signs out', async () => {
    const client = await addListening()
    const { alice, sid } = await signInWith(client)
    const bob = await addPerson(server)
    const at = await relyingParty(server, await addClient(server))
    await authorize(server, at, bob, { alice, parameters: { scope: 'openid', prompt: 'login' } })
    await signOut(alice)
    await until(() => received.length === 1)
    const { payload } = await verifyWithJwks(server, received[0]!.token)
    expect(payload).to.include({ sub: ada.id, sid, aud: client.clientId })
  })
})

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import { createServer as createTrap } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'chai'
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
import { expectError, expectTokens, post, rows, type TestClient } from './driver.ts'

const CIBA = 'urn:openid:params:grant-type:ciba'
const BEARER = 'bearer.of-the~client_8'

describe('Ping at backchannel authentication (OpenID Connect CIBA Core 1.0 §10.2)', function () {
  this.timeout(40_000)
  let server: AuthCore
  let folder: string
  let receiver: Server
  let port: number
  let ada: Person
  let alice: Browser
  let client: TestClient
  const received: { url: string | undefined; headers: IncomingHttpHeaders; body: string }[] = []
  /** How the client answers the next pings; then with 204. */
  const answers: ((response: ServerResponse) => void)[] = []

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'ciba-ping-'))
    const credentials = selfSigned()
    port = await freePort()
    receiver = createServer(credentials, (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const { url, headers } = request
        received.push({ url, headers, body: Buffer.concat(chunks).toString() })
        const answer = answers.shift()
        if (answer) answer(response)
        else response.writeHead(204).end()
      })
    })
    await new Promise<void>((resolve) => receiver.listen(port, '127.0.0.1', resolve))
    server = await startAuthCore({
      worker: true,
      env: {
        AUTHCORE_OUTBOUND_ALLOW: `127.0.0.1:${port}`,
        AUTHCORE_OUTBOUND_CA_FILE: path.join(folder, 'cert.pem'),
      },
    })
    ada = await addPerson(server)
    client = await addPinged()
    const party = await relyingParty(server, await addClient(server, { preset: 'spa' }))
    alice = (await authorize(server, party, ada)).alice
  })
  after(async () => {
    await server?.stop()
    receiver?.closeAllConnections()
    receiver?.close()
    rmSync(folder, { recursive: true })
  })
  beforeEach(() => {
    received.length = 0
    answers.length = 0
  })

  function selfSigned() {
    const name = ['-subj', '/CN=rp', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2']
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const files = ['-keyout', 'key.pem', '-out', 'cert.pem']
    execFileSync('openssl', ['req', '-x509', ...key, ...files, ...name], {
      cwd: folder,
      stdio: 'pipe',
    })
    const read = (file: string) => readFileSync(path.join(folder, file), 'utf8')
    return { key: read('key.pem'), cert: read('cert.pem') }
  }

  const addPinged = (endpoint = `https://127.0.0.1:${port}/ping`) =>
    addClient(server, {
      metadata: {
        grant_types: [CIBA],
        response_types: [],
        redirect_uris: [],
        backchannel_token_delivery_mode: 'ping',
        backchannel_client_notification_endpoint: endpoint,
      },
    })
  const ask = (fields: Record<string, string> = {}, who = client) =>
    post(server, '/backchannel_authentication', who, {
      scope: 'openid',
      login_hint: ada.email,
      client_notification_token: BEARER,
      ...fields,
    })
  const begin = async (who = client) => {
    const reply = await ask({}, who)
    expect(reply.status, reply.body).to.equal(200)
    return reply.json<{ auth_req_id: string }>().auth_req_id
  }
  const redeem = (id: string, who = client) =>
    post(server, '/token', who, { grant_type: CIBA, auth_req_id: id })
  /** Answers the only request there is, and returns how long the person waited. */
  const answer = async (button: 'approve' | 'deny') => {
    const page = await alice.get(`${server.issuer}/ciba`)
    const startedAt = performance.now()
    const done = await alice.submit(page, {}, { button })
    expect(done.status, done.text()).to.equal(200)
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
    await rows<{ data: Record<string, unknown> }>(
      server.parts.db,
      `SELECT data FROM event_outbox WHERE type = $1
       UNION ALL SELECT data FROM audit_entry WHERE type = $1`,
      [type],
    )
  const retryNow = async () => {
    await until(async () => {
      const waiting = await rows(
        server.parts.db,
        `UPDATE job_queue.job SET start_after = now()
          WHERE name = 'ciba_ping' AND state = 'retry' RETURNING 1`,
      )
      return waiting.length > 0
    })
    await server.parts.jobs.send('ciba_ping', { clientId: 'nobody', request: 'nothing' })
  }

  it('tells the application that the person has answered, and no more', async () => {
    const id = await begin()
    expect(received).to.have.length(0)
    await answer('approve')
    await until(() => received.length === 1)
    expect(received[0]!.headers.authorization).to.equal(`Bearer ${BEARER}`)
    expect(received[0]!.headers['content-type']).to.match(/^application\/json/)
    expect(JSON.parse(received[0]!.body)).to.deep.equal({ auth_req_id: id })
    expectTokens(await redeem(id))
    await until(async () => (await events('auth.approval.ping_delivered')).length === 1)
  })

  it('tells of a refusal, too', async () => {
    const id = await begin()
    await answer('deny')
    await until(() => received.length === 1)
    expectError(await redeem(id), 400, 'access_denied')
  })

  it('lets the person not wait for an application that hangs, and tries again', async () => {
    answers.push(() => {})
    const id = await begin()
    expect(await answer('approve')).to.be.below(2_000)
    await until(() => received.length === 1)
    receiver.closeAllConnections()
    await retryNow()
    await until(() => received.length === 2)
    expect(JSON.parse(received[1]!.body)).to.deep.equal({ auth_req_id: id })
    await until(async () =>
      (await events('auth.approval.ping_delivered')).some(({ data }) => data['attempts'] === 2),
    )
    expectTokens(await redeem(id))
  })

  it('follows no redirect, and takes no error for a success', async () => {
    for (const status of [302, 500]) {
      received.length = 0
      answers.push((response) => response.writeHead(status, { location: '/elsewhere' }).end())
      const id = await begin()
      await answer('approve')
      await until(() => received.length === 1)
      await retryNow()
      await until(() => received.length === 2)
      expect(received.map(({ url }) => url)).to.deep.equal(['/ping', '/ping'])
      expectTokens(await redeem(id))
    }
  })

  it('does not reach into our own network', async () => {
    let reached = 0
    const trap = createTrap(() => {
      reached += 1
    })
    const inner = await freePort()
    await new Promise<void>((resolve) => trap.listen(inner, '127.0.0.1', resolve))
    const inside = await addPinged(`https://127.0.0.1:${inner}/ping`)
    const id = await begin(inside)
    await answer('approve')
    await until(async () => {
      const waiting = await rows(
        server.parts.db,
        `SELECT 1 FROM job_queue.job
          WHERE name = 'ciba_ping' AND state = 'retry' AND data->>'clientId' = $1`,
        [inside.clientId],
      )
      return waiting.length === 1
    })
    expect(reached).to.equal(0)
    trap.close()
    // Polling goes on as if nothing were amiss (§7.3: "even if notified").
    expectTokens(await redeem(id, inside))
  })

  it('wants a bearer token of the client', async () => {
    expectError(await ask({ client_notification_token: '' }), 400, 'invalid_request')
    expectError(await ask({ client_notification_token: 'no good\u00e9' }), 400, 'invalid_request')
    expectError(await ask({ client_notification_token: 'x'.repeat(1025) }), 400, 'invalid_request')
  })

  it('keeps the bearer token and the id out of the queue and the tables', async () => {
    const id = await begin()
    answers.push((response) => response.writeHead(500).end())
    await answer('approve')
    await until(() => received.length === 1)
    const stored = await rows<{ all: string }>(
      server.parts.db,
      `SELECT (SELECT string_agg(j::text, ' ') FROM job_queue.job j)
              || (SELECT string_agg(r::text, ' ') FROM oidc_record r) AS all`,
    )
    expect(stored[0]!.all).not.to.include(BEARER).and.not.include(id)
    for (const text of [BEARER, id]) {
      expect(JSON.stringify(server.logged)).not.to.include(text)
    }
  })

  it('writes a message to the person, who finds the way from there', async () => {
    await begin()
    let inbox = await alice.get(`${server.issuer}/dev/inbox`)
    await until(async () => {
      inbox = await alice.get(`${server.issuer}/dev/inbox`)
      return inbox.text().includes('Example application asks for your approval')
    })
    const [, message] = /href="(\/dev\/inbox\/[0-9a-f-]+)"/.exec(inbox.body) ?? []
    const page = await alice.get(server.issuer + message)
    expect(page.body).to.include(`<a href="${server.issuer}/ciba">`)
    await answer('deny')
  })
})

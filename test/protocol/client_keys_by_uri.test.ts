import { createServer, type Server, type ServerResponse } from 'node:http'
import { expect } from 'chai'
import { API, type AuthCore, addApi, startAuthCore } from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import {
  addService,
  BEHIND_PROXY,
  clientAssertion,
  expectTokens,
  fromSomewhere,
  post,
  type SigningParty,
  signingParty,
} from './driver.ts'

describe('Keys of a client behind its jwks_uri (RFC 7523, OpenID Connect Core §10.1.1)', function () {
  this.timeout(60_000)
  let server: AuthCore
  let host: Server
  let port: number
  let asked = 0
  let answer: (response: ServerResponse) => void

  before(async () => {
    port = await freePort()
    host = createServer((_request, response) => {
      asked += 1
      answer(response)
    })
    await new Promise<void>((resolve) => host.listen(port, '127.0.0.1', resolve))
    server = await startAuthCore({
      env: { ...BEHIND_PROXY, AUTHCORE_OUTBOUND_ALLOW: `127.0.0.1:${port}` },
    })
    await addApi(server)
  })
  after(async () => {
    await server?.stop()
    host?.closeAllConnections()
    host?.close()
  })

  const keyed = async (kid: string) => {
    const party = await signingParty()
    return { ...party, jwk: { ...party.jwk, kid, alg: 'ES256', use: 'sig' } }
  }
  const publish = (...parties: SigningParty[]) => {
    answer = (response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ keys: parties.map(({ jwk }) => jwk) }))
    }
  }
  const addKeyed = (uri = `http://127.0.0.1:${port}/keys`) =>
    addService(server, {
      resource_scopes: { [API]: ['read'] },
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: uri,
    })
  /** The engine keeps what it fetched for a minute at least; how old it is, is nowhere but there. */
  const letMinutePass = async (clientId: string) => {
    const client = await server.parts.runtime.provider().Client.find(clientId)
    const { asymmetricKeyStore: keys } = client as unknown as {
      asymmetricKeyStore: { freshUntil: number }
    }
    keys.freshUntil = 0
  }
  const ask = async (clientId: string, party: SigningParty) => {
    const assertion = await clientAssertion(server, clientId, party, {
      header: { kid: party.jwk.kid },
    })
    const fields = { grant_type: 'client_credentials', resource: API, ...assertion }
    return await post(server, '/token', undefined, fields, { headers: fromSomewhere() })
  }

  it('are fetched once, and again a minute later', async () => {
    const [one, two] = [await keyed('one'), await keyed('two')]
    publish(one)
    asked = 0
    const { clientId } = await addKeyed()
    for (let time = 0; time < 5; time++) expectTokens(await ask(clientId, one))
    expect(asked).to.equal(1)
    publish(two)
    await letMinutePass(clientId)
    expectTokens(await ask(clientId, two))
    expect((await ask(clientId, one)).status).to.equal(401)
    expect(asked).to.equal(2)
  })

  it('do not let in whoever has another key', async () => {
    const own = await keyed('one')
    publish(own)
    const { clientId } = await addKeyed()
    const stranger = await keyed('one')
    expect((await ask(clientId, stranger)).status).to.equal(401)
    expectTokens(await ask(clientId, own))
  })

  it('are fetched from no address inside the house that is not on the list', async () => {
    let called = 0
    const inner = await freePort()
    const internal = createServer((_request, response) => {
      called += 1
      response.end('{"keys":[]}')
    })
    await new Promise<void>((resolve) => internal.listen(inner, '127.0.0.1', resolve))
    try {
      const own = await keyed('one')
      for (const uri of [`http://127.0.0.1:${inner}/keys`, `http://localhost:${inner}/keys`]) {
        const { clientId } = await addKeyed(uri)
        const reply = await ask(clientId, own)
        expect(reply.status, reply.body).to.be.within(400, 401)
      }
      expect(called).to.equal(0)
    } finally {
      internal.close()
    }
  })

  for (const [title, broken] of [
    ['nothing that is JSON', (response) => response.end('<html>')],
    ['something that is no key set', (response) => response.end('{"keys":"x"}')],
    ['keys that are none', (response) => response.end('{"keys":[{"kty":"oct","k":"AA"},{},null]}')],
    ['an error', (response) => response.writeHead(500).end('broken')],
    [
      'a redirect',
      (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    ],
    ['five megabytes', (response) => response.end(`{"keys":["${'x'.repeat(5_000_000)}"]}`)],
    ['a connection that breaks off', (response) => response.destroy()],
    ['nothing at all', () => {}],
  ] as [string, (response: ServerResponse) => void][]) {
    it(`that turn out to be ${title} let nobody in, and hold nobody up`, async () => {
      const own = await keyed('one')
      answer = broken
      const { clientId } = await addKeyed()
      const startedAt = performance.now()
      const reply = await ask(clientId, own)
      expect(reply.status, reply.body).to.be.within(400, 401)
      expect(performance.now() - startedAt).to.be.below(12_000)
      publish(own)
      const other = await addKeyed()
      expectTokens(await ask(other.clientId, own))
    })
  }
})

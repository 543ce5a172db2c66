import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { sha256 } from '../../src/core/secrets.ts'
import { loadConfig } from '../../src/platform/config/load_config.ts'
import {
  type AuthCore,
  addClient,
  addPerson,
  CALLBACK,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser } from '../support/http.ts'
import { authorize, goThrough, relyingParty } from '../support/relying_party.ts'
import {
  answerAt,
  BEHIND_PROXY,
  eventsOf,
  expectErrorPage,
  expectTokens,
  fromSomewhere,
  type ProofChanges,
  post,
  type SigningParty,
  signingParty,
  type TestClient,
} from './driver.ts'
import { jwksOf, requestObject, VERIFIER } from './request_object.ts'

describe('Authorization requests by reference (OpenID Connect Core §6.2)', function () {
  this.timeout(40_000)
  let server: AuthCore
  let ada: Person
  let alice: Browser
  let key: SigningParty
  let client: TestClient
  let site: Server
  let address: string
  let paths = 0
  const asked: string[] = []
  const answers = new Map<string, (response: ServerResponse) => void>()

  before(async () => {
    site = createServer(({ url = '' }, response) => {
      asked.push(url)
      const answer = answers.get(url)
      if (answer) answer(response)
      else response.writeHead(404).end()
    })
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
    address = `127.0.0.1:${(site.address() as AddressInfo).port}`
    server = await startAuthCore({
      env: {
        ...BEHIND_PROXY,
        AUTHCORE_OUTBOUND_ALLOW: address,
        AUTHCORE_REQUEST_URI: 'true',
      },
    })
    ada = await addPerson(server)
    key = await signingParty()
    const request_uris = Array.from({ length: 40 }, (_, at) => `http://${address}/${at}`)
    client = await addClient(server, { metadata: { jwks: jwksOf(key), request_uris } })
    alice = (await authorize(server, await relyingParty(server, client), ada)).alice
  })
  after(async () => {
    await server?.stop()
    site?.closeAllConnections()
    site?.close()
  })
  beforeEach(() => {
    asked.length = 0
  })

  /** A registered address at which nothing was before. */
  const serve = (answer: (response: ServerResponse) => void): string => {
    const path = `/${paths++}`
    answers.set(path, answer)
    return `http://${address}${path}`
  }
  const publish = (text: string) => serve((response) => response.end(text))
  const object = (changes: ProofChanges = {}) =>
    requestObject(server, client.clientId, key, changes)
  type Extra = Record<string, string>
  const ask = (request_uri: string, extra: Extra = {}, who = client, mind = alice) =>
    mind.get(
      `${server.issuer}/authorize?${new URLSearchParams({ client_id: who.clientId, request_uri, ...extra })}`,
      { headers: fromSomewhere() },
    )
  const errorOf = async (request_uri: string) => {
    const reply = await ask(request_uri, { redirect_uri: CALLBACK, state: 'x' })
    expect(answerAt(reply).get('state')).to.be.oneOf(['x', 'state in the object'])
    return answerAt(reply).get('error')
  }
  const redeem = async (callback: URL) =>
    await post(server, '/token', client, {
      grant_type: 'authorization_code',
      code: callback.searchParams.get('code') ?? '',
      redirect_uri: CALLBACK,
      code_verifier: VERIFIER,
    })

  it('are told in discovery, with the registration that they need', async () => {
    const reply = await browser().get(`${server.issuer}/.well-known/openid-configuration`)
    expect(reply.json()).to.deep.include({
      request_parameter_supported: true,
      request_uri_parameter_supported: true,
      require_request_uri_registration: true,
    })
  })

  it('are fetched, from the page to the tokens', async () => {
    const uri = publish(`${await object()}\n`)
    const eve = browser()
    const callback = await goThrough(eve, await ask(uri, {}, client, eve), ada, server.issuer)
    expect(callback.searchParams.get('state')).to.equal('state in the object')
    expectTokens(await redeem(callback))
    expect(asked).to.have.length(1)
  })

  it('are taken as a form too', async () => {
    const fields = { client_id: client.clientId, request_uri: publish(await object()) }
    const headers = fromSomewhere()
    const sent = await alice.post(`${server.issuer}/authorize`, fields, { headers })
    const reply = await alice.get(sent.location!, { headers })
    expect(answerAt(reply).get('code')).to.be.a('string')
    expect(asked).to.have.length(1)
  })

  it('may serve for long and for many: the file is what is current', async () => {
    const lasting = { exp: undefined, nbf: undefined, iat: undefined, jti: 'always the same' }
    const uri = publish(await object({ claims: lasting }))
    for (let time = 0; time < 2; time++) {
      expect(answerAt(await ask(uri)).get('code')).to.be.a('string')
    }
    expect(asked).to.have.length(2)
  })

  it('decide alone: nothing beside them counts', async () => {
    const uri = publish(await object())
    const beside = { state: 'forged', scope: 'openid email', redirect_uri: 'https://evil.test/' }
    const reply = await ask(uri, beside)
    expect(answerAt(reply).get('state')).to.equal('state in the object')
    expect(expectTokens(await redeem(new URL(reply.location!))).scope).to.equal('openid')
  })

  describe('with the hash of the file as a fragment', () => {
    it('are taken where it holds', async () => {
      const text = await object()
      const uri = `${publish(text)}#${sha256(text).toString('base64url')}`
      expect(answerAt(await ask(uri)).get('code')).to.be.a('string')
    })

    it('are refused where it does not, and the site is not told the fragment', async () => {
      const uri = publish(await object())
      for (const hash of [sha256('x').toString('base64url'), 'x', '']) {
        expect(await errorOf(`${uri}#${hash}`), hash).to.equal('invalid_request_uri')
      }
      expect(asked.join()).not.to.include('#')
    })

    it('can be registered with it', async () => {
      const text = await object()
      const hash = sha256(text).toString('base64url')
      const uri = `http://${address}/hashed`
      answers.set('/hashed', (response) => response.end(text))
      const request_uris = [`${uri}#${hash}`]
      const own = await addClient(server, { metadata: { jwks: jwksOf(key), request_uris } })
      const reply = await ask(`${uri}#${hash}`, { redirect_uri: CALLBACK }, own)
      // Fetched; it says that it is of another client.
      expect(answerAt(reply).get('error')).to.equal('invalid_request_object')
    })
  })

  describe('are not fetched', () => {
    it('from an address that is not registered exactly so', async () => {
      const uri = publish(await object())
      for (const other of [
        `${uri}?x`,
        `${uri}/`,
        uri.replace('http:', 'https:'),
        uri.replace('127.0.0.1', 'localhost'),
        uri.replace('://', '://user@'),
        uri.replace(/\/(\d+)$/, '/%2e/$1'),
        `http://${address}/somewhere`,
        'https://127.0.0.1:1/',
        'http://169.254.169.254/latest/meta-data',
      ]) {
        expect(await errorOf(other), other).to.equal('invalid_request_uri')
      }
      expect(asked).to.deep.equal([])
    })

    it('for another client, or one that nobody knows', async () => {
      const uri = publish(await object())
      const other = await addClient(server)
      const reply = await ask(uri, { redirect_uri: CALLBACK }, other)
      expect(answerAt(reply).get('error')).to.equal('invalid_request_uri')
      expectErrorPage(await ask(uri, { redirect_uri: CALLBACK }, { clientId: 'nobody' }), 400)
      expect(asked).to.deep.equal([])
    })

    it('with another scheme, twice, or beside a request', async () => {
      const uri = publish(await object())
      expect(await errorOf('file:///etc/passwd')).to.equal('request_uri_not_supported')
      const both = await ask(uri, { request: await object(), redirect_uri: CALLBACK })
      expect(answerAt(both).get('error')).to.equal('invalid_request')
      const query = new URLSearchParams({ client_id: client.clientId, redirect_uri: CALLBACK })
      query.append('request_uri', uri)
      query.append('request_uri', uri)
      const twice = await alice.get(`${server.issuer}/authorize?${query}`, {
        headers: fromSomewhere(),
      })
      expect(answerAt(twice).get('error')).to.equal('invalid_request')
      expect(asked).to.deep.equal([])
    })

    it('at the endpoint for pushed requests', async () => {
      const reply = await post(server, '/par', client, { request_uri: publish(await object()) })
      expect(reply.status).to.equal(400)
      expect(asked).to.deep.equal([])
    })

    it('from inside the house, although registered', async () => {
      const inner = createServer((_request, response) => response.end('a.b.c'))
      await new Promise<void>((resolve) => inner.listen(0, '127.0.0.1', resolve))
      const uri = `http://127.0.0.1:${(inner.address() as AddressInfo).port}/`
      let reached = 0
      inner.on('request', () => {
        reached += 1
      })
      const own = await addClient(server, { metadata: { jwks: jwksOf(key), request_uris: [uri] } })
      const reply = await ask(uri, { redirect_uri: CALLBACK }, own)
      inner.close()
      expect(answerAt(reply).get('error')).to.equal('invalid_request_uri')
      expect(reached).to.equal(0)
    })
  })

  describe('are refused', () => {
    const faulty: [string, (response: ServerResponse) => void][] = [
      ['that are not there', (response) => response.writeHead(404).end()],
      ['behind a redirect', (response) => response.writeHead(302, { location: '/0' }).end()],
      ['that are a page', (response) => response.end('<html>')],
      ['that are encrypted', (response) => response.end('a.b.c.d.e')],
      ['that are nothing', (response) => response.end()],
      ['that are too large', (response) => response.end(`a.${'b'.repeat(70_000)}.c`)],
      ['whose site breaks off', (response) => response.destroy()],
      ['whose site fails', (response) => response.writeHead(500).end('a.b.c')],
    ]
    for (const [title, answer] of faulty) {
      it(title, async () => {
        expect(await errorOf(serve(answer))).to.equal('invalid_request_uri')
        expect(asked).to.have.length(1)
      })
    }

    it('that take longer than a person waits', async () => {
      const startedAt = performance.now()
      expect(await errorOf(serve(() => {}))).to.equal('invalid_request_uri')
      expect(performance.now() - startedAt).to.be.within(2_000, 6_000)
    })

    it('unsigned, signed by somebody else, or for somebody else', async () => {
      const none = Buffer.from('{"alg":"none"}').toString('base64url')
      const [, payload] = (await object()).split('.')
      for (const text of [
        `${none}.${payload}.`,
        await object({ key: (await signingParty()).privateKey }),
        await object({ claims: { aud: 'https://other.example.test' } }),
        await object({ claims: { iss: 'somebody' } }),
        await object({ claims: { client_id: 'somebody' } }),
        await object({ claims: { exp: 1 } }),
        await object({ claims: { request_uri: 'https://other.example.test' } }),
      ]) {
        expect(await errorOf(publish(text))).to.equal('invalid_request_object')
      }
    })

    it('on a page where the address of the client is not registered', async () => {
      const redirect_uri = 'https://evil.test/'
      expectErrorPage(await ask(`http://${address}/unknown`, { redirect_uri }), 400)
      expectErrorPage(await ask(`http://${address}/unknown`), 400)
    })

    it('and the trail knows', async () => {
      await errorOf(`http://${address}/unknown`)
      const event = (await eventsOf(server, 'auth.authorization.refused')).at(-1)
      expect(event?.data).to.include({ clientId: client.clientId, error: 'invalid_request_uri' })
    })
  })

  it('leave a site that is away alone for a while', async () => {
    const uri = serve((response) => response.writeHead(503).end())
    for (let time = 0; time < 5; time++) expect(await errorOf(uri)).to.equal('invalid_request_uri')
    expect(asked).to.have.length(1)
  })

  it('are fetched so often for one address and no more', async () => {
    const uri = publish(await object({ claims: { exp: undefined, jti: undefined } }))
    const headers = fromSomewhere()
    const query = new URLSearchParams({ client_id: client.clientId, request_uri: uri })
    const statuses: number[] = []
    for (let time = 0; time < 125; time++) {
      statuses.push(
        (await browser().get(`${server.issuer}/authorize?${query}`, { headers })).status,
      )
    }
    expect(statuses.at(0)).to.equal(303)
    expect(statuses.at(-1)).to.equal(429)
    expect(asked).to.have.length(120)
  })

  it('leave the names of pushed requests alone', async () => {
    const pushed = await post(server, '/par', client, { request: await object() })
    const { request_uri } = pushed.json<{ request_uri: string }>()
    expect(answerAt(await ask(request_uri)).get('code')).to.be.a('string')
    expect(asked).to.deep.equal([])
  })

  it('are off unless the deployment wants them, and not without request objects', async () => {
    const without = await startAuthCore({ env: { AUTHCORE_OUTBOUND_ALLOW: address } })
    try {
      const uri = publish('a.b.c')
      const who = await addClient(without, { metadata: { request_uris: [uri] } })
      const query = { client_id: who.clientId, request_uri: uri, redirect_uri: CALLBACK }
      const reply = await browser().get(`${without.issuer}/authorize?${new URLSearchParams(query)}`)
      expect(answerAt(reply).get('error')).to.equal('request_uri_not_supported')
      expect(asked).to.deep.equal([])
    } finally {
      await without.stop()
    }
    const env = { AUTHCORE_REQUEST_URI: 'true', AUTHCORE_REQUEST_OBJECTS: 'false' }
    expect(() => loadConfig(env)).to.throw('AUTHCORE_REQUEST_URI')
  })
})

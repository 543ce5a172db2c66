import type { ServerResponse } from 'node:http'
import { expect } from 'chai'
import { decodeJwt } from 'jose'
import { disableClient } from '../../src/domain/clients/block_client.ts'
import { keepSeconds } from '../../src/domain/clients/documents/client_documents.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { atOnce, type Browser, browser, type Reply } from '../support/http.ts'
import { type HttpsHost, startHttpsHost } from '../support/https_host.ts'
import { authorizationRequest, goThrough, relyingParty } from '../support/relying_party.ts'
import {
  answerAt,
  authorizationUri,
  BEHIND_PROXY,
  clientAssertion,
  eventsOf,
  exchangeFields,
  expectErrorPage,
  expectTokens,
  fromSomewhere,
  post,
  refreshFields,
  rows,
  signingParty,
} from './driver.ts'

const LOOPBACK = 'http://127.0.0.1:3118/callback'

describe('Client ID metadata documents (draft-ietf-oauth-client-id-metadata-document)', function () {
  this.timeout(60_000)
  let server: AuthCore
  let host: HttpsHost
  let ada: Person
  let documents = 0

  before(async () => {
    host = await startHttpsHost()
    server = await startAuthCore({
      env: {
        ...BEHIND_PROXY,
        AUTHCORE_CLIENT_ID_METADATA_DOCUMENTS: 'true',
        AUTHCORE_OUTBOUND_ALLOW: host.endpoint,
        AUTHCORE_OUTBOUND_CA_FILE: host.caFile,
      },
    })
    await addApi(server)
    ada = await addPerson(server)
  })
  after(async () => {
    await server?.stop()
    host?.stop()
  })
  beforeEach(async () => {
    host.seen()
    // All tests fetch from one host.
    await rows(server.parts.db, `DELETE FROM rate_limit WHERE key LIKE '%document%'`)
  })

  const newId = () => {
    documents += 1
    return `${host.origin}/clients/${documents}.json`
  }
  const documentOf = (clientId: string, changes: Record<string, unknown> = {}) => ({
    client_id: clientId,
    client_name: 'The workbench',
    redirect_uris: [LOOPBACK],
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'none',
    ...changes,
  })
  const sendJson = (response: ServerResponse, content: unknown, headers = {}) => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers })
    response.end(typeof content === 'string' ? content : JSON.stringify(content))
  }
  /** A client_id, with a document behind it. */
  const publish = (changes: Record<string, unknown> = {}, headers = {}): string => {
    const clientId = newId()
    host.answer = (_, response) => sendJson(response, documentOf(clientId, changes), headers)
    return clientId
  }
  const ask = async (clientId: string, parameters: Record<string, string> = {}) =>
    await browser().get(
      await authorizationUri(
        server,
        { clientId },
        { redirect_uri: LOOPBACK, scope: 'read', resource: API, ...parameters },
      ),
      { headers: fromSomewhere() },
    )
  const isKnown = (reply: Reply) => reply.location?.includes('/interaction/') === true
  const forget = (clientId?: string) => server.parts.clients.invalidate(clientId)
  const lastRefusal = async (clientId: string) =>
    (await eventsOf(server, 'auth.client.document_refused'))
      .filter(({ subject }) => subject === clientId)
      .at(-1)?.data['reason']
  const expectUnknown = async (clientId: string, reason: RegExp) => {
    const reply = await ask(clientId)
    expectErrorPage(reply, 400, 'invalid_client')
    expect(await lastRefusal(clientId)).to.match(reason)
  }
  const ours = (location: string) => !location.startsWith(server.issuer)
  async function signInAt(clientId: string, alice: Browser, person = ada) {
    const party = { ...(await relyingParty(server, { clientId })), redirectUri: LOOPBACK }
    const { url, checks } = await authorizationRequest(party, {
      scope: 'openid offline_access read',
      resource: API,
      prompt: 'consent',
    })
    return {
      callback: await goThrough(alice, await alice.get(url.href), person, server.issuer),
      checks,
    }
  }

  it('are in discovery', async () => {
    const reply = await browser().get(`${server.issuer}/.well-known/oauth-authorization-server`)
    expect(reply.json()).to.include({ client_id_metadata_document_supported: true })
  })

  it('make a client that works, with PKCE and a resource', async () => {
    const clientId = publish()
    const signedIn = await signInAt(clientId, browser())
    const fields = { ...exchangeFields(signedIn), resource: API }
    const tokens = expectTokens(await post(server, '/token', { clientId }, fields))
    expect(decodeJwt(tokens.access_token)).to.include({
      aud: API,
      client_id: clientId,
      scope: 'read',
    })
    const again = { ...refreshFields(tokens.refresh_token!), resource: API }
    expectTokens(await post(server, '/token', { clientId }, again))
    expect(host.seen()).to.have.length(1)
  })

  it('are shown as what they are: unverified, with their host', async () => {
    const clientId = publish({
      client_name: 'Your <b>Bank</b>',
      client_uri: 'https://your-bank.example/',
      logo_uri: 'https://your-bank.example/logo.png',
      policy_uri: `${host.origin}/policy`,
    })
    const alice = browser()
    const start = await alice.get(
      await authorizationUri(
        server,
        { clientId },
        { redirect_uri: LOOPBACK, scope: 'read', resource: API },
      ),
    )
    const login = await alice.followAll(start, ours)
    const signedIn = await alice.submit(login, { login: ada.email, password: ada.password })
    const page = await alice.followAll(signedIn, ours)
    expect(page.body).to.include('id="unverified"').and.include('id="described-at"')
    expect(page.text()).to.include(host.endpoint)
    expect(page.body).to.include(`${host.origin}/policy`)
    expect(page.body).not.to.include('your-bank.example').and.not.include('<b>Bank')
  })

  it('are asked about each time: nothing is remembered of them', async () => {
    const clientId = publish({ application_type: 'web', redirect_uris: [`${host.origin}/cb`] })
    const alice = browser()
    const uri = () =>
      authorizationUri(
        server,
        { clientId },
        { redirect_uri: `${host.origin}/cb`, scope: 'read', resource: API },
      )
    const first = await goThrough(alice, await alice.get(await uri()), ada, server.issuer)
    expect(first.searchParams.get('code')).to.be.a('string')
    const second = await alice.followAll(await alice.get(await uri()), ours)
    expect(new URL(second.url).pathname).to.match(/\/consent$/)
    const quiet = await alice.get(`${await uri()}&prompt=none`)
    expect(answerAt(quiet, `${host.origin}/cb`).get('error')).to.equal('consent_required')
    const { db } = server.parts
    for (const table of ['client', 'consent']) {
      const stored = await rows(db, `SELECT 1 FROM ${table} WHERE client_id = $1`, [clientId])
      expect(stored, table).to.have.length(0)
    }
    const granted = await eventsOf(server, 'auth.consent.granted')
    expect(granted.at(-1)!.data).to.include({ clientId, accountId: ada.id })
  })

  it('are fetched once, however many ask, and again when their time is over', async () => {
    const clientId = publish()
    const replies = await atOnce(10, () => ask(clientId))
    expect(replies.every(isKnown)).to.equal(true)
    expect(host.seen()).to.have.length(1)
    await ask(clientId)
    expect(host.seen()).to.have.length(0)
    forget(clientId)
    expect(isKnown(await ask(clientId))).to.equal(true)
    expect(host.seen()).to.have.length(1)
  })

  it('are kept as long as their host says, five minutes at least and a day at most', () => {
    for (const [header, seconds] of [
      [null, 300],
      ['', 300],
      ['max-age=60', 300],
      ['public, max-age=3600', 3_600],
      ['Max-Age="7200"', 7_200],
      ['max-age=99999999', 86_400],
      ['s-maxage=7200', 300],
      ['no-store, max-age=7200', 300],
      ['no-cache', 300],
      ['max-age=-5', 300],
      ['max-age=much', 300],
    ] as const) {
      expect(keepSeconds(header), String(header)).to.equal(seconds)
    }
  })

  it('change with their document, for requests under way as well', async () => {
    const clientId = publish()
    const alice = browser()
    const party = { ...(await relyingParty(server, { clientId })), redirectUri: LOOPBACK }
    const { url } = await authorizationRequest(party, { scope: 'openid read', resource: API })
    const login = await alice.followAll(await alice.get(url.href), ours)
    host.answer = (_, response) =>
      sendJson(
        response,
        documentOf(clientId, { application_type: 'web', redirect_uris: [`${host.origin}/new`] }),
      )
    forget(clientId)
    expectErrorPage(await ask(clientId), 400)
    expect(isKnown(await ask(clientId, { redirect_uri: `${host.origin}/new` }))).to.equal(true)
    const signedIn = await alice.submit(login, { login: ada.email, password: ada.password })
    const end = await alice.followAll(signedIn, ours)
    expect(end.location ?? '').not.to.include('code=')
  })

  it('authenticate with a key, behind jwks or jwks_uri, and never with a secret', async () => {
    const party = await signingParty()
    const clientId = newId()
    const jwks = { keys: [{ ...party.jwk, kid: 'one', use: 'sig', alg: 'ES256' }] }
    host.answer = ({ url }, response) =>
      sendJson(
        response,
        url === '/keys'
          ? jwks
          : documentOf(clientId, {
              token_endpoint_auth_method: 'private_key_jwt',
              jwks_uri: `${host.origin}/keys`,
            }),
      )
    const { callback, checks } = await signInAt(clientId, browser())
    const fields = exchangeFields({ callback, checks })
    const nobody = await post(server, '/token', { clientId }, fields)
    expect(nobody.json()).to.include({ error: 'invalid_client' })
    const assertion = await clientAssertion(server, clientId, party, { header: { kid: 'one' } })
    expectTokens(
      await post(server, '/token', undefined, { ...fields, resource: API, ...assertion }),
    )
  })

  for (const [title, changes, reason] of [
    ['another client_id', { client_id: 'https://other.example/client.json' }, /^client_id/],
    ['no client_id', { client_id: undefined }, /^client_id/],
    ['a secret', { client_secret: 'x' }, /^client_secret/],
    ['a secret that never ends', { client_secret_expires_at: 0 }, /^client_secret_expires_at/],
    [
      'a method with a secret',
      { token_endpoint_auth_method: 'client_secret_post' },
      /^token_endpoint_auth_method/,
    ],
    ['no redirect_uris', { redirect_uris: undefined }, /^redirect_uris/],
    ['a redirect_uri of another host', { redirect_uris: ['https://evil.example/cb'] }, /host/],
    ['a redirect_uri that runs', { redirect_uris: ['javascript:alert(1)'] }, /^redirect_uris/],
    ['keys inside the house', { jwks_uri: 'https://10.0.0.1/keys' }, /^jwks_uri/],
    ['a grant on its own behalf', { grant_types: ['client_credentials'] }, /client_credentials/],
    ['an invisible name', { client_name: 'a\u202eb' }, /name/],
    ['resource scopes', { resource_scopes: { [API]: ['write'] } }, /^resource_scopes/],
    ['a software statement', { software_statement: 'a.b.c' }, /statements/],
  ] as [string, Record<string, unknown>, RegExp][]) {
    it(`make no client with ${title}`, async () => {
      await expectUnknown(publish(changes), reason)
    })
  }

  for (const [title, answer, reason] of [
    ['nothing', (response) => response.writeHead(404).end(), /404/],
    ['an error', (response) => response.writeHead(500).end(), /500/],
    [
      'a redirect',
      (response) => response.writeHead(302, { location: '/clients/1.json' }).end(),
      /^blocked_redirect$/,
    ],
    ['what is no JSON', (response) => sendJson(response, '<html>'), /JSON/],
    ['a list', (response) => sendJson(response, '[]'), /JSON object/],
    ['null', (response) => sendJson(response, 'null'), /JSON object/],
    ['17 kB', (response) => sendJson(response, `{"a":"${'x'.repeat(17_000)}"}`), /^too_large$/],
    ['a broken connection', (response) => response.destroy(), /^connect$/],
    [
      'what is nested without end',
      (response) => sendJson(response, `{"a":${'['.repeat(8_000)}${']'.repeat(8_000)}}`),
      /client_id|nested/,
    ],
    [
      'JSON that is said to be text',
      (response) => response.writeHead(200, { 'content-type': 'text/plain' }).end('{}'),
      /text\/plain/,
    ],
  ] as [string, (response: ServerResponse) => void, RegExp][]) {
    it(`are none where the address answers with ${title}`, async () => {
      const clientId = newId()
      host.answer = (_, response) => answer(response)
      await expectUnknown(clientId, reason)
    })
  }

  it('hold nobody up where the address does not answer', async () => {
    const clientId = newId()
    host.answer = () => {}
    const startedAt = performance.now()
    await expectUnknown(clientId, /^timeout$/)
    expect(performance.now() - startedAt).to.be.within(2_500, 6_000)
  })

  it('are not asked for again at once where they were refused', async () => {
    const clientId = newId()
    host.answer = (_, response) => response.writeHead(404).end()
    await ask(clientId)
    await ask(clientId)
    expect(host.seen()).to.have.length(1)
    host.answer = (_, response) => sendJson(response, documentOf(clientId))
    forget(clientId)
    expect(isKnown(await ask(clientId))).to.equal(true)
  })

  it('are looked for at no address inside the house', async () => {
    for (const [clientId, reason] of [
      ['https://10.0.0.1/client.json', /^blocked_address$/],
      ['https://169.254.169.254/client.json', /^blocked_address$/],
      ['https://[::1]/client.json', /^blocked_address$/],
      [`https://localhost:${host.endpoint.split(':')[1]}/client.json`, /^blocked_port$/],
      ['https://127.0.0.1:22/client.json', /^blocked_port$/],
    ] as const) {
      await expectUnknown(clientId, reason)
    }
    expect(host.seen()).to.deep.equal([])
  })

  for (const clientId of [
    'http://127.0.0.1/client.json',
    'HTTPS://127.0.0.1/client.json',
    'https://127.0.0.1',
    'https://127.0.0.1/',
    'https://127.0.0.1/?client',
    'https://127.0.0.1/a/../client.json',
    'https://127.0.0.1/a/%2e%2e/client.json',
    'https://user:pw@127.0.0.1/client.json',
    'https://127.0.0.1/client.json#x',
    'https:/127.0.0.1/client.json',
    'https:///client.json',
    `https://127.0.0.1/${'x'.repeat(300)}`,
  ]) {
    it(`are not looked for at ${clientId.slice(0, 45)}`, async () => {
      const at = clientId.replace('127.0.0.1', host.endpoint)
      expectErrorPage(await ask(at), 400, 'invalid_client')
      expect(await lastRefusal(at)).to.equal(undefined)
      expect(host.seen()).to.deep.equal([])
    })
  }

  it('stand behind a client that an operator registered under the same id, and blocked', async () => {
    const clientId = publish()
    expect(isKnown(await ask(clientId))).to.equal(true)
    await addClient(server, {
      clientId,
      preset: 'mcp',
      metadata: { redirect_uris: [LOOPBACK] },
    })
    await disableClient(server.parts, clientId)
    forget(clientId)
    expectErrorPage(await ask(clientId), 400, 'invalid_client')
  })

  it('are fetched from one host so often and no more', async () => {
    host.answer = (_, response) => response.writeHead(404).end()
    for (let n = 0; n < 25; n++) await ask(newId())
    expect(host.seen().length).to.be.at.most(20)
  })
})

describe('Client ID metadata documents that are off', function () {
  this.timeout(60_000)
  let server: AuthCore
  let host: HttpsHost
  before(async () => {
    host = await startHttpsHost()
    server = await startAuthCore({ env: { AUTHCORE_OUTBOUND_ALLOW: host.endpoint } })
  })
  after(async () => {
    await server?.stop()
    host?.stop()
  })

  it('are not fetched, and not in discovery', async () => {
    const client = { clientId: `${host.origin}/client.json` }
    const reply = await browser().get(await authorizationUri(server, client))
    expectErrorPage(reply, 400, 'invalid_client')
    expect(host.seen()).to.deep.equal([])
    const discovery = await browser().get(`${server.issuer}/.well-known/openid-configuration`)
    expect(discovery.json()).not.to.have.property('client_id_metadata_document_supported')
  })
})

import { expect } from 'chai'
import { updateClient } from '../../src/domain/clients/update_client.ts'
import {
  API,
  type AuthCore,
  addClient,
  addPerson,
  CALLBACK,
  startAuthCore,
} from '../support/authcore.ts'
import { atOnce, browser } from '../support/http.ts'
import { authorize, relyingParty, signIn } from '../support/relying_party.ts'
import { BEHIND_PROXY, eventsOf, exchangeFields, post, refresh, rows } from './driver.ts'
import { expectRefused, manage, type Registration, register } from './registration_driver.ts'

const OTHER = 'https://rp.example.test/other'

describe('Management of a registration (RFC 7592)', function () {
  this.timeout(60_000)
  let server: AuthCore
  let registered: Registration

  before(async () => {
    server = await startAuthCore({
      env: { ...BEHIND_PROXY, AUTHCORE_DYNAMIC_REGISTRATION: 'open' },
    })
  })
  after(() => server?.stop())
  beforeEach(async () => {
    registered = await register(server, {
      redirect_uris: [CALLBACK, OTHER],
      grant_types: ['authorization_code', 'refresh_token'],
    })
  })

  /** What a client sends back to change one thing. */
  const description = (changes: Record<string, unknown> = {}) => {
    const {
      registration_access_token: _token,
      registration_client_uri: _uri,
      client_secret_expires_at: _expires,
      client_id_issued_at: _issued,
      ...own
    } = registered
    return { ...own, ...changes }
  }
  const put = (json: unknown, options: Parameters<typeof manage>[2] = {}) =>
    manage('PUT', registered, { json, ...options })
  const partyOf = ({ client_id: clientId, client_secret: secret }: Registration) =>
    relyingParty(
      server,
      { clientId, secret },
      { metadata: { id_token_signed_response_alg: 'RS256' } },
    )

  it('reads everything but the secret', async () => {
    const reply = await manage('GET', registered)
    expect(reply.status, reply.body).to.equal(200)
    expect(reply.headers['cache-control']).to.match(/no-store/)
    const { client_secret: secret, client_secret_expires_at: _, ...rest } = registered
    expect(reply.json()).to.deep.equal(rest)
    expect(reply.body).not.to.include(secret)
    expect(reply.body).not.to.match(/hash|client_secret"/)
  })

  for (const [title, token] of [
    ['no token', undefined],
    ['a wrong token', 'rat_wrong'],
    ['the secret', 'secret'],
    ['a very long token', 'x'.repeat(5_000)],
  ] as const) {
    it(`opens with ${title} to nobody`, async () => {
      const shown = token === 'secret' ? registered.client_secret : token
      for (const method of ['GET', 'PUT', 'DELETE'] as const) {
        const options = method === 'PUT' ? { json: description() } : {}
        const reply = await manage(method, registered, { ...options, token: shown })
        expectRefused(reply, 'invalid_token', undefined, 401)
        expect(reply.headers['www-authenticate']).to.match(/^Bearer/)
      }
      expect((await manage('GET', registered)).status).to.equal(200)
    })
  }

  it('ends a token that is shown at another client (and for that one changes nothing)', async () => {
    const other = await register(server)
    for (const method of ['GET', 'DELETE'] as const) {
      const reply = await manage(method, other, { token: registered.registration_access_token })
      expectRefused(reply, 'invalid_token', undefined, 401)
    }
    expectRefused(await manage('GET', registered), 'invalid_token', undefined, 401)
    expect((await manage('GET', other)).status).to.equal(200)
    const burned = await eventsOf(server, 'auth.client.registration_access_revoked')
    expect(burned).to.have.length(1)
    expect(burned[0]).to.deep.include({ subject: registered.client_id })
    expect(burned[0]!.data).to.include({ shownAt: other.client_id })
  })

  it('ends a token that is shown at a client of an operator, or at nobody', async () => {
    const { clientId } = await addClient(server)
    const at = `${server.issuer}/register/${clientId}`
    expectRefused(
      await manage('GET', { ...registered, registration_client_uri: at }),
      'invalid_token',
      undefined,
      401,
    )
    expectRefused(await manage('GET', registered), 'invalid_token', undefined, 401)
    const again = await register(server)
    const nowhere = { ...again, registration_client_uri: `${server.issuer}/register/nobody` }
    expectRefused(await manage('GET', nowhere), 'invalid_token', undefined, 401)
    expectRefused(await manage('GET', again), 'invalid_token', undefined, 401)
  })

  it('lets no disabled client in', async () => {
    await rows(server.parts.db, `UPDATE client SET status = 'disabled' WHERE client_id = $1`, [
      registered.client_id,
    ])
    expectRefused(await manage('GET', registered), 'invalid_token', undefined, 401)
    expectRefused(await put(description()), 'invalid_token', undefined, 401)
  })

  it('replaces the description: what is left out is gone', async () => {
    await put(description({ contacts: ['a@example.test'], tos_uri: 'https://rp.example.test/tos' }))
    const reply = await put({
      client_id: registered.client_id,
      client_name: 'Renamed',
      redirect_uris: [OTHER],
      tos_uri: null,
    })
    expect(reply.status, reply.body).to.equal(200)
    const updated = reply.json<Registration>()
    expect(updated).to.deep.include({
      client_id: registered.client_id,
      client_name: 'Renamed',
      redirect_uris: [OTHER],
      grant_types: ['authorization_code'],
      registration_access_token: registered.registration_access_token,
    })
    expect(updated).not.to.have.any.keys('contacts', 'tos_uri', 'client_secret')
    expect((await manage('GET', registered)).json()).to.deep.equal(updated)
    const events = await eventsOf(server, 'auth.client.updated')
    expect(events.at(-1)!.data).to.deep.equal({
      clientId: registered.client_id,
      by: 'registration',
    })
  })

  it('takes the whole description back as it was given', async () => {
    const { client_secret: _, client_secret_expires_at: __, ...rest } = registered
    const reply = await put(description())
    expect(reply.json()).to.deep.equal(rest)
  })

  it('leaves what an operator gave the client', async () => {
    await updateClient(server.parts, registered.client_id, {
      firstParty: true,
      metadata: { resource_scopes: { [API]: ['read'] } },
    })
    expect((await put(description())).status).to.equal(200)
    const [row] = await rows<{ first_party: boolean; metadata: Record<string, unknown> }>(
      server.parts.db,
      'SELECT first_party, metadata FROM client WHERE client_id = $1',
      [registered.client_id],
    )
    expect(row!.first_party).to.equal(true)
    expect(row!.metadata['resource_scopes']).to.deep.equal({ [API]: ['read'] })
  })

  for (const [title, changes, named] of [
    ['another client_id', { client_id: 'another' }, /^client_id/],
    ['no client_id', { client_id: undefined }, /^client_id/],
    ['another secret', { client_secret: 'chosen by the client itself' }, /^client_secret/],
    ['a secret that is no text', { client_secret: { a: 1 } }, /^client_secret/],
    [
      'a registration_access_token',
      { registration_access_token: 'x' },
      /^registration_access_token/,
    ],
    ['a registration_client_uri', { registration_client_uri: 'x' }, /^registration_client_uri/],
    ['a time of issue', { client_id_issued_at: 1 }, /^client_id_issued_at/],
    ['an end of the secret', { client_secret_expires_at: 0 }, /^client_secret_expires_at/],
    ['a preset it may not have', { preset: 'legacy' }, /^preset/],
    ['introspection of everything', { introspection: 'any' }, /^introspection/],
    ['keys inside the house', { jwks_uri: 'https://10.0.0.1/keys' }, /^jwks_uri/],
  ] as [string, Record<string, unknown>, RegExp][]) {
    it(`refuses ${title}`, async () => {
      const before = (await manage('GET', registered)).json()
      expectRefused(await put(description(changes)), 'invalid_client_metadata', named)
      expect((await manage('GET', registered)).json()).to.deep.equal(before)
    })
  }

  it('refuses a redirect_uri as at the beginning', async () => {
    const reply = await put(description({ redirect_uris: ['http://evil.example.test/'] }))
    expectRefused(reply, 'invalid_redirect_uri')
  })

  it('ends the codes that are on their way to a redirect_uri that is taken away', async () => {
    const ada = await addPerson(server)
    const party = await partyOf(registered)
    const { callback, checks } = await authorize(server, { ...party, redirectUri: OTHER }, ada)
    expect((await put(description({ redirect_uris: [CALLBACK] }))).status).to.equal(200)
    const client = { clientId: registered.client_id, secret: registered.client_secret }
    const reply = await post(server, '/token', client, exchangeFields({ callback, checks }))
    expect(reply.json(), reply.body).to.include({ error: 'invalid_grant' })
  })

  it('answers no request at a redirect_uri that was taken away in the middle of it', async () => {
    const ada = await addPerson(server)
    const party = { ...(await partyOf(registered)), redirectUri: OTHER }
    const { authorizationRequest } = await import('../support/relying_party.ts')
    const { url } = await authorizationRequest(party)
    const alice = browser()
    const ours = (location: string) => !location.startsWith(server.issuer)
    const login = await alice.followAll(await alice.get(url.href), ours)
    const signedIn = await alice.submit(login, { login: ada.email, password: ada.password })
    const consent = await alice.followAll(signedIn, ours)
    expect((await put(description({ redirect_uris: [CALLBACK] }))).status).to.equal(200)
    const end = await alice.followAll(await alice.submit(consent, {}, { button: 'Allow' }), ours)
    expect(end.status, end.url).to.equal(400)
    expect(end.location).to.equal(undefined)
    expect(end.headers['content-type']).to.match(/^text\/html/)
  })

  it('holds on this server from the answer on, although the change feed is cut', async () => {
    const find = async () => await server.parts.clients.find(registered.client_id)
    expect((await find())?.name).not.to.equal('Renamed')
    await rows(
      server.parts.db,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'authcore change feed'`,
    )
    await put(description({ client_name: 'Renamed' }))
    expect((await find())?.name).to.equal('Renamed')
    await manage('DELETE', registered)
    expect(await find()).to.equal(undefined)
  })

  it('keeps codes where no redirect_uri is taken away', async () => {
    const ada = await addPerson(server)
    const { callback, checks } = await authorize(server, await partyOf(registered), ada)
    await put(description({ client_name: 'Renamed' }))
    const client = { clientId: registered.client_id, secret: registered.client_secret }
    const reply = await post(server, '/token', client, exchangeFields({ callback, checks }))
    expect(reply.status, reply.body).to.equal(200)
  })

  it('gives a secret to a client that begins to need one, and takes it from one that ceases', async () => {
    const spa = await put(
      description({ preset: 'spa', token_endpoint_auth_method: 'none', client_secret: undefined }),
    )
    expect(spa.json(), spa.body)
      .to.include({ preset: 'spa' })
      .and.not.have.property('client_secret')
    const web = await put(
      description({
        preset: 'web',
        token_endpoint_auth_method: 'client_secret_post',
        client_secret: undefined,
      }),
    )
    expect(web.json<Registration>().client_secret)
      .to.match(/^acs_/)
      .and.not.equal(registered.client_secret)
  })

  it('deletes the client with its tokens and its consent', async () => {
    const ada = await addPerson(server)
    const { tokens } = await signIn(server, await partyOf(registered), ada, {
      parameters: { scope: 'openid offline_access', prompt: 'consent' },
    })
    const reply = await manage('DELETE', registered)
    expect(reply.status).to.equal(204)
    expect(reply.body).to.equal('')
    const client = { clientId: registered.client_id, secret: registered.client_secret }
    // A moment later the cache has heard of it, and the client is unknown.
    expect((await refresh(server, client, tokens.refresh_token!)).json())
      .to.have.property('error')
      .that.is.oneOf(['invalid_client', 'invalid_grant'])
    for (const table of ['client', 'client_registration', 'consent', 'oidc_record']) {
      const left = await rows(server.parts.db, `SELECT 1 FROM ${table} WHERE client_id = $1`, [
        registered.client_id,
      ])
      expect(left, table).to.have.length(0)
    }
    expectRefused(await manage('GET', registered), 'invalid_token', undefined, 401)
    const deleted = await eventsOf(server, 'auth.client.deleted')
    expect(deleted.at(-1)!.data).to.deep.equal({
      clientId: registered.client_id,
      by: 'registration',
    })
  })

  it('deletes once, however many ask at once', async () => {
    const replies = await atOnce(8, () => manage('DELETE', registered))
    const statuses = replies.map(({ status }) => status)
    expect(statuses.filter((status) => status === 204)).to.have.length(1)
    expect(statuses.filter((status) => status === 401)).to.have.length(7)
  })

  it('answers no other method', async () => {
    const reply = await browser().request('PATCH', registered.registration_client_uri, { json: {} })
    expect(reply.status).to.equal(405)
  })
})

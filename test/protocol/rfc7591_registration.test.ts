import type { ServerResponse } from 'node:http'
import { expect } from 'chai'
import * as oidc from 'openid-client'
import {
  deleteUnusedRegistrations,
  registeredClientUse,
} from '../../src/domain/clients/registration/unused_registrations.ts'
import { relayBatch } from '../../src/platform/events/relay.ts'
import { deleteRecordsOfClient } from '../../src/surfaces/oidc/adapters/postgres_records.ts'
import { type AuthCore, addPerson, CALLBACK, startAuthCore } from '../support/authcore.ts'
import { atOnce, browser } from '../support/http.ts'
import { type HttpsHost, startHttpsHost } from '../support/https_host.ts'
import { authorizationRequest, authorize, relyingParty, signIn } from '../support/relying_party.ts'
import {
  BEHIND_PROXY,
  clientAssertion,
  eventsOf,
  exchangeFields,
  expectTokens,
  post,
  rows,
  signingParty,
  verifyWithJwks,
} from './driver.ts'
import { askToRegister, expectRefused, initialToken, register } from './registration_driver.ts'

const PRESETS = 'web,spa,native,service'

describe('Dynamic client registration (RFC 7591, OpenID Connect Registration 1.0)', function () {
  this.timeout(60_000)
  let server: AuthCore
  let host: HttpsHost

  before(async () => {
    host = await startHttpsHost()
    server = await startAuthCore({
      env: {
        ...BEHIND_PROXY,
        AUTHCORE_DYNAMIC_REGISTRATION: 'open',
        AUTHCORE_REGISTRATION_PRESETS: PRESETS,
        AUTHCORE_OUTBOUND_ALLOW: host.endpoint,
        AUTHCORE_OUTBOUND_CA_FILE: host.caFile,
      },
    })
  })
  after(async () => {
    await server?.stop()
    host?.stop()
  })

  const clientCount = async () => {
    const [row] = await rows<{ n: number }>(
      server.parts.db,
      'SELECT count(*)::integer AS n FROM client',
    )
    return row!.n
  }
  /** Refused, and nothing is there that was not there before. */
  const refused = async (metadata: unknown, error: string, named?: RegExp) => {
    const before = await clientCount()
    const reply = await askToRegister(server, metadata)
    expectRefused(reply, error, named)
    expect(await clientCount()).to.equal(before)
  }

  it('is in discovery', async () => {
    const reply = await browser().get(`${server.issuer}/.well-known/openid-configuration`)
    expect(reply.json()).to.include({ registration_endpoint: `${server.issuer}/register` })
  })

  it('registers with the defaults of the specifications', async () => {
    const registered = await register(server)
    expect(registered).to.deep.include({
      redirect_uris: [CALLBACK],
      client_name: 'rp.example.test',
      preset: 'web',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      application_type: 'web',
      // OpenID Connect Registration §2
      id_token_signed_response_alg: 'RS256',
      subject_type: 'public',
      client_secret_expires_at: 0,
      registration_client_uri: `${server.issuer}/register/${registered.client_id}`,
    })
    expect(registered.client_secret).to.match(/^acs_/)
    expect(registered.registration_access_token).to.match(/^rat_/)
    expect(registered['client_id_issued_at']).to.be.closeTo(Date.now() / 1000, 5)
  })

  it('gives a client that works, with openid-client', async () => {
    const configuration = await oidc.dynamicClientRegistration(
      new URL(server.issuer),
      {
        client_name: 'The shelf',
        redirect_uris: [CALLBACK],
        grant_types: ['authorization_code', 'refresh_token'],
        contacts: ['ops@shelf.example.test'],
        logo_uri: 'https://shelf.example.test/logo.png',
        policy_uri: 'https://shelf.example.test/policy',
        tos_uri: 'https://shelf.example.test/terms',
      },
      undefined,
      { execute: [oidc.allowInsecureRequests], algorithm: 'oidc' },
    )
    const ada = await addPerson(server)
    const { tokens } = await signIn(server, { configuration, redirectUri: CALLBACK }, ada, {
      parameters: { scope: 'openid profile offline_access', prompt: 'consent' },
    })
    expect(tokens.claims()).to.include({ sub: ada.id })
    expect(tokens.refresh_token).to.be.a('string')
    const header = JSON.parse(Buffer.from(tokens.id_token!.split('.')[0]!, 'base64url').toString())
    expect(header.alg).to.equal('RS256')
    expect(
      (await oidc.refreshTokenGrant(configuration, tokens.refresh_token!)).access_token,
    ).to.be.a('string')
  })

  it('gives a client with keys behind an address, and signed answers in RS256', async () => {
    const party = await signingParty('RS256')
    host.answer = (_, response) => {
      const jwk = { ...party.jwk, kid: 'one', use: 'sig', alg: 'RS256' }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ keys: [jwk] }))
    }
    // With a query, as the Dynamic OP plan of the OpenID Foundation registers it.
    const redirectUri = `${CALLBACK}?foo=bar`
    const { client_id: clientId } = await register(server, {
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri: `${host.origin}/jwks`,
      id_token_signed_response_alg: 'RS256',
      userinfo_signed_response_alg: 'RS256',
    })
    const ada = await addPerson(server)
    const client = { ...(await relyingParty(server, { clientId })), redirectUri }
    const signedIn = await authorize(server, client, ada)
    expect(signedIn.callback.searchParams.get('foo')).to.equal('bar')
    const tokens = expectTokens(
      await post(server, '/token', undefined, {
        ...exchangeFields(signedIn),
        redirect_uri: redirectUri,
        ...(await clientAssertion(server, clientId, party, { header: { kid: 'one' } })),
      }),
    )
    const { protectedHeader } = await verifyWithJwks(server, tokens.id_token!)
    expect(protectedHeader).to.include({ alg: 'RS256' }).and.have.property('kid')
    const answer = await browser().get(`${server.issuer}/userinfo`, {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    })
    expect(answer.headers['content-type']).to.match(/^application\/jwt/)
    expect((await verifyWithJwks(server, answer.body)).payload).to.include({ sub: ada.id })
  })

  it('remembers of a client that it obtained a token', async () => {
    const { client_id: clientId, client_secret: secret } = await register(server)
    const other = await register(server)
    const party = await relyingParty(
      server,
      { clientId, secret },
      { metadata: { id_token_signed_response_alg: 'RS256' } },
    )
    await signIn(server, party, await addPerson(server))
    await server.parts.recorder.flush()
    while ((await relayBatch(server.parts.db, [registeredClientUse])) > 0);
    const used = await rows<{ client_id: string; used: boolean }>(
      server.parts.db,
      `SELECT client_id, first_used_at IS NOT NULL AS used FROM client_registration
        WHERE client_id = ANY($1) ORDER BY used DESC`,
      [[clientId, other.client_id]],
    )
    expect(used).to.deep.equal([
      { client_id: clientId, used: true },
      { client_id: other.client_id, used: false },
    ])
  })

  it('leaves an event with where it came from, and not what it was given', async () => {
    const { client_id: clientId, client_secret: secret } = await register(server)
    const events = (await eventsOf(server)).filter(({ subject }) => subject === clientId)
    expect(events.map(({ type }) => type)).to.have.members([
      'auth.client.created',
      'auth.client.registered',
    ])
    expect(events[1]!.data).to.include({ preset: 'web' }).and.have.property('ip')
    expect(JSON.stringify(events)).not.to.include(secret)
    const [stored] = await rows<{ text: string }>(
      server.parts.db,
      'SELECT row_to_json(r)::text AS text FROM client_registration r WHERE client_id = $1',
      [clientId],
    )
    expect(stored!.text).not.to.include('rat_')
  })

  it('ignores members that nobody knows, and answers with what was registered', async () => {
    const registered = await register(server, {
      first_party: true,
      'client_name#de': 'Das Regal',
      __proto__x: { a: 1 },
      software_id: 'x',
      client_id: 'mine',
      client_secret: 'chosen by the client itself',
      jwks_uri: null,
    })
    expect(registered).not.to.have.any.keys('first_party', 'client_name#de', 'software_id')
    expect(registered.client_id).not.to.equal('mine')
    expect(registered.client_secret).to.match(/^acs_/)
    const [row] = await rows<{ first_party: boolean; origin: string }>(
      server.parts.db,
      'SELECT first_party, origin FROM client WHERE client_id = $1',
      [registered.client_id],
    )
    expect(row).to.deep.equal({ first_party: false, origin: 'registration' })
  })

  describe('the preset', () => {
    for (const [title, metadata, expected] of [
      ['web for a client with a secret', {}, { preset: 'web' }],
      [
        'spa for a public client of the web',
        { token_endpoint_auth_method: 'none' },
        { preset: 'spa', application_type: 'web' },
      ],
      [
        'native for a private scheme',
        {
          token_endpoint_auth_method: 'none',
          redirect_uris: ['com.example.app:/callback'],
        },
        { preset: 'native', application_type: 'native' },
      ],
      [
        'service where it is named',
        { preset: 'service', redirect_uris: [] },
        { preset: 'service', grant_types: ['client_credentials'], response_types: [] },
      ],
      [
        'the one that is named, with its defaults',
        { preset: 'spa' },
        {
          preset: 'spa',
          token_endpoint_auth_method: 'none',
          grant_types: ['authorization_code', 'refresh_token'],
        },
      ],
    ] as [string, Record<string, unknown>, Record<string, unknown>][]) {
      it(`is ${title}`, async () => {
        expect(await register(server, metadata)).to.deep.include(expected)
      })
    }

    it('is the only one there is, with its defaults, where the RFC has others', async () => {
      const token = await initialToken(server, { presets: ['mcp'] })
      const redirect_uris = ['http://127.0.0.1:3118/callback']
      expect(await register(server, { redirect_uris, scope: 'tools:run' }, { token })).to.include({
        preset: 'mcp',
        token_endpoint_auth_method: 'none',
        application_type: 'native',
      })
    })

    for (const [title, metadata, named] of [
      ['one that is not offered', { preset: 'fapi2' }, /^preset must be one of .*: web, spa/],
      ['one that nobody knows', { preset: 'admin' }, /^preset/],
      ['one of another kind', { preset: ['web'] }, /^preset/],
      [
        'legacy by its response types',
        { response_types: ['id_token'], grant_types: ['implicit'] },
        /response_types/,
      ],
      [
        'weaker than what is named',
        { preset: 'web', token_endpoint_auth_method: 'none' },
        /token_endpoint_auth_method/,
      ],
      [
        'a public service',
        { grant_types: ['client_credentials'], token_endpoint_auth_method: 'none' },
        /./,
      ],
    ] as [string, Record<string, unknown>, RegExp][]) {
      it(`cannot be ${title}`, async () => {
        await refused({ redirect_uris: [CALLBACK], ...metadata }, 'invalid_client_metadata', named)
      })
    }
  })

  for (const uri of [
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'http://evil.example.test/cb',
    'https://*.example.test/cb',
    'https://rp.example.test/cb#fragment',
    'https://rp.example.test/../cb',
    'https://user:pw@rp.example.test/cb',
    '/callback',
    '',
    7,
  ]) {
    it(`refuses the redirect_uri ${JSON.stringify(uri)}`, async () => {
      await refused({ redirect_uris: [CALLBACK, uri] }, 'invalid_redirect_uri', /^redirect_uris/)
    })
  }

  it('refuses a code flow without redirect_uris', async () => {
    for (const metadata of [{}, { redirect_uris: [] }, { redirect_uris: null }]) {
      await refused(metadata, 'invalid_redirect_uri', /^redirect_uris/)
    }
  })

  for (const member of ['logo_uri', 'policy_uri', 'tos_uri', 'client_uri', 'jwks_uri']) {
    it(`refuses a ${member} that is no page of the web`, async () => {
      for (const uri of ['javascript:alert(1)', 'data:,x', 'http://evil.example.test/', 'x', 1]) {
        await refused(
          { redirect_uris: [CALLBACK], [member]: uri },
          'invalid_client_metadata',
          new RegExp(`^${member}`),
        )
      }
    })
  }

  it('shows markup in a name as text', async () => {
    const markup = '<img src=x onerror=alert(1)>"\'&'
    const registered = await register(server, { client_name: markup })
    const ada = await addPerson(server)
    const page = await consentPage(registered, ada)
    expect(page.body).not.to.include('<img src=x')
    expect(page.body).to.include('&lt;img src=x')
    for (const name of ['', ' ', 'a\u202eb', 'x'.repeat(101), 5]) {
      await refused({ redirect_uris: [CALLBACK], client_name: name }, 'invalid_client_metadata')
    }
  })

  async function consentPage(
    registered: { client_id: string; client_secret?: string },
    person: Awaited<ReturnType<typeof addPerson>>,
  ) {
    const party = await relyingParty(server, {
      clientId: registered.client_id,
      secret: registered.client_secret,
    })
    const { url } = await authorizationRequest(party)
    const alice = browser()
    const ours = (location: string) => !location.startsWith(server.issuer)
    const login = await alice.followAll(await alice.get(url.href), ours)
    const answer = await alice.submit(login, { login: person.email, password: person.password })
    const page = await alice.followAll(answer, ours)
    expect(new URL(page.url).pathname).to.match(/\/consent$/)
    return page
  }

  it('says on the consent page that nobody verified the client', async () => {
    const page = await consentPage(await register(server), await addPerson(server))
    expect(page.body).to.include('id="unverified"')
  })

  for (const uri of [
    'https://127.0.0.1/x',
    'http://127.0.0.1/x',
    'http://localhost:5432/x',
    'https://10.0.0.8/x',
    'https://169.254.169.254/latest',
    'https://[::1]/x',
    'https://[fd00::1]/x',
    'https://rp.example.test:22/x',
  ]) {
    it(`calls nobody at ${uri}`, async () => {
      for (const member of ['jwks_uri', 'sector_identifier_uri', 'backchannel_logout_uri']) {
        await refused(
          { redirect_uris: [CALLBACK], [member]: uri },
          'invalid_client_metadata',
          new RegExp(`^${member}`),
        )
      }
    })
  }

  it('calls nobody through a name of the house', async () => {
    const uri = `${host.origin.replace('127.0.0.1', 'localhost')}/x`
    host.seen()
    const reply = await askToRegister(server, {
      redirect_uris: [CALLBACK],
      sector_identifier_uri: uri,
    })
    expectRefused(reply, 'invalid_client_metadata', /^sector_identifier_uri/)
    expect(host.seen()).to.deep.equal([])
  })

  describe('the document at sector_identifier_uri (OpenID Connect Registration §5)', () => {
    const sector = () => ({
      redirect_uris: [CALLBACK],
      sector_identifier_uri: `${host.origin}/sector.json`,
    })

    it('lists the redirect_uris of the client', async () => {
      host.answer = (_, response) => response.end(JSON.stringify([CALLBACK, 'https://b.example/']))
      expect(await register(server, sector())).to.deep.include(sector())
    })

    for (const [title, answer, named] of [
      ['lacks one', (response) => response.end('["https://other.example/"]'), /does not list/],
      ['is no list', (response) => response.end('{}'), /JSON array/],
      ['is no JSON', (response) => response.end('<html>'), /JSON array/],
      ['is not there', (response) => response.writeHead(404).end('[]'), /JSON array/],
      [
        'is elsewhere',
        (response) => response.writeHead(302, { location: '/x' }).end(),
        /JSON array/,
      ],
      ['is too large', (response) => response.end(`["${'x'.repeat(70_000)}"]`), /JSON array/],
    ] as [string, (response: ServerResponse) => void, RegExp][]) {
      it(`makes no client where it ${title}`, async () => {
        host.answer = (_, response) => answer(response)
        await refused(sector(), 'invalid_client_metadata', named)
      })
    }
  })

  it('refuses keys that are private, symmetric or too weak', async () => {
    const { jwk } = await signingParty()
    for (const bad of [
      { ...jwk, d: 'AAAA' },
      { kty: 'oct', k: 'AAAA' },
      { kty: 'RSA', n: 'AQAB', e: 'AQAB' },
      { kty: 'none' },
      null,
    ]) {
      await refused(
        {
          redirect_uris: [CALLBACK],
          token_endpoint_auth_method: 'private_key_jwt',
          jwks: { keys: [bad] },
        },
        'invalid_client_metadata',
        /^jwks/,
      )
    }
    await refused(
      { redirect_uris: [CALLBACK], token_endpoint_auth_method: 'private_key_jwt' },
      'invalid_client_metadata',
      /^jwks/,
    )
  })

  for (const [member, value] of [
    ['resource_scopes', { 'https://api.example.test': ['write'] }],
    ['introspection', 'any'],
    ['backchannel_token_delivery_mode', 'poll'],
    ['token_endpoint_auth_method', 'client_secret_jwt'],
    ['token_endpoint_auth_method', 'tls_everything'],
    ['id_token_signed_response_alg', 'none'],
    ['id_token_signed_response_alg', 'HS256'],
    ['grant_types', ['password']],
    ['grant_types', ['authorization_code', 'urn:ietf:params:oauth:grant-type:token-exchange']],
    ['grant_types', 'authorization_code'],
    ['response_types', ['token']],
    ['contacts', ['not an address']],
    ['scope', 7],
  ] as [string, unknown][]) {
    it(`does not give ${member} ${JSON.stringify(value)}`, async () => {
      await refused(
        { redirect_uris: [CALLBACK], [member]: value },
        'invalid_client_metadata',
        new RegExp(`^${member}`),
      )
    })
  }

  it('registers nothing that the deployment has switched off', async () => {
    await refused(
      {
        redirect_uris: [CALLBACK],
        token_endpoint_auth_method: 'self_signed_tls_client_auth',
        jwks_uri: 'https://rp.example.test/jwks',
      },
      'invalid_client_metadata',
      /^token_endpoint_auth_method must be/,
    )
  })

  it('registers no scope of an API: requests ask for them and people allow them', async () => {
    expect(await register(server, { scope: 'openid email admin:everything' })).to.include({
      scope: 'openid email',
    })
  })

  it('takes software statements of nobody (§2.3)', async () => {
    const statement = 'eyJhbGciOiJub25lIn0.e30.'
    const redirect_uris = [CALLBACK]
    await refused({ redirect_uris, software_statement: statement }, 'unapproved_software_statement')
    await refused({ redirect_uris, software_statement: 'x' }, 'invalid_software_statement')
    await refused({ redirect_uris, software_statement: {} }, 'invalid_software_statement')
  })

  it('bounds what it is told', async () => {
    const many = Array.from({ length: 1_000 }, (_, i) => `https://rp.example.test/${i}`)
    await refused({ redirect_uris: many }, 'invalid_redirect_uri', /50 entries/)
    const large = await askToRegister(server, {
      redirect_uris: [CALLBACK],
      client_name: 'x'.repeat(1_000_000),
    })
    expectRefused(large, 'invalid_request', undefined, 413)
    const wide = Array.from(
      { length: 40 },
      (_, i) => `https://rp.example.test/${i}${'x'.repeat(1_000)}`,
    )
    await refused({ redirect_uris: wide }, 'invalid_client_metadata', /32 kB/)
    const { jwk } = await signingParty()
    const deep = JSON.stringify({
      redirect_uris: [CALLBACK],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: { keys: [{ ...jwk, deep: 'HERE' }] },
    }).replace('"HERE"', `${'['.repeat(25_000)}${']'.repeat(25_000)}`)
    const reply = await askToRegister(server, undefined, {
      body: deep,
      headers: { 'content-type': 'application/json' },
    })
    expectRefused(reply, 'invalid_client_metadata')
  })

  for (const [title, body, type] of [
    ['no JSON', '{"redirect_uris":', 'application/json'],
    ['a list', '[]', 'application/json'],
    ['null', 'null', 'application/json'],
    ['nothing', '', 'application/json'],
    ['a form', 'redirect_uris=x', 'application/x-www-form-urlencoded'],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]).toString('latin1'), 'application/json'],
    ['NUL', '{"client_name":"a\\u0000b"}', 'application/json'],
  ] as const) {
    it(`refuses a body that is ${title}`, async () => {
      const reply = await askToRegister(server, undefined, {
        body,
        headers: { 'content-type': type },
      })
      if (title === 'no UTF-8') return expect(reply.status).to.be.within(400, 415)
      expectRefused(reply, 'invalid_request')
    })
  }

  it('answers no other method, and pages of every origin', async () => {
    const get = await browser().get(`${server.issuer}/register`)
    expect(get.status).to.equal(405)
    const asked = await browser().request('OPTIONS', `${server.issuer}/register`, {
      headers: {
        origin: 'https://inspector.example.test',
        'access-control-request-method': 'POST',
      },
    })
    expect(asked.status).to.equal(204)
    expect(asked.headers).to.include({ 'access-control-allow-origin': '*' })
    const reply = await askToRegister(server, { redirect_uris: [CALLBACK] })
    expect(reply.headers).to.include({ 'access-control-allow-origin': '*' })
  })

  it('limits one address, and tells when to come back', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.9' }
    await server.parts.limits.consume('registration_ip', '203.0.113.9', 295)
    const replies = await atOnce(15, () => askToRegister(server, {}, { headers }))
    const limited = replies.filter(({ status }) => status === 429)
    expect(limited).to.have.length(10)
    expectRefused(limited[0]!, 'temporarily_unavailable', undefined, 429)
    expect(Number(limited[0]!.headers['retry-after'])).to.be.within(1, 600)
    await register(server)
  })

  it('removes clients that never obtained a token', async () => {
    const [fresh, unused, used, allowed] = [
      await register(server),
      await register(server),
      await register(server),
      await register(server),
    ]
    const { db } = server.parts
    const ids = [unused, used, allowed].map(({ client_id }) => client_id)
    await rows(
      db,
      `UPDATE client_registration SET created_at = now() - interval '31 days' WHERE client_id = ANY($1)`,
      [ids],
    )
    await rows(db, 'UPDATE client_registration SET first_used_at = now() WHERE client_id = $1', [
      used.client_id,
    ])
    const ada = await addPerson(server)
    await rows(db, 'INSERT INTO consent (account_id, client_id) VALUES ($1, $2)', [
      ada.id,
      allowed.client_id,
    ])
    const before = new Date(Date.now() - 30 * 86_400_000)
    const sweep = () => deleteUnusedRegistrations(db, { before, endAccess: deleteRecordsOfClient })
    expect(await atOnce(3, sweep)).to.have.members([1, 0, 0])
    const left = await rows<{ client_id: string }>(
      db,
      'SELECT client_id FROM client WHERE client_id = ANY($1)',
      [[fresh, unused, used, allowed].map(({ client_id }) => client_id)],
    )
    expect(left.map((row) => row.client_id)).to.have.members(
      [fresh, used, allowed].map(({ client_id }) => client_id),
    )
    const deleted = await eventsOf(server, 'auth.client.deleted')
    expect(deleted.at(-1)).to.deep.include({
      subject: unused.client_id,
      data: { clientId: unused.client_id, by: 'housekeeping' },
    })
  })

  it('removes nobody while events wait that could tell of a use', async () => {
    const { db } = server.parts
    const { client_id: clientId } = await register(server)
    await rows(
      db,
      `UPDATE client_registration SET created_at = '2020-01-01' WHERE client_id = $1`,
      [clientId],
    )
    await rows(
      db,
      `INSERT INTO event_outbox (event_id, type, occurred_at, data)
       VALUES (gen_random_uuid(), 'auth.token.issued', now() - interval '2 hours', '{}')`,
    )
    const sweep = { before: new Date('2021-01-01'), endAccess: deleteRecordsOfClient }
    expect(await deleteUnusedRegistrations(db, sweep)).to.equal(0)
    await rows(db, `DELETE FROM event_outbox WHERE occurred_at < now() - interval '1 hour'`)
    expect(await deleteUnusedRegistrations(db, sweep)).to.equal(1)
  })
})

describe('Registration with initial access tokens (RFC 7591 §3)', function () {
  this.timeout(60_000)
  let server: AuthCore

  before(async () => {
    server = await startAuthCore({
      env: { ...BEHIND_PROXY, AUTHCORE_DYNAMIC_REGISTRATION: 'protected' },
    })
  })
  after(() => server?.stop())

  const metadata = { redirect_uris: [CALLBACK] }

  it('wants one', async () => {
    const reply = await askToRegister(server, metadata)
    expectRefused(reply, 'invalid_token', undefined, 401)
    expect(reply.headers['www-authenticate']).to.equal('Bearer')
    const wrong = await askToRegister(server, metadata, { token: 'ait_wrong' })
    expectRefused(wrong, 'invalid_token', undefined, 401)
    expect(wrong.headers['www-authenticate']).to.equal('Bearer error="invalid_token"')
    const basic = await askToRegister(server, metadata, {
      headers: { authorization: 'Basic eDp5' },
    })
    expectRefused(basic, 'invalid_token', undefined, 401)
    const refusals = await eventsOf(server, 'auth.client.registration_refused')
    expect(refusals).to.have.length(3)
    expect(refusals[0]!.data).to.include({ error: 'invalid_token' })
  })

  it('lets as many register as it has uses, however many come at once', async () => {
    const token = await initialToken(server, { uses: 3 })
    const replies = await atOnce(12, () => askToRegister(server, metadata, { token }))
    const statuses = replies.map(({ status }) => status)
    expect(statuses.filter((status) => status === 201)).to.have.length(3)
    expect(statuses.filter((status) => status === 401)).to.have.length(9)
  })

  it('loses no use to a registration that is refused', async () => {
    const token = await initialToken(server)
    const bad = await askToRegister(server, { redirect_uris: ['http://evil.test/'] }, { token })
    expectRefused(bad, 'invalid_redirect_uri')
    const worse = await askToRegister(server, { ...metadata, client_name: '\u202e' }, { token })
    expectRefused(worse, 'invalid_client_metadata')
    await register(server, {}, { token })
    expectRefused(await askToRegister(server, metadata, { token }), 'invalid_token', undefined, 401)
  })

  it('ends at its time, and when it is revoked', async () => {
    const token = await initialToken(server)
    const { db } = server.parts
    await rows(db, `UPDATE registration_token SET expires_at = now() - interval '1 second'`)
    expectRefused(await askToRegister(server, metadata, { token }), 'invalid_token', undefined, 401)
    const other = await initialToken(server)
    await rows(db, 'DELETE FROM registration_token')
    expectRefused(
      await askToRegister(server, metadata, { token: other }),
      'invalid_token',
      undefined,
      401,
    )
  })

  it('gives the presets that it names and no others', async () => {
    const { jwk } = await signingParty()
    const token = await initialToken(server, { presets: ['fapi2'], uses: 2 })
    const fapi = await register(
      server,
      { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } },
      { token },
    )
    expect(fapi).to.include({ preset: 'fapi2', id_token_signed_response_alg: 'ES256' })
    expectRefused(
      await askToRegister(server, { ...metadata, token_endpoint_auth_method: 'none' }, { token }),
      'invalid_client_metadata',
      /token_endpoint_auth_method|jwks/,
    )
    const legacy = await initialToken(server, { presets: ['legacy'] })
    expectRefused(
      await askToRegister(server, metadata, { token: legacy }),
      'invalid_client_metadata',
      /^preset/,
    )
  })

  it('is of no use anywhere else', async () => {
    const token = await initialToken(server)
    const reply = await browser().get(`${server.issuer}/userinfo`, {
      headers: { authorization: `Bearer ${token}` },
    })
    expect(reply.status).to.equal(401)
  })

  it('cannot be guessed for long', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.77' }
    const guesses = []
    for (let n = 0; n < 40; n++) {
      guesses.push(await askToRegister(server, metadata, { token: `ait_${n}`, headers }))
    }
    expect(guesses.filter(({ status }) => status === 429)).to.have.length(10)
  })
})

describe('Registration that is off', function () {
  this.timeout(60_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore()
  })
  after(() => server?.stop())

  it('is not there', async () => {
    const reply = await askToRegister(server, { redirect_uris: [CALLBACK] })
    expect(reply.status).to.equal(404)
    const discovery = await browser().get(`${server.issuer}/.well-known/openid-configuration`)
    expect(discovery.json()).not.to.have.property('registration_endpoint')
    expect((await post(server, '/register', undefined, {})).status).to.equal(404)
  })
})

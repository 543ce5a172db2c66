import { createHash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { connect, type SecureVersion } from 'node:tls'
import { expect } from 'chai'
import { decodeJwt } from 'jose'
import * as oidc from 'openid-client'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type CertificateOptions, type Issued, issueCertificate } from '../support/certificates.ts'
import { freePort } from '../support/free_port.ts'
import { browser, type Fields, type Reply } from '../support/http.ts'
import {
  clientCert,
  type MutualTls,
  partyWithCertificate,
  startWithMutualTls,
} from '../support/mtls.ts'
import * as redis from '../support/redis.ts'
import { authorize, goThrough, relyingParty } from '../support/relying_party.ts'
import { requires } from '../support/skip.ts'
import {
  addGuard,
  authorizationUri,
  clientAssertion,
  dpopProof,
  eventsOf,
  exchangeFields,
  expectError,
  expectErrorPage,
  expectTokens,
  fromSomewhere,
  introspect,
  type ProofChanges,
  signingParty,
  type TestClient,
  type Tokens,
} from './driver.ts'

const WELL_KNOWN = ['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server']
const BEHIND_PROXY = { AUTHCORE_TRUSTED_PROXIES: '127.0.0.1,::1' }
const CREDENTIALS = { grant_type: 'client_credentials', resource: API, scope: 'read' }
const SERVICE = { resource_scopes: { [API]: ['read'] } }
const BOUND = { tls_client_certificate_bound_access_tokens: true }

type Metadata = NonNullable<Parameters<typeof addClient>[1]>['metadata']
type Calling = { certificate?: Issued | undefined; headers?: Record<string, string | string[]> }

/** How a request with a certificate gets to the origin of the aliases. */
const WAYS = {
  listener: (mtls: MutualTls, { certificate }: Calling) => ({
    client: mtls.at(certificate),
    headers: {},
  }),
  proxy: ({ server, origin }: MutualTls, { certificate }: Calling) => ({
    client: browser({ base: server.issuer }),
    headers: { host: new URL(origin).host, ...(certificate ? clientCert(certificate) : {}) },
  }),
}

const addService = (server: AuthCore, metadata: Metadata) =>
  addClient(server, { preset: 'service', metadata: { ...SERVICE, ...metadata } })

const byDn = (subject: string): Metadata => ({
  token_endpoint_auth_method: 'tls_client_auth',
  tls_client_auth_subject_dn: subject,
})

const selfSigned = (...certificates: Issued[]): Metadata => ({
  token_endpoint_auth_method: 'self_signed_tls_client_auth',
  jwks: { keys: certificates.map(jwkOf) },
})

function jwkOf({ publicKey, der }: Issued) {
  return { ...publicKey.export({ format: 'jwk' }), x5c: [der] }
}

for (const mode of ['listener', 'proxy'] as const) {
  describe(`Mutual TLS (RFC 8705), AUTHCORE_MTLS=${mode}`, function () {
    this.timeout(30_000)
    let mtls: MutualTls
    let server: AuthCore
    let ada: Person

    before(async () => {
      mtls = await startWithMutualTls(mode, { env: BEHIND_PROXY })
      server = mtls.server
      ada = await addPerson(server)
      await addApi(server)
    })
    after(() => server?.stop())

    function call(path: string, fields: Fields, calling: Calling = {}): Promise<Reply> {
      const { client, headers } = WAYS[mode](mtls, calling)
      return client.post(path, fields, {
        headers: { ...fromSomewhere(), ...headers, ...calling.headers },
      })
    }
    function userinfo(accessToken: string, calling: Calling = {}): Promise<Reply> {
      const { client, headers } = WAYS[mode](mtls, calling)
      const authorization = `Bearer ${accessToken}`
      return client.get('/userinfo', { headers: { ...headers, ...calling.headers, authorization } })
    }
    const asClient = ({ clientId }: TestClient, calling: Calling, fields: Fields = CREDENTIALS) =>
      call('/token', { client_id: clientId, ...fields } as Fields, calling)
    const metadata = async (path = WELL_KNOWN[0]!) =>
      (await browser().get(`${server.issuer}${path}`)).json<Record<string, unknown>>()

    async function refusalsOf({ clientId }: TestClient): Promise<unknown[]> {
      const events = await eventsOf(server, 'auth.client.authentication_failed')
      return events.filter(({ subject }) => subject === clientId).map(({ data }) => data['reason'])
    }
    async function issuedTo({ clientId }: TestClient): Promise<number> {
      const events = await eventsOf(server, 'auth.token.issued')
      return events.filter(({ data }) => data['clientId'] === clientId).length
    }

    describe('in discovery', () => {
      it('is offered, with the endpoints of programs at the other origin', async () => {
        for (const path of WELL_KNOWN) {
          const document = await metadata(path)
          expect(document['token_endpoint_auth_methods_supported']).to.include.members([
            'tls_client_auth',
            'self_signed_tls_client_auth',
          ])
          expect(document['tls_client_certificate_bound_access_tokens']).to.equal(true)
          expect(document['mtls_endpoint_aliases']).to.deep.equal({
            token_endpoint: `${mtls.origin}/token`,
            backchannel_authentication_endpoint: `${mtls.origin}/backchannel_authentication`,
            userinfo_endpoint: `${mtls.origin}/userinfo`,
            introspection_endpoint: `${mtls.origin}/introspect`,
            revocation_endpoint: `${mtls.origin}/revoke`,
            pushed_authorization_request_endpoint: `${mtls.origin}/par`,
            device_authorization_endpoint: `${mtls.origin}/device_authorization`,
          })
          expect(document['token_endpoint']).to.equal(`${server.issuer}/token`)
        }
      })

      it('leaves pages, documents and cookies at the issuer', async () => {
        for (const path of ['/', '/authorize', '/logout', '/jwks', '/health/live', ...WELL_KNOWN]) {
          const { client, headers } = WAYS[mode](mtls, {})
          const reply = await client.get(path, { headers })
          expect(reply.status, path).to.equal(404)
          expect(reply.headers).not.to.have.property('set-cookie')
        }
      })
    })

    describe('tls_client_auth (§2.1)', () => {
      const SUBJECT = [
        ['C', 'DE'],
        ['O', 'Example, Inc.'],
        ['CN', 'Shop'],
      ] as const
      const NAMES: [string, Metadata, CertificateOptions, CertificateOptions][] = [
        [
          'tls_client_auth_subject_dn',
          byDn('CN=Shop, O=Example\\, Inc.,C=DE'),
          { subject: SUBJECT },
          { subject: [...SUBJECT].reverse() },
        ],
        [
          'tls_client_auth_san_dns',
          { tls_client_auth_san_dns: 'shop.example.test' },
          { altNames: [['dns', 'Shop.example.test']] },
          { altNames: [['dns', '*.example.test']], subject: [['CN', 'shop.example.test']] },
        ],
        [
          'tls_client_auth_san_uri',
          { tls_client_auth_san_uri: 'spiffe://example.test/shop,1' },
          {
            altNames: [
              ['uri', 'urn:other'],
              ['uri', 'spiffe://example.test/shop,1'],
            ],
          },
          { altNames: [['uri', 'spiffe://example.test/shop']] },
        ],
        [
          'tls_client_auth_san_ip',
          { tls_client_auth_san_ip: '2001:db8::17' },
          { altNames: [['ip', '2001:db8::17']] },
          { altNames: [['dns', '2001:db8::17']] },
        ],
        [
          'tls_client_auth_san_email',
          { tls_client_auth_san_email: 'shop@example.test' },
          { altNames: [['email', 'shop@EXAMPLE.test']] },
          { altNames: [['email', 'Shop@example.test']] },
        ],
      ]
      for (const [member, registered, same, other] of NAMES) {
        it(`takes the certificate that ${member} names, and no other`, async () => {
          const auth = { token_endpoint_auth_method: 'tls_client_auth' } as const
          const client = await addService(server, { ...auth, ...registered })
          expectTokens(await asClient(client, { certificate: mtls.issue(same) }))
          const refused = await asClient(client, { certificate: mtls.issue(other) })
          expectError(refused, 401, 'invalid_client')
          expect(await issuedTo(client)).to.equal(1)
        })
      }

      const named = { subject: [['CN', 'Named']] } as const
      const stranger = issueCertificate({ ca: true, subject: [['CN', 'Client authority']] })
      const BAD: [string, () => Issued | undefined, string][] = [
        ['without a certificate', () => undefined, 'client certificate was not provided'],
        [
          'with one of an authority of the same name',
          () => issueCertificate({ ...named, by: stranger, purpose: 'client' }),
          'client certificate was not verified',
        ],
        [
          'with one that it signed itself',
          () => issueCertificate({ ...named }),
          'client certificate was not verified',
        ],
        [
          'with one that has expired',
          () => mtls.issue({ ...named, from: -7_200, until: -3_600 }),
          'client certificate was not verified',
        ],
        [
          'with one that is not valid yet',
          () => mtls.issue({ ...named, from: 3_600, until: 7_200 }),
          'client certificate was not verified',
        ],
        [
          'with one for servers',
          () => mtls.issue({ ...named, purpose: 'server' }),
          'client certificate was not verified',
        ],
        [
          'with one that another client issued',
          () =>
            issueCertificate({
              ...named,
              by: mtls.issue({ subject: [['CN', 'Client authority']] }),
              purpose: 'client',
            }),
          'client certificate was not verified',
        ],
      ]
      for (const [title, certificate, reason] of BAD) {
        it(`refuses a client ${title}, and writes down why`, async () => {
          const client = await addService(server, byDn('CN=Named'))
          const refused = await asClient(client, { certificate: certificate() })
          expectError(refused, 401, 'invalid_client')
          expect(await refusalsOf(client)).to.deep.equal([reason])
          expect(await issuedTo(client)).to.equal(0)
        })
      }

      it('takes no secret in the place of a certificate', async () => {
        const client = await addService(server, byDn('CN=Named'))
        const fields = { ...CREDENTIALS, client_secret: 'a secret of sixteen' }
        const refused = await asClient(client, { certificate: mtls.issue(named) }, fields)
        expectError(refused, 401, 'invalid_client')
      })
    })

    describe('self_signed_tls_client_auth (§2.2)', () => {
      it('takes every certificate that was registered, and no other of the same name', async () => {
        const [one, two] = [issueCertificate(), issueCertificate()]
        const client = await addService(server, selfSigned(one, two))
        for (const certificate of [one, two]) {
          expectTokens(await asClient(client, { certificate }))
        }
        for (const certificate of [issueCertificate(), mtls.issue(), undefined]) {
          expectError(await asClient(client, { certificate }), 401, 'invalid_client')
        }
        expect(await issuedTo(client)).to.equal(2)
      })
    })

    describe('bound access tokens (§3)', () => {
      let guard: TestClient
      before(async () => {
        guard = await addGuard(server)
      })

      it('say which certificate they are for, as a JWT and in introspection', async () => {
        const certificate = mtls.issue({ subject: [['CN', 'Bound']] })
        const client = await addService(server, { ...byDn('CN=Bound'), ...BOUND })
        const { access_token: token, token_type: type } = expectTokens(
          await asClient(client, { certificate }),
        )
        expect(type).to.equal('Bearer')
        const cnf = { 'x5t#S256': thumbprint(certificate) }
        expect(decodeJwt(token)['cnf']).to.deep.equal(cnf)
        const told = await introspect(server, guard, token)
        expect(told).to.deep.include({ active: true, cnf, token_type: 'Bearer' })
      })

      it('are not for clients that show no certificate', async () => {
        const client = await addService(server, BOUND)
        const basic = `Basic ${Buffer.from(`${client.clientId}:${client.secret}`).toString('base64')}`
        const headers = { authorization: basic }
        expectError(await call('/token', CREDENTIALS, { headers }), 400, 'invalid_grant')
        const certificate = issueCertificate()
        const { access_token: token } = expectTokens(
          await call('/token', CREDENTIALS, { headers, certificate }),
        )
        expect(decodeJwt(token)['cnf']).to.deep.equal({ 'x5t#S256': thumbprint(certificate) })
      })

      it('are bound to one key, not to two', async () => {
        const certificate = mtls.issue({ subject: [['CN', 'Two keys']] })
        const client = await addService(server, { ...byDn('CN=Two keys'), ...BOUND })
        const dpop = await dpopProof(await signingParty(), 'POST', `${mtls.origin}/token`)
        const refused = await asClient(client, { certificate, headers: { dpop } })
        expectError(refused, 400, 'invalid_request')
        expect(await issuedTo(client)).to.equal(0)
      })
    })

    describe('a public client with a certificate (§4)', () => {
      let client: TestClient
      let certificate: Issued

      before(async () => {
        client = await addClient(server, { preset: 'spa', metadata: BOUND })
        certificate = issueCertificate()
      })

      async function tokens(): Promise<Required<Tokens>> {
        const party = await relyingParty(server, client)
        const parameters = { scope: 'openid offline_access', prompt: 'consent' }
        const answer = await authorize(server, party, ada, { parameters })
        const reply = await asClient(client, { certificate }, exchangeFields(answer))
        return expectTokens(reply) as Required<Tokens>
      }

      it('uses its access token at UserInfo with that certificate only', async () => {
        const { access_token: token } = await tokens()
        const reply = await userinfo(token, { certificate })
        expect(reply.status, reply.body).to.equal(200)
        expect(reply.json()).to.deep.include({ sub: ada.id })
        for (const other of [undefined, issueCertificate(), mtls.issue()]) {
          const refused = await userinfo(token, { certificate: other })
          expectError(refused, 401, 'invalid_token')
          expect(refused.headers['www-authenticate']).to.match(/error="invalid_token"/)
        }
        const plain = await browser().get(`${server.issuer}/userinfo`, {
          headers: { authorization: `Bearer ${token}` },
        })
        expectError(plain, 401, 'invalid_token')
      })

      it('refreshes with that certificate only', async () => {
        const { refresh_token: refreshToken } = await tokens()
        const fields = { grant_type: 'refresh_token', refresh_token: refreshToken }
        for (const other of [undefined, issueCertificate()]) {
          const refused = await asClient(client, { certificate: other }, fields)
          expectError(refused, 400, 'invalid_grant')
        }
        const renewed = expectTokens(await asClient(client, { certificate }, fields))
        expect(renewed.refresh_token).to.be.a('string').and.not.equal(refreshToken)
        expect((await userinfo(renewed.access_token, { certificate })).status).to.equal(200)
        expectError(await userinfo(renewed.access_token), 401, 'invalid_token')
      })

      it('is given the same successor again when its answer got lost', async () => {
        const { refresh_token: refreshToken } = await tokens()
        const fields = { grant_type: 'refresh_token', refresh_token: refreshToken }
        const first = expectTokens(await asClient(client, { certificate }, fields))
        const stolen = await asClient(client, { certificate: issueCertificate() }, fields)
        expectError(stolen, 400, 'invalid_grant')
        const again = expectTokens(await asClient(client, { certificate }, fields))
        expect(again.refresh_token).to.equal(first.refresh_token)
      })

      it('exchanges no code without a certificate', async () => {
        const party = await relyingParty(server, client)
        const answer = await authorize(server, party, ada)
        const refused = await asClient(client, {}, exchangeFields(answer))
        expectError(refused, 400, 'invalid_grant')
      })
    })

    describe('by the aliases (§5)', () => {
      it('pushes requests, introspects and revokes', async () => {
        const certificate = mtls.issue({ subject: [['CN', 'Everywhere']] })
        const client = await addClient(server, {
          metadata: { ...byDn('CN=Everywhere'), introspection: 'own' },
        })
        const uri = new URL(await authorizationUri(server, client))
        const pushed = await call('/par', uri.searchParams, { certificate })
        expect(pushed.status, pushed.body).to.equal(201)
        expectError(await call('/par', uri.searchParams), 401, 'invalid_client')

        const service = await addService(server, {
          ...byDn('CN=Everywhere'),
          introspection: 'own',
        })
        const { access_token: token } = expectTokens(await asClient(service, { certificate }))
        const about = { client_id: service.clientId, token }
        const active = async () => {
          const reply = await call('/introspect', about, { certificate })
          expect(reply.status, reply.body).to.equal(200)
          return reply.json<{ active: boolean }>().active
        }
        expect(await active()).to.equal(true)
        expectError(await call('/revoke', about), 401, 'invalid_client')
        expect(await active()).to.equal(true)
        expect((await call('/revoke', about, { certificate })).status).to.equal(200)
        expect(await active()).to.equal(false)
      })

      it('sends people of devices to the issuer', async () => {
        const device = await addClient(server, { preset: 'device' })
        const reply = await call('/device_authorization', { client_id: device.clientId })
        expect(reply.status, reply.body).to.equal(200)
        expect(reply.json<{ verification_uri: string }>().verification_uri).to.equal(
          `${server.issuer}/device`,
        )
      })

      it('takes DPoP proofs for the address that was called, and assertions for the issuer', async () => {
        const key = await signingParty()
        const client = await addService(server, {
          token_endpoint_auth_method: 'private_key_jwt',
          jwks: { keys: [key.jwk as Record<string, unknown>] },
        })
        const send = async (htu: string, changes?: ProofChanges) =>
          call(
            '/token',
            { ...CREDENTIALS, ...(await clientAssertion(server, client.clientId, key, changes)) },
            { headers: { dpop: await dpopProof(key, 'POST', htu) } },
          )
        const tokens = expectTokens(await send(`${mtls.origin}/token`))
        expect(tokens.token_type).to.equal('DPoP')
        expectError(await send(`${server.issuer}/token`), 400, 'invalid_dpop_proof')
        const elsewhere = await send(`${mtls.origin}/token`, {
          claims: { aud: `${mtls.origin}/token` },
        })
        expectError(elsewhere, 401, 'invalid_client')
      })

      it('takes no proof for an alias at the issuer', async () => {
        const service = await addService(server, {})
        const basic = Buffer.from(`${service.clientId}:${service.secret}`).toString('base64')
        const send = async (htu: string) =>
          await browser().post(`${server.issuer}/token`, CREDENTIALS, {
            headers: {
              authorization: `Basic ${basic}`,
              dpop: await dpopProof(await signingParty(), 'POST', htu),
            },
          })
        expectError(await send(`${mtls.origin}/token`), 400, 'invalid_dpop_proof')
        expectTokens(await send(`${server.issuer}/token`))
      })
    })
  })
}

function thumbprint({ der }: Issued): string {
  return createHash('sha256').update(Buffer.from(der, 'base64')).digest('base64url')
}

describe('Mutual TLS at a listener of our own', function () {
  this.timeout(30_000)
  let mtls: MutualTls
  let client: TestClient
  let certificate: Issued

  before(async () => {
    mtls = await startWithMutualTls('listener', { env: BEHIND_PROXY })
    await addApi(mtls.server)
    certificate = mtls.issue({ subject: [['CN', 'Listener']] })
    client = await addService(mtls.server, byDn('CN=Listener'))
  })
  after(() => mtls?.server.stop())

  const fields = () => ({ ...CREDENTIALS, client_id: client.clientId })

  it('believes no header, neither there nor at the issuer', async () => {
    const forged = {
      ...clientCert(certificate),
      'x-ssl-client-cert': encodeURIComponent(certificate.cert),
      'x-client-verify': 'SUCCESS',
      ...fromSomewhere(),
    }
    const mine = issueCertificate({ subject: [['CN', 'Listener']] })
    for (const sender of [mtls.at(), mtls.at(mine), browser({ base: mtls.server.issuer })]) {
      const refused = await sender.post('/token', fields(), { headers: forged })
      expectError(refused, 401, 'invalid_client')
    }
    expectTokens(await mtls.at(certificate).post('/token', fields()))
  })

  it('speaks TLS 1.2 and 1.3, and nothing older', async () => {
    const { port } = new URL(mtls.origin)
    const handshake = (version: SecureVersion) =>
      new Promise<string | null>((resolve) => {
        const socket = connect({
          port: Number(port),
          ca: mtls.ca,
          servername: 'localhost',
          minVersion: version,
          maxVersion: version,
          ciphers: 'DEFAULT@SECLEVEL=0',
        })
        socket.on('secureConnect', () => {
          resolve(socket.getProtocol())
          socket.destroy()
        })
        socket.on('error', () => resolve(null))
      })
    expect(await handshake('TLSv1.3')).to.equal('TLSv1.3')
    expect(await handshake('TLSv1.2')).to.equal('TLSv1.2')
    expect(await handshake('TLSv1.1')).to.equal(null)
  })

  it('carries a relying party of openid-client from the code to bound tokens', async () => {
    const ada = await addPerson(mtls.server)
    const own = mtls.issue({ subject: [['CN', 'Relying party']] })
    const registered = await addClient(mtls.server, {
      metadata: {
        ...byDn('CN=Relying party'),
        ...BOUND,
        require_pushed_authorization_requests: true,
      },
    })
    const configuration = await partyWithCertificate(mtls, registered.clientId, own)
    const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
    const url = await oidc.buildAuthorizationUrlWithPAR(configuration, {
      redirect_uri: registered.client.metadata.redirect_uris[0]!,
      scope: 'openid email offline_access',
      prompt: 'consent',
      code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    })
    const alice = browser()
    const callback = await goThrough(alice, await alice.get(url.href), ada, mtls.server.issuer)
    const tokens = await oidc.authorizationCodeGrant(configuration, callback, { pkceCodeVerifier })
    expect(tokens.claims()?.sub).to.equal(ada.id)
    const claims = await oidc.fetchUserInfo(configuration, tokens.access_token, ada.id)
    expect(claims.email).to.equal(ada.email)
    const plain = await mtls.at(issueCertificate()).get('/userinfo', {
      headers: { authorization: `Bearer ${tokens.access_token}` },
    })
    expectError(plain, 401, 'invalid_token')
    const renewed = await oidc.refreshTokenGrant(configuration, tokens.refresh_token!)
    expect(renewed.access_token).to.be.a('string').and.not.equal(tokens.access_token)
    await oidc.tokenRevocation(configuration, renewed.access_token)
    const gone = await mtls.at(own).get('/userinfo', {
      headers: { authorization: `Bearer ${renewed.access_token}` },
    })
    expectError(gone, 401, 'invalid_token')
  })
})

describe('Mutual TLS behind a proxy', function () {
  this.timeout(30_000)
  let mtls: MutualTls
  let client: TestClient
  let certificate: Issued

  before(async () => {
    mtls = await startWithMutualTls('proxy')
    await addApi(mtls.server)
    certificate = mtls.issue({ subject: [['CN', 'Proxied']] })
    client = await addService(mtls.server, byDn('CN=Proxied'))
  })
  after(() => mtls?.server.stop())

  const send = ({ server }: MutualTls, headers: Record<string, string | string[]>) =>
    browser().post(
      `${server.issuer}/token`,
      { ...CREDENTIALS, client_id: client.clientId },
      { headers: { ...fromSomewhere(), ...headers } },
    )

  it('understands RFC 9440 and percent-encoded PEM', async () => {
    expectTokens(await send(mtls, clientCert(certificate)))
    expectTokens(await send(mtls, { 'client-cert': encodeURIComponent(certificate.cert) }))
  })

  it('takes what it cannot read for no certificate', async () => {
    const der = Buffer.from(certificate.der, 'base64')
    const unreadable = {
      'that is empty': '',
      'of no bytes': '::',
      'without colons': certificate.der,
      'of other bytes': `:${Buffer.from('no certificate').toString('base64')}:`,
      'cut off': `:${certificate.der.slice(0, -40)}:`,
      'with more behind it': `:${Buffer.concat([der, der]).toString('base64')}:`,
      'with parameters': `:${certificate.der}:;a=1`,
      'of two certificates': encodeURIComponent(certificate.cert + certificate.cert),
      'with a broken escape': '%zz',
      'of a private key': encodeURIComponent(certificate.key),
    }
    for (const [title, value] of Object.entries(unreadable)) {
      const reply = await send(mtls, { 'client-cert': value })
      expect(reply.status, title).to.equal(401)
      expectError(reply, 401, 'invalid_client')
    }
  })

  it("refuses a forged header that stands beside the proxy's", async () => {
    const mine = issueCertificate()
    for (const order of [
      [certificate, mine],
      [mine, certificate],
    ]) {
      const values = order.map((each) => clientCert(each)['client-cert'])
      expectError(await send(mtls, { 'client-cert': values }), 401, 'invalid_client')
      expectError(await send(mtls, { 'client-cert': values.join(', ') }), 401, 'invalid_client')
    }
  })

  it('reads no other header', async () => {
    const others = ['x-ssl-client-cert', 'ssl-client-cert', 'x-client-cert', 'client_cert']
    for (const name of others) {
      const refused = await send(mtls, { [name]: encodeURIComponent(certificate.cert) })
      expectError(refused, 401, 'invalid_client')
    }
  })

  it('believes nobody but the proxies', async () => {
    const other = await startWithMutualTls('proxy', {
      env: { AUTHCORE_TRUSTED_PROXIES: '10.0.0.1' },
    })
    try {
      await addApi(other.server)
      client = await addService(other.server, byDn('CN=Proxied'))
      const own = other.issue({ subject: [['CN', 'Proxied']] })
      const forged = { ...clientCert(own), 'x-forwarded-for': '10.0.0.1' }
      expectError(await send(other, forged), 401, 'invalid_client')
    } finally {
      await other.server.stop()
    }
  })

  it('leaves the verification to a proxy that says SUCCESS', async () => {
    const other = await startWithMutualTls('proxy', {
      env: {
        AUTHCORE_MTLS_CA_FILE: '',
        AUTHCORE_MTLS_HEADER: 'X-SSL-Cert',
        AUTHCORE_MTLS_VERIFIED_HEADER: 'X-SSL-Verify',
      },
    })
    try {
      await addApi(other.server)
      client = await addService(other.server, byDn('CN=Proxied'))
      const header = (issued: Issued) => ({ 'x-ssl-cert': encodeURIComponent(issued.cert) })
      const own = issueCertificate({ subject: [['CN', 'Proxied']] })
      expectTokens(await send(other, { ...header(own), 'x-ssl-verify': 'SUCCESS' }))
      const verdicts = ['', 'NONE', 'FAILED:self-signed certificate', 'success', 'SUCCESS, SUCCESS']
      for (const verdict of verdicts) {
        const refused = await send(other, { ...header(own), 'x-ssl-verify': verdict })
        expectError(refused, 401, 'invalid_client')
      }
      expectError(await send(other, header(own)), 401, 'invalid_client')
      const twice = await send(other, { ...header(own), 'x-ssl-verify': ['NONE', 'SUCCESS'] })
      expectError(twice, 401, 'invalid_client')
      const past = issueCertificate({ subject: [['CN', 'Proxied']], from: -90, until: -30 })
      const expired = await send(other, { ...header(past), 'x-ssl-verify': 'SUCCESS' })
      expectError(expired, 401, 'invalid_client')
      expectError(await send(other, clientCert(own)), 401, 'invalid_client')
    } finally {
      await other.server.stop()
    }
  })

  it('offers what nobody verifies to nobody', async () => {
    const other = await startWithMutualTls('proxy', { env: { AUTHCORE_MTLS_CA_FILE: '' } })
    try {
      await addApi(other.server)
      const { issuer } = other.server
      const document = (
        await browser().get(`${issuer}${WELL_KNOWN[0]}`)
      ).json<oidc.ServerMetadata>()
      expect(document.token_endpoint_auth_methods_supported)
        .to.include('self_signed_tls_client_auth')
        .and.not.include('tls_client_auth')
      const own = other.issue({ subject: [['CN', 'Proxied']] })
      client = await addService(other.server, byDn('CN=Proxied'))
      expectError(await send(other, clientCert(own)), 401, 'invalid_client')
      client = await addService(other.server, selfSigned(own))
      expectTokens(await send(other, clientCert(own)))
    } finally {
      await other.server.stop()
    }
  })
})

describe('Self-signed certificates behind a jwks_uri (RFC 8705 §2.2.2)', function () {
  this.timeout(30_000)
  let mtls: MutualTls
  let host: Server
  let address: string
  let published: unknown

  before(async () => {
    const port = await freePort()
    address = `127.0.0.1:${port}`
    host = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(published))
    })
    await new Promise<void>((resolve) => host.listen(port, '127.0.0.1', resolve))
    mtls = await startWithMutualTls('proxy', { env: { AUTHCORE_OUTBOUND_ALLOW: address } })
    await addApi(mtls.server)
  })
  after(async () => {
    await mtls?.server.stop()
    host?.closeAllConnections()
    host?.close()
  })

  async function ask(certificate: Issued): Promise<Reply> {
    const { clientId } = await addService(mtls.server, {
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks_uri: `http://${address}/keys`,
    })
    return await browser().post(
      `${mtls.server.issuer}/token`,
      { ...CREDENTIALS, client_id: clientId },
      { headers: { ...fromSomewhere(), ...clientCert(certificate) } },
    )
  }

  it('let in who has one of them', async () => {
    const own = issueCertificate()
    published = { keys: [jwkOf(issueCertificate()), jwkOf(own)] }
    expectTokens(await ask(own))
    expectError(await ask(issueCertificate()), 401, 'invalid_client')
  })

  it('let nobody in where there are none', async () => {
    const own = issueCertificate()
    const { x5c: _, ...bare } = jwkOf(own)
    const none = [
      { keys: [] },
      { keys: [bare] },
      { keys: [{ ...bare, x5c: [5] }] },
      { keys: [{ ...bare, x5c: ['no certificate'] }] },
      { keys: [{ ...bare, x5c: own.der }] },
      null,
    ]
    for (published of none) {
      const reply = await ask(own)
      expect(reply.status, reply.body).to.be.within(400, 401)
      expect(reply.json<{ error: string }>().error).to.match(/^invalid_client/)
    }
  })
})

describe('Mutual TLS that is off', function () {
  this.timeout(30_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore({ env: BEHIND_PROXY })
    await addApi(server)
  })
  after(() => server?.stop())

  it('is not advertised', async () => {
    for (const path of WELL_KNOWN) {
      const { body } = await browser().get(`${server.issuer}${path}`)
      expect(body).not.to.match(/tls|mtls/i)
    }
  })

  it('refuses the clients that depend on it, and serves none of them with less', async () => {
    const certificate = issueCertificate({ subject: [['CN', 'Off']] })
    const depending = [byDn('CN=Off'), selfSigned(certificate), BOUND]
    for (const metadata of depending) {
      const client = await addService(server, metadata)
      const fields = {
        ...CREDENTIALS,
        client_id: client.clientId,
        ...(client.secret === undefined ? {} : { client_secret: client.secret }),
      }
      const headers = { ...fromSomewhere(), ...clientCert(certificate) }
      const refused = await browser().post(`${server.issuer}/token`, fields, { headers })
      expectError(refused, 401, 'invalid_client')
    }
    const web = await addClient(server, { metadata: byDn('CN=Off') })
    const page = await browser().get(await authorizationUri(server, web))
    expectErrorPage(page, 400, 'invalid_client')
    expect(await eventsOf(server, 'auth.token.issued')).to.deep.equal([])
  })
})

describe('Mutual TLS with tokens in Redis', function () {
  this.timeout(30_000)
  before(function () {
    requires(this, redis.available())
  })

  it('keeps them bound', async () => {
    const store = await redis.startRedis()
    const mtls = await startWithMutualTls('listener', { env: { REDIS_URL: store.url } })
    try {
      const ada = await addPerson(mtls.server)
      const client = await addClient(mtls.server, { preset: 'spa', metadata: BOUND })
      const certificate = issueCertificate()
      const answer = await authorize(mtls.server, await relyingParty(mtls.server, client), ada)
      const fields = { client_id: client.clientId, ...exchangeFields(answer) }
      const tokens = expectTokens(await mtls.at(certificate).post('/token', fields))
      const ask = (with_: Issued) =>
        mtls.at(with_).get('/userinfo', {
          headers: { authorization: `Bearer ${tokens.access_token}` },
        })
      expect((await ask(certificate)).status).to.equal(200)
      expectError(await ask(issueCertificate()), 401, 'invalid_token')
    } finally {
      await mtls.server.stop()
      await store.stop()
    }
  })
})

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { disableAccount } from '../../src/domain/accounts/block_account.ts'
import { TOKEN_EXCHANGE_GRANT } from '../../src/domain/clients/client_metadata.ts'
import { updateClient } from '../../src/domain/clients/update_client.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  CALLBACK,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { type Browser, browser } from '../support/http.ts'
import { available, type HttpsHost, startHttpsHost } from '../support/https_host.ts'
import { authorize, relyingParty } from '../support/relying_party.ts'
import { requires } from '../support/skip.ts'
import {
  addGuard,
  answerAt,
  authorizationUri,
  exchangeFields,
  expectTokens,
  introspect,
  post,
  refresh,
  revoke,
  rows,
  type TestClient,
  userinfo,
  verifyWithJwks,
} from './driver.ts'

const DOWNSTREAM = 'https://downstream.example.test'
const ELSEWHERE = 'https://other.example.test/callback'

describe('Pairwise subjects (OpenID Connect Core §8.1)', function () {
  this.timeout(40_000)
  let server: AuthCore
  let site: HttpsHost
  let receiver: Server
  let ada: Person
  let api: string
  const logoutTokens: string[] = []

  before(async function () {
    requires(this, available())
    site = await startHttpsHost()
    receiver = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        logoutTokens.push(new URLSearchParams(body).get('logout_token') ?? '')
        response.end()
      })
    })
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
    api = `127.0.0.1:${(receiver.address() as AddressInfo).port}`
    server = await startAuthCore({
      worker: true,
      env: {
        AUTHCORE_OUTBOUND_ALLOW: `${site.endpoint},${api}`,
        AUTHCORE_OUTBOUND_CA_FILE: site.caFile,
      },
    })
    await addApi(server)
    await addApi(server, 'jwt', DOWNSTREAM)
    ada = await addPerson(server)
  })
  after(async () => {
    await server?.stop()
    site?.stop()
    receiver?.close()
  })

  type Metadata = NonNullable<Parameters<typeof addClient>[1]>['metadata']
  const addPairwise = (metadata: Metadata = {}) =>
    addClient(server, { metadata: { subject_type: 'pairwise', ...metadata } })
  const signIn = async (
    client: TestClient,
    { person = ada, alice, redirectUri = CALLBACK, parameters = {} }: SignInOptions = {},
  ) => {
    const at = await relyingParty(server, client, { redirectUri })
    const signedIn = await authorize(server, at, person, {
      parameters,
      ...(alice ? { alice } : {}),
    })
    const { resource } = parameters
    const fields = { ...exchangeFields(signedIn), ...(resource ? { resource } : {}) }
    const tokens = expectTokens(await post(server, '/token', client, fields))
    const { payload } = await verifyWithJwks(server, tokens.id_token!)
    return { alice: signedIn.alice, tokens, sub: String(payload.sub) }
  }
  type SignInOptions = {
    person?: Person
    alice?: Browser
    redirectUri?: string
    parameters?: Record<string, string>
  }

  it('are told in discovery', async () => {
    const reply = await browser().get(`${server.issuer}/.well-known/openid-configuration`)
    expect(reply.json()).to.deep.include({ subject_types_supported: ['public', 'pairwise'] })
  })

  it('are opaque, the same every time, and unlike for every person and every sector', async () => {
    const one = await addPairwise()
    const first = await signIn(one)
    expect(first.sub)
      .to.match(/^[\w-]{43}$/)
      .and.not.to.include(ada.id)
    expect((await signIn(one)).sub).to.equal(first.sub)
    expect((await signIn(one, { person: await addPerson(server) })).sub).not.to.equal(first.sub)
    const neighbour = await addPairwise()
    expect((await signIn(neighbour)).sub, 'of the same host').to.equal(first.sub)
    const other = await addPairwise({ redirect_uris: [ELSEWHERE] })
    const elsewhere = await signIn(other, { redirectUri: ELSEWHERE })
    expect(elsewhere.sub)
      .to.match(/^[\w-]{43}$/)
      .and.not.to.equal(first.sub)
    expect((await signIn(await addClient(server))).sub).to.equal(ada.id)
  })

  it('are the same wherever the client hears of the person', async () => {
    const client = await addPairwise({
      backchannel_logout_uri: `http://${api}/logged-out`,
      resource_scopes: { [API]: ['read'] },
    })
    const { tokens, sub, alice } = await signIn(client, {
      parameters: { scope: 'openid offline_access profile', prompt: 'consent' },
    })
    const info = (await userinfo(server, tokens.access_token)).json<Record<string, unknown>>()
    expect(info).to.include({ sub, name: 'Ada Example' })
    expect(await introspect(server, client, tokens.access_token)).to.include({ active: true, sub })
    const guard = await addGuard(server)
    expect(await introspect(server, guard, tokens.refresh_token!)).to.include({ active: true, sub })
    const later = expectTokens(await refresh(server, client, tokens.refresh_token!))
    expect((await verifyWithJwks(server, later.id_token!)).payload.sub).to.equal(sub)
    expect(JSON.stringify([info, tokens, later])).not.to.include(ada.id)

    logoutTokens.length = 0
    const page = await alice.get(`${server.issuer}/logout`)
    await alice.submit(page, {}, { button: 'logout' })
    for (let tries = 0; logoutTokens.length === 0 && tries < 200; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect((await verifyWithJwks(server, logoutTokens[0] ?? '')).payload.sub).to.equal(sub)
  })

  describe('in JWT access tokens', () => {
    const withJwt = async () => {
      const client = await addPairwise({ resource_scopes: { [API]: ['read'] } })
      const person = await addPerson(server)
      const parameters = { scope: 'openid read', resource: API }
      return { client, person, ...(await signIn(client, { person, parameters })) }
    }

    it('are the sub, and the token is active all the same', async () => {
      const { client, tokens, sub, person } = await withJwt()
      const { payload } = await verifyWithJwks(server, tokens.access_token, { typ: 'at+jwt' })
      expect(payload.sub).to.equal(sub)
      expect(JSON.stringify(payload)).not.to.include(person.id)
      for (const who of [client, await addGuard(server)]) {
        const seen = await introspect(server, who, tokens.access_token)
        expect(seen).to.include({ active: true, sub })
      }
    })

    it('stay what they are where the client exchanges the token', async () => {
      const client = await addPairwise({
        grant_types: ['authorization_code', TOKEN_EXCHANGE_GRANT],
        resource_scopes: { [API]: ['read'], [DOWNSTREAM]: ['read'] },
      })
      const parameters = { scope: 'openid read', resource: API }
      const { tokens, sub } = await signIn(client, { parameters })
      const exchanged = expectTokens(
        await post(server, '/token', client, {
          grant_type: TOKEN_EXCHANGE_GRANT,
          subject_token: tokens.access_token,
          subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          resource: DOWNSTREAM,
        }),
      )
      expect((await verifyWithJwks(server, exchanged.access_token)).payload.sub).to.equal(sub)
      const seen = await introspect(server, client, exchanged.access_token)
      expect(seen).to.include({ active: true, sub })
      expect(JSON.stringify(seen)).not.to.include(ada.id)
    })

    it('end with the account', async () => {
      const { client, tokens, person } = await withJwt()
      await disableAccount(server.parts, person.id)
      expect(await introspect(server, client, tokens.access_token)).to.deep.equal({ active: false })
    })

    it('can be revoked, and the trail knows whose it was', async () => {
      const { client, tokens, person } = await withJwt()
      expect((await revoke(server, client, tokens.access_token)).status).to.equal(200)
      expect(await introspect(server, client, tokens.access_token)).to.deep.equal({ active: false })
      await server.parts.recorder.flush()
      const [event] = await rows<{ data: Record<string, unknown> }>(
        server.parts.db,
        `SELECT data FROM event_outbox WHERE type = $1 AND data ->> 'clientId' = $2
         UNION ALL SELECT data FROM audit_entry WHERE type = $1 AND data ->> 'clientId' = $2`,
        ['auth.token.revoked', client.clientId],
      )
      expect(event?.data).to.include({ accountId: person.id })
    })
  })

  it('are understood when the client names the person by them', async () => {
    const client = await addPairwise()
    const { alice, tokens, sub } = await signIn(client)
    const ask = async (parameters: Record<string, string>) =>
      answerAt(
        await alice.get(await authorizationUri(server, client, { prompt: 'none', ...parameters })),
      )
    expect((await ask({ id_token_hint: tokens.id_token! })).get('code')).to.be.a('string')
    const claims = (value: string) => JSON.stringify({ id_token: { sub: { value } } })
    expect((await ask({ claims: claims(sub) })).get('code')).to.be.a('string')
    expect((await ask({ claims: claims(ada.id) })).get('error')).to.equal('login_required')
    const stranger = await signIn(client, { person: await addPerson(server) })
    const hint = { id_token_hint: stranger.tokens.id_token! }
    expect((await ask(hint)).get('error')).to.equal('login_required')
    const query = new URLSearchParams({ id_token_hint: tokens.id_token! })
    const page = await alice.get(`${server.issuer}/logout?${query}`)
    expect(page.status).to.equal(200)
    expect(page.text()).to.include('Ada Example')
  })

  describe('shared by the addresses that a sector_identifier_uri lists', () => {
    const [ONE, TWO] = ['https://one.example.test/cb', 'https://two.example.test/cb']
    const uri = () => `${site.origin}/sector.json`
    const list = (...addresses: unknown[]) =>
      site.pages.set('/sector.json', { body: JSON.stringify(addresses) })
    const refused = async (work: () => Promise<unknown>): Promise<string> => {
      const error = (await work().then(
        () => undefined,
        (error) => error,
      )) as Error & { code?: string }
      expect(error?.code, String(error)).to.equal('invalid_input')
      return error.message
    }
    const addListed = (redirect_uris: string[], sector_identifier_uri = uri()) =>
      addPairwise({ redirect_uris, sector_identifier_uri })

    it('are the same for all of them, and nobody else', async () => {
      list(ONE, TWO)
      const one = await signIn(await addListed([ONE]), { redirectUri: ONE })
      const both = await signIn(await addListed([ONE, TWO]), { redirectUri: TWO })
      expect(one.sub)
        .to.match(/^[\w-]{43}$/)
        .and.to.equal(both.sub)
      const alone = await addPairwise({ redirect_uris: [ONE] })
      expect((await signIn(alone, { redirectUri: ONE })).sub).not.to.equal(one.sub)
    })

    it('are not given to an address that it leaves out, however the client is written', async () => {
      list(ONE)
      expect(await refused(() => addListed([ONE, TWO]))).to.include(`does not list ${TWO}`)
      const { clientId } = await addListed([ONE])
      const change = { metadata: { redirect_uris: [ONE, TWO] } }
      expect(await refused(() => updateClient(server.parts, clientId, change))).to.include(TWO)
      list(ONE, TWO)
      await updateClient(server.parts, clientId, change)
    })

    it('are read when a client is written, and not when it is used or only renamed', async () => {
      list(ONE)
      const client = await addListed([ONE])
      site.seen()
      await updateClient(server.parts, client.clientId, { name: 'Renamed' })
      await signIn(client, { redirectUri: ONE })
      expect(site.seen()).to.deep.equal([])
    })

    for (const [title, page] of [
      ['is not there', { status: 404, body: '' }],
      ['leads elsewhere', { status: 302, body: '', headers: { location: '/sector.json' } }],
      ['is no JSON', { body: 'nonsense' }],
      ['is no array', { body: '{"0":"x"}' }],
      ['is too large', { body: JSON.stringify([ONE, 'x'.repeat(70_000)]) }],
    ] as const) {
      it(`are refused where it ${title}`, async () => {
        site.pages.set('/faulty', page as { body: string })
        const message = await refused(() => addListed([ONE], `${site.origin}/faulty`))
        expect(message).to.match(/^sector_identifier_uri /)
      })
    }

    it('are refused where it is inside the house', async () => {
      const message = await refused(() => addListed([ONE], 'https://127.0.0.1:1/sector.json'))
      expect(message).to.match(/cannot be read/)
    })
  })

  it('need a sector that is the client’s own', async () => {
    const faults: [string, Parameters<typeof addClient>[1]][] = [
      ['sector_identifier_uri', { metadata: { redirect_uris: [CALLBACK, ELSEWHERE] } }],
      ['sector_identifier_uri', { preset: 'native' }],
      ['subject_type', { preset: 'service' }],
      ['jwks_uri', { preset: 'device' }],
    ]
    for (const [member, input] of faults) {
      const metadata = { subject_type: 'pairwise' as const, ...input?.metadata }
      const error = await addClient(server, { ...input, metadata }).catch((error) => error)
      expect(error.code, member).to.equal('invalid_input')
      expect(error.message).to.match(new RegExp(`^${member} must be`))
    }
  })
})

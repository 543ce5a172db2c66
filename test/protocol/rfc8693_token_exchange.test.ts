import { expect } from 'chai'
import { type CryptoKey, importJWK, type JWK, SignJWT } from 'jose'
import * as oidc from 'openid-client'
import { disableAccount, enableAccount } from '../../src/domain/accounts/block_account.ts'
import { disableClient, enableClient } from '../../src/domain/clients/block_client.ts'
import {
  type ClientMetadataInput,
  TOKEN_EXCHANGE_GRANT,
} from '../../src/domain/clients/client_metadata.ts'
import { createResourceServer } from '../../src/domain/clients/create_resource_server.ts'
import { updateClient } from '../../src/domain/clients/update_client.ts'
import { listPublishedSigningKeys } from '../../src/platform/keys/signing_key_store.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
  statementsOf,
} from '../support/authcore.ts'
import type { Browser, Reply } from '../support/http.ts'
import * as redis from '../support/redis.ts'
import { authorize, type RelyingParty, relyingParty, signIn } from '../support/relying_party.ts'
import { requires } from '../support/skip.ts'
import {
  addGuard,
  addService,
  dpopProof,
  eventsOf,
  exchangeFields,
  expectError,
  expectTokens,
  introspect,
  post,
  refreshFields,
  revoke,
  rows,
  type SigningParty,
  signingParty,
  type TestClient,
  type Tokens,
  userinfo,
  verifyWithJwks,
} from './driver.ts'

const DOWNSTREAM = 'https://downstream.example.test'
const OPAQUE = 'https://opaque.example.test'
const FOREIGN = 'https://foreign.example.test'
const LASTING = 'https://lasting.example.test'
const TYPE = 'urn:ietf:params:oauth:token-type:'

describe('Token exchange (RFC 8693)', function () {
  this.timeout(40_000)
  let server: AuthCore
  let ada: Person
  let alice: Browser
  let app: TestClient
  let party: RelyingParty
  let gateway: TestClient
  let guard: TestClient

  const ASSIGNED = {
    [API]: ['read'],
    [DOWNSTREAM]: ['read', 'write'],
    [OPAQUE]: ['read'],
    [LASTING]: ['read'],
  }
  const addExchanger = (metadata: Partial<ClientMetadataInput> = {}) =>
    addService(server, {
      grant_types: ['client_credentials', TOKEN_EXCHANGE_GRANT],
      resource_scopes: ASSIGNED,
      ...metadata,
    } as ClientMetadataInput)

  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    for (const identifier of [API, DOWNSTREAM, FOREIGN]) await addApi(server, 'jwt', identifier)
    await addApi(server, 'opaque', OPAQUE)
    await createResourceServer(server.parts, {
      identifier: LASTING,
      name: 'An API with long tokens',
      accessTokenTtlS: 86_400,
      scopes: [{ name: 'read' }],
    })
    app = await addClient(server)
    party = await relyingParty(server, app)
    alice = (await authorize(server, party, ada)).alice
    gateway = await addExchanger()
    guard = await addGuard(server)
  })
  after(() => server?.stop())

  /** Tokens of the application for Ada, at this API or, without one, at UserInfo. */
  const tokensOf = async (
    resource: string | undefined = API,
    { who = app, dpop, at = party }: { who?: TestClient; dpop?: string; at?: RelyingParty } = {},
  ): Promise<Tokens> => {
    const parameters = {
      scope: 'openid offline_access read write',
      prompt: 'consent',
      ...(resource ? { resource } : {}),
    }
    const fields = exchangeFields(await authorize(server, at, ada, { alice, parameters }))
    return expectTokens(
      await post(
        server,
        '/token',
        who,
        { ...fields, ...(resource ? { resource } : {}) },
        dpop ? { headers: { dpop } } : {},
      ),
    )
  }
  const ownToken = async (who: TestClient, resource = API): Promise<string> => {
    const fields = { grant_type: 'client_credentials', resource }
    return expectTokens(await post(server, '/token', who, fields)).access_token
  }
  type Fields = Record<string, string | string[] | undefined>
  const ask = (token: string, fields: Fields = {}, who = gateway, dpop?: string) => {
    const all = {
      grant_type: TOKEN_EXCHANGE_GRANT,
      subject_token: token,
      subject_token_type: `${TYPE}access_token`,
      resource: DOWNSTREAM,
      ...fields,
    }
    const sent = Object.entries(all).filter(([, value]) => value !== undefined)
    return post(
      server,
      '/token',
      who,
      Object.fromEntries(sent) as Record<string, string>,
      dpop ? { headers: { dpop } } : {},
    )
  }
  const exchanged = async (...input: Parameters<typeof ask>) =>
    expectTokens(await ask(...input)) as Tokens & { issued_token_type: string }
  const claimsOf = async (token: string) => (await verifyWithJwks(server, token)).payload
  /** A token that we might have signed, with claims that the test decides. */
  const signed = async (claims: object, header: object = {}) => {
    const keys = await listPublishedSigningKeys(server.parts.db, server.parts.keyring)
    const { kid, privateJwk } = keys.find(
      ({ algorithm, state }) => algorithm === 'ES256' && state === 'current',
    )!
    return await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'ES256', kid, typ: 'at+jwt', ...header })
      .sign((await importJWK(privateJwk as JWK, 'ES256')) as CryptoKey)
  }
  const refused = (reply: Reply) => expectError(reply, 400, 'invalid_request')

  it('turns a token for one API into one for the next, for the same person', async () => {
    const { access_token } = await tokensOf()
    const tokens = await exchanged(access_token, { scope: 'write' })
    expect(tokens).to.include({
      issued_token_type: `${TYPE}access_token`,
      token_type: 'Bearer',
      scope: 'write',
    })
    expect(tokens).not.to.have.any.keys('refresh_token', 'id_token')
    const { payload } = await verifyWithJwks(server, tokens.access_token, {
      audience: DOWNSTREAM,
      typ: 'at+jwt',
    })
    const before = await claimsOf(access_token)
    expect(payload).to.deep.include({
      sub: ada.id,
      client_id: gateway.clientId,
      scope: 'write',
      act: { sub: gateway.clientId },
      gid: before['gid'],
      acr: before['acr'],
      amr: before['amr'],
      auth_time: before['auth_time'],
    })
  })

  it('takes a stored token, our JWTs under both of their names, and ID tokens', async () => {
    const { access_token, id_token } = await tokensOf()
    const stored = await tokensOf(OPAQUE)
    const ofApp = await addExchanger({ token_exchange: { subject_clients: [app.clientId] } })
    for (const [token, type, who] of [
      [access_token, 'access_token', gateway],
      [access_token, 'jwt', gateway],
      [stored.access_token, 'access_token', gateway],
      [id_token!, 'id_token', ofApp],
    ] as const) {
      const fields = { subject_token_type: `${TYPE}${type}`, scope: 'read' }
      const payload = await claimsOf((await exchanged(token, fields, who)).access_token)
      expect(payload).to.deep.include({ sub: ada.id, act: { sub: who.clientId } })
    }
  })

  it('gives an opaque token to an API that wants to ask, which sees who acts', async () => {
    const { access_token } = await tokensOf()
    const tokens = await exchanged(access_token, { resource: OPAQUE, scope: 'read' })
    expect(tokens.access_token).to.match(/^[\w-]{43}$/)
    expect(await introspect(server, guard, tokens.access_token)).to.deep.include({
      active: true,
      sub: ada.id,
      aud: OPAQUE,
      client_id: gateway.clientId,
      act: { sub: gateway.clientId },
    })
    expect((await userinfo(server, tokens.access_token)).status).to.be.oneOf([401, 403])
  })

  it('shows who acts to whoever looks at a JWT', async () => {
    const tokens = await exchanged((await tokensOf()).access_token, { scope: 'read' })
    expect(await introspect(server, guard, tokens.access_token)).to.deep.include({
      active: true,
      act: { sub: gateway.clientId },
    })
  })

  it('names the token’s type as it was asked for', async () => {
    const { access_token } = await tokensOf()
    const asJwt = { requested_token_type: `${TYPE}jwt` }
    expect((await exchanged(access_token, asJwt)).issued_token_type).to.equal(`${TYPE}jwt`)
    refused(await ask(access_token, { ...asJwt, resource: OPAQUE }))
    for (const type of ['refresh_token', 'id_token', 'saml2', 'nonsense']) {
      refused(await ask(access_token, { requested_token_type: `${TYPE}${type}` }))
    }
  })

  it('takes the API as audience too, once it is one only', async () => {
    const { access_token } = await tokensOf()
    for (const fields of [
      { resource: undefined, audience: DOWNSTREAM },
      { audience: [DOWNSTREAM, DOWNSTREAM] },
      { resource: undefined, scope: 'write' },
    ]) {
      const payload = await claimsOf((await exchanged(access_token, fields)).access_token)
      expect(payload.aud).to.equal(DOWNSTREAM)
    }
  })

  describe('refuses with invalid_target', () => {
    it('an API that nobody knows, is not the client’s, or two', async () => {
      const { access_token } = await tokensOf()
      for (const fields of [
        { resource: 'https://nobody.test' },
        { resource: FOREIGN },
        { resource: '/relative' },
        { resource: `${DOWNSTREAM}#x` },
        { resource: undefined },
        { resource: undefined, audience: app.clientId },
        { audience: API },
        { resource: [API, DOWNSTREAM] },
      ]) {
        expectError(await ask(access_token, fields), 400, 'invalid_target')
      }
    })

    it('an API that the client’s policy leaves out', async () => {
      const narrow = await addExchanger({ token_exchange: { audiences: [DOWNSTREAM] } })
      const { access_token } = await tokensOf()
      await exchanged(access_token, {}, narrow)
      expectError(await ask(access_token, { resource: OPAQUE }, narrow), 400, 'invalid_target')
    })
  })

  describe('narrows', () => {
    it('the scope at the same API to what the token had, and gives that unasked', async () => {
      const { access_token } = await tokensOf()
      const tokens = await exchanged(access_token, { resource: API })
      expect(tokens.scope).to.equal('read')
      expectError(
        await ask(access_token, { resource: API, scope: 'read write' }),
        400,
        'invalid_scope',
      )
    })

    it('a scope that was narrowed is not widened again', async () => {
      const wide = await addExchanger({ resource_scopes: { [DOWNSTREAM]: ['read', 'write'] } })
      const { access_token } = await tokensOf(DOWNSTREAM)
      const first = await exchanged(access_token, { scope: 'read' }, wide)
      expect(first.scope).to.equal('read')
      expectError(await ask(first.access_token, { scope: 'write' }, wide), 400, 'invalid_scope')
      expect((await exchanged(first.access_token, {}, wide)).scope).to.equal('read')
    })

    it('the scope at another API to what is assigned, and gives none unasked', async () => {
      const { access_token } = await tokensOf()
      expect((await exchanged(access_token)).scope).to.equal(undefined)
      for (const scope of ['delete', 'read delete', 'openid', 'profile']) {
        expectError(await ask(access_token, { scope }), 400, 'invalid_scope')
      }
    })

    it('the life to what the token has left, and to what the API gives', async () => {
      const { access_token } = await tokensOf()
      const subject = await claimsOf(access_token)
      const lasting = await exchanged(access_token, { resource: LASTING })
      expect((await claimsOf(lasting.access_token)).exp).to.be.at.most(subject.exp!)
      const now = Math.floor(Date.now() / 1000)
      const brief = await signed({ ...subject, exp: now + 30 })
      expect((await exchanged(brief)).expires_in).to.be.within(25, 30)
      const long = await signed({ ...subject, exp: now + 86_400 })
      expect((await exchanged(long)).expires_in).to.equal(600)
    })
  })

  describe('refuses a token that is', () => {
    it('expired, foreign, forged, of another kind, or none', async () => {
      const { access_token, id_token, refresh_token } = await tokensOf()
      const claims = await claimsOf(access_token)
      const now = Math.floor(Date.now() / 1000)
      const stranger = await signingParty()
      const [head = '', body = '', signature = ''] = access_token.split('.')
      const header = (fields: object) =>
        Buffer.from(JSON.stringify({ typ: 'at+jwt', ...fields })).toString('base64url')
      for (const token of [
        await signed({ ...claims, exp: now - 1 }),
        await signed({ ...claims, exp: 'soon' }),
        await signed({ ...claims, exp: undefined }),
        await signed({ ...claims, nbf: now + 600 }),
        await signed({ ...claims, iss: 'https://elsewhere.test' }),
        await signed({ ...claims, jti: undefined }),
        await signed({ ...claims, gid: 'AAAA' }),
        await signed({ ...claims, client_id: 'nobody' }),
        await signed(claims, { typ: 'logout+jwt' }),
        await signed(claims, { typ: 'JWT' }),
        await new SignJWT({ ...claims })
          .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt' })
          .sign(stranger.privateKey),
        await new SignJWT({ ...claims })
          .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', jwk: stranger.jwk })
          .sign(stranger.privateKey),
        await new SignJWT({ ...claims })
          .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
          .sign(Buffer.alloc(32)),
        `${header({ alg: 'none' })}.${body}.`,
        `${header({ alg: 'nOnE' })}.${body}.`,
        `${head}.${body}.${Buffer.alloc(64).toString('base64url')}`,
        `${head}.${body}.${signature.slice(0, -2)}`,
        `${header({ alg: 'ES256', crit: ['x'], x: 1 })}.${body}.${signature}`,
        id_token!,
        refresh_token!,
        'nonsense',
        'a.b.c',
        'a.b.c.d.e',
        '\u0000',
      ]) {
        refused(await ask(token))
        refused(await ask(token, { subject_token_type: `${TYPE}jwt` }))
      }
    })

    it('an access token that is called an ID token, or is for nobody known', async () => {
      const { access_token, id_token } = await tokensOf()
      const ofApp = await addExchanger({ token_exchange: { subject_clients: 'any' } })
      const asId = { subject_token_type: `${TYPE}id_token` }
      await exchanged(id_token!, asId, ofApp)
      const claims = await claimsOf(id_token!)
      for (const token of [
        access_token,
        await signed(claims, { typ: 'logout+jwt' }),
        await signed({ ...claims, events: {} }, { typ: 'JWT' }),
        await signed({ ...claims, aud: [app.clientId, 'x'] }, { typ: 'JWT' }),
        await signed({ ...claims, aud: 'nobody' }, { typ: 'JWT' }),
        await signed({ ...claims, sub: 'nobody' }, { typ: 'JWT' }),
        await signed({ ...claims, exp: 1 }, { typ: 'JWT' }),
      ]) {
        refused(await ask(token, asId, ofApp))
      }
    })

    it('of a kind that is not exchanged', async () => {
      const { refresh_token, access_token } = await tokensOf()
      for (const type of ['refresh_token', 'saml1', 'saml2', 'nonsense', '__proto__']) {
        refused(await ask(refresh_token!, { subject_token_type: `${TYPE}${type}` }))
        refused(await ask(access_token, { subject_token_type: type }))
      }
    })

    it('revoked, alone or with its grant', async () => {
      for (const resource of [API, OPAQUE]) {
        const alone = await tokensOf(resource)
        await revoke(server, app, alone.access_token)
        refused(await ask(alone.access_token))
        const whole = await tokensOf(resource)
        await revoke(server, app, whole.refresh_token!)
        refused(await ask(whole.access_token))
      }
    })

    it('of an account that is disabled, and takes it again when it is not', async () => {
      const tokens = [await tokensOf(), await tokensOf(OPAQUE)]
      await disableAccount(server.parts, ada.id)
      for (const { access_token } of tokens) refused(await ask(access_token))
      await enableAccount(server.parts, ada.id)
      for (const { access_token } of tokens) await exchanged(access_token)
    })

    it('of a client that is disabled', async () => {
      const other = await addClient(server)
      const at = await relyingParty(server, other)
      const tokens = [
        await tokensOf(API, { who: other, at }),
        await tokensOf(OPAQUE, { who: other, at }),
      ]
      await disableClient(server.parts, other.clientId)
      await new Promise((resolve) => setTimeout(resolve, 150))
      for (const { access_token } of tokens) refused(await ask(access_token))
      await enableClient(server.parts, other.clientId)
    })

    it('of a service, which is no person', async () => {
      const any = await addExchanger({ token_exchange: { subject_clients: 'any' } })
      for (const resource of [API, OPAQUE]) {
        refused(await ask(await ownToken(gateway, resource)))
        refused(await ask(await ownToken(gateway, resource), {}, any))
      }
    })

    it('missing, or comes without its type, or twice', async () => {
      const { access_token } = await tokensOf()
      for (const fields of [
        { subject_token: undefined },
        { subject_token_type: undefined },
        { subject_token: undefined, subject_token_type: undefined },
        { actor_token: access_token },
        { actor_token_type: `${TYPE}access_token` },
        { subject_token: [access_token, access_token] },
        { subject_token_type: [`${TYPE}jwt`, `${TYPE}jwt`] },
      ]) {
        refused(await ask(access_token, fields))
      }
    })
  })

  describe('is for', () => {
    it('clients that are registered for it, and authenticate', async () => {
      const { access_token } = await tokensOf()
      refused(await ask(access_token, {}, app))
      refused(await ask(access_token, {}, await addService(server)))
      const nobody = { clientId: gateway.clientId, secret: 'wrong' }
      expectError(await ask(access_token, {}, nobody), 401, 'invalid_client')
      expectError(
        await ask(access_token, {}, { clientId: gateway.clientId }),
        401,
        'invalid_client',
      )
    })

    it('tokens that were issued to it, or are for one of its APIs', async () => {
      const { access_token } = await tokensOf(FOREIGN)
      refused(await ask(access_token))
      const { access_token: forUserinfo } = await tokensOf('')
      refused(await ask(forUserinfo))
      const own = await exchanged((await tokensOf()).access_token)
      await exchanged(own.access_token, { resource: OPAQUE })
    })

    it('tokens of the clients that its policy names, or of any', async () => {
      const { access_token } = await tokensOf(FOREIGN)
      const listed = await addExchanger({ token_exchange: { subject_clients: [app.clientId] } })
      const others = await addExchanger({ token_exchange: { subject_clients: ['other'] } })
      const any = await addExchanger({ token_exchange: { subject_clients: 'any' } })
      await exchanged(access_token, {}, listed)
      await exchanged(access_token, {}, any)
      refused(await ask(access_token, {}, others))
      refused(await ask((await tokensOf()).access_token, {}, others))
    })

    it('an application with a token of its own person, too', async () => {
      const web = await addClient(server, {
        metadata: {
          grant_types: ['authorization_code', 'refresh_token', TOKEN_EXCHANGE_GRANT],
          resource_scopes: { [API]: ['read'], [DOWNSTREAM]: ['read'] },
        },
      })
      const at = await relyingParty(server, web)
      const { access_token, id_token } = await tokensOf(API, { who: web, at })
      await exchanged(access_token, { scope: 'read' }, web)
      const asId = { subject_token_type: `${TYPE}id_token` }
      await exchanged(id_token!, asId, web)
      const { access_token: forUserinfo } = await tokensOf('', { who: web, at })
      await exchanged(forUserinfo, {}, web)
    })

    it('what the policy says now, not when the client was first seen', async () => {
      const fickle = await addExchanger({ token_exchange: { subject_clients: 'any' } })
      const { access_token } = await tokensOf(FOREIGN)
      await exchanged(access_token, {}, fickle)
      await updateClient(server.parts, fickle.clientId, {
        metadata: { token_exchange: { subject_clients: 'own' } },
      } as never)
      await new Promise((resolve) => setTimeout(resolve, 150))
      refused(await ask(access_token, {}, fickle))
    })
  })

  describe('says who acts', () => {
    const asActor = (token: string, type = 'access_token') => ({
      actor_token: token,
      actor_token_type: `${TYPE}${type}`,
    })

    it('the client itself, or whom its actor_token names', async () => {
      const { access_token } = await tokensOf()
      for (const resource of [API, OPAQUE]) {
        const fields = asActor(await ownToken(gateway, resource))
        const payload = await claimsOf((await exchanged(access_token, fields)).access_token)
        expect(payload['act']).to.deep.equal({ sub: gateway.clientId })
      }
    })

    it('for as long as both tokens are good', async () => {
      const subject = await claimsOf((await tokensOf()).access_token)
      const actor = await claimsOf(await ownToken(gateway))
      const exp = Math.floor(Date.now() / 1000) + 30
      for (const [of, by] of [
        [{ ...subject, exp }, actor],
        [subject, { ...actor, exp }],
      ] as const) {
        const tokens = await exchanged(await signed(of), asActor(await signed(by)))
        expect(tokens.expires_in).to.be.within(20, 30)
      }
    })

    it('another person, who helps at the same application', async () => {
      const desk = await addClient(server, {
        metadata: {
          grant_types: ['authorization_code', 'refresh_token', TOKEN_EXCHANGE_GRANT],
          resource_scopes: { [API]: ['read'], [DOWNSTREAM]: ['read'] },
        },
      })
      const at = await relyingParty(server, desk)
      const grace = await addPerson(server)
      const signedIn = await authorize(server, at, grace)
      const helper = expectTokens(await post(server, '/token', desk, exchangeFields(signedIn)))
      const { access_token } = await tokensOf()
      for (const fields of [asActor(helper.access_token), asActor(helper.id_token!, 'id_token')]) {
        const payload = await claimsOf((await exchanged(access_token, fields, desk)).access_token)
        expect(payload).to.deep.include({ sub: ada.id, act: { sub: grace.id } })
      }
      await disableAccount(server.parts, grace.id)
      refused(await ask(access_token, asActor(helper.access_token), desk))
    })

    it('and through whom, in a chain that ends somewhere', async () => {
      const second = await addExchanger()
      let { access_token } = await tokensOf()
      const chain: string[] = []
      for (const who of [gateway, second, gateway, second]) {
        ;({ access_token } = await exchanged(access_token, {}, who))
        chain.unshift(who.clientId)
      }
      const payload = await claimsOf(access_token)
      const nested = chain.reduceRight<object | undefined>(
        (act, sub) => (act ? { sub, act } : { sub }),
        undefined,
      )
      expect(payload['act']).to.deep.equal(nested)
      refused(await ask(access_token))
    })

    it('nobody, where the client may pass for the person', async () => {
      const double = await addExchanger({
        token_exchange: { modes: ['impersonation', 'delegation'] },
      })
      const { access_token } = await tokensOf()
      const payload = await claimsOf((await exchanged(access_token, {}, double)).access_token)
      expect(payload).to.include({ sub: ada.id, client_id: double.clientId })
      expect(payload).not.to.have.property('act')
      const fields = asActor(await ownToken(double))
      const delegated = await claimsOf((await exchanged(access_token, fields, double)).access_token)
      expect(delegated['act']).to.deep.equal({ sub: double.clientId })
      const through = await exchanged(access_token)
      const later = await exchanged(through.access_token, {}, double)
      expect((await claimsOf(later.access_token))['act']).to.deep.equal({ sub: gateway.clientId })
    })

    it('nobody else: a client that may only pass for the person names no actor', async () => {
      const single = await addExchanger({ token_exchange: { modes: ['impersonation'] } })
      const { access_token } = await tokensOf()
      await exchanged(access_token, {}, single)
      refused(await ask(access_token, asActor(await ownToken(single)), single))
    })

    it('refuses an actor_token of another client, of another kind, revoked or delegated', async () => {
      const { access_token, refresh_token } = await tokensOf()
      const revoked = await ownToken(gateway)
      await revoke(server, gateway, revoked)
      const delegated = await exchanged(access_token)
      for (const fields of [
        asActor(await ownToken(await addExchanger())),
        asActor(access_token),
        asActor(revoked),
        asActor(delegated.access_token),
        asActor(refresh_token!, 'refresh_token'),
        asActor(refresh_token!),
        asActor('nonsense'),
      ]) {
        refused(await ask(access_token, fields))
      }
    })

    it('only whom the token itself allows (may_act)', async () => {
      const claims = await claimsOf((await tokensOf()).access_token)
      const may = (may_act: unknown) => signed({ ...claims, may_act })
      for (const allowed of [
        { sub: gateway.clientId },
        { client_id: gateway.clientId },
        { sub: gateway.clientId, client_id: gateway.clientId },
      ]) {
        const tokens = await exchanged(await may(allowed), { resource: OPAQUE })
        // What it allows goes along.
        refused(await ask(tokens.access_token, {}, await addExchanger()))
        await exchanged(tokens.access_token)
      }
      for (const denied of [
        {},
        { sub: 'other' },
        { sub: gateway.clientId, client_id: 'other' },
        { sub: gateway.clientId, email: 'a@b.test' },
        { constructor: gateway.clientId },
      ]) {
        refused(await ask(await may(denied)))
      }
    })
  })

  describe('ends', () => {
    const both = async () => {
      const subject = await tokensOf()
      const jwt = await exchanged(subject.access_token, { scope: 'read' })
      const opaque = await exchanged(subject.access_token, { resource: OPAQUE, scope: 'read' })
      const further = await exchanged(opaque.access_token, { resource: OPAQUE, scope: 'read' })
      return { subject, issued: [jwt, opaque, further] }
    }
    const expectActive = async (issued: Tokens[], active: boolean) => {
      for (const { access_token } of issued) {
        expect(await introspect(server, guard, access_token)).to.include({ active })
      }
    }

    it('with the grant of the token it came from', async () => {
      const { subject, issued } = await both()
      await expectActive(issued, true)
      await revoke(server, app, subject.refresh_token!)
      await expectActive(issued, false)
      for (const { access_token } of issued) refused(await ask(access_token))
      const hashes = issued.map(({ access_token }) => server.parts.codec.idHash(access_token))
      const kept = 'SELECT 1 FROM oidc_record WHERE id_hash = ANY($1::bytea[])'
      expect(await rows(server.parts.db, kept, [hashes])).to.deep.equal([])
    })

    it('with that grant also where nothing but the grant was taken away', async () => {
      const { subject, issued } = await both()
      const gid = (await claimsOf(subject.access_token))['gid']
      await rows(
        server.parts.db,
        `DELETE FROM oidc_record WHERE model = 'Grant' AND id_hash = $1`,
        [Buffer.from(String(gid), 'base64url')],
      )
      await expectActive(issued, false)
    })

    it('with the account, at once', async () => {
      const { issued } = await both()
      await disableAccount(server.parts, ada.id)
      await expectActive(issued, false)
      await enableAccount(server.parts, ada.id)
      await expectActive(issued, true)
    })

    it('with the client that exchanged it', async () => {
      const fleeting = await addExchanger()
      const { access_token } = await tokensOf()
      const issued = [
        await exchanged(access_token, {}, fleeting),
        await exchanged(access_token, { resource: OPAQUE }, fleeting),
      ]
      await disableClient(server.parts, fleeting.clientId)
      await new Promise((resolve) => setTimeout(resolve, 150))
      await expectActive(issued, false)
    })

    it('by itself when its client revokes it, and takes nothing else along', async () => {
      const { subject, issued } = await both()
      for (const { access_token } of issued) await revoke(server, gateway, access_token)
      await expectActive(issued, false)
      await expectActive([subject], true)
    })
  })

  describe('with a token that is bound to a key (RFC 9449)', () => {
    let key: SigningParty
    before(async () => {
      key = await signingParty()
    })
    const proof = (who = key) => dpopProof(who, 'POST', `${server.issuer}/token`)

    for (const resource of [API, OPAQUE]) {
      it(`wants a proof of that key: ${resource}`, async () => {
        const { access_token } = await tokensOf(resource, { dpop: await proof() })
        refused(await ask(access_token))
        refused(await ask(access_token, {}, gateway, await proof(await signingParty())))
        const tokens = await exchanged(access_token, {}, gateway, await proof())
        expect(tokens.token_type).to.equal('DPoP')
        expect((await claimsOf(tokens.access_token))['cnf']).to.deep.equal({ jkt: key.thumbprint })
      })
    }

    it('wants it of an actor_token too, and knows no other kind of binding', async () => {
      const { access_token } = await tokensOf()
      const fields = { grant_type: 'client_credentials', resource: API }
      const headers = { dpop: await proof() }
      const own = expectTokens(await post(server, '/token', gateway, fields, { headers }))
      const asActor = { actor_token: own.access_token, actor_token_type: `${TYPE}access_token` }
      refused(await ask(access_token, asActor))
      await exchanged(access_token, asActor, gateway, await proof())
      const claims = await claimsOf(access_token)
      refused(await ask(await signed({ ...claims, cnf: { 'x5t#S256': 'AAAA' } })))
      refused(await ask(await signed({ ...claims, cnf: { jwk: key.jwk } })))
    })

    it('binds the new token where the client proves a key of its own', async () => {
      const { access_token } = await tokensOf()
      const tokens = await exchanged(access_token, {}, gateway, await proof())
      expect(tokens.token_type).to.equal('DPoP')
    })

    it('takes each proof once, and one always of a client that must', async () => {
      const { access_token } = await tokensOf()
      const dpop = await proof()
      await exchanged(access_token, {}, gateway, dpop)
      const again = await ask(access_token, {}, gateway, dpop)
      expectError(again, 400, 'invalid_grant')
      const bound = await addExchanger({ dpop_bound_access_tokens: true })
      expectError(await ask(access_token, {}, bound), 400, 'invalid_grant')
    })
  })

  describe('leaves', () => {
    it('an event that names subject, actor, client and audience', async () => {
      for (const resource of [DOWNSTREAM, OPAQUE]) {
        await exchanged((await tokensOf()).access_token, { resource, scope: 'read' })
        const event = (await eventsOf(server, 'auth.token.issued')).at(-1)
        expect(event?.subject).to.equal(ada.id)
        expect(event?.data).to.include({
          grantType: TOKEN_EXCHANGE_GRANT,
          accountId: ada.id,
          actor: gateway.clientId,
          clientId: gateway.clientId,
          resource,
          scope: 'read',
        })
      }
    })

    it('an event that says why not, where the answer does not', async () => {
      const { access_token, refresh_token } = await tokensOf()
      await revoke(server, app, refresh_token!)
      const reply = await ask(access_token)
      expect(reply.body).not.to.include('grant')
      const refusal = (await eventsOf(server, 'auth.token.refused')).at(-1)
      expect(refusal?.data).to.include({
        clientId: gateway.clientId,
        error: 'invalid_request',
        reason: 'subject_token: its grant is gone',
      })
    })
  })

  describe('costs', () => {
    const cost = async (work: () => Promise<unknown>) => {
      await server.parts.recorder.flush()
      const { texts } = await statementsOf(work)
      return texts.filter(
        (text) =>
          !/^WITH\s+appended_event|FROM event_outbox|signing_key|job_queue/.test(text.trim()),
      )
    }

    it('nothing where the request alone says that it will be refused', async () => {
      const { access_token } = await tokensOf()
      await exchanged(access_token)
      for (const fields of [
        { resource: FOREIGN },
        { subject_token_type: `${TYPE}refresh_token` },
        { subject_token: 'a.b.c' },
      ]) {
        expect(await cost(() => ask(access_token, fields))).to.deep.equal([])
      }
    })
  })

  it('goes on side by side with the revocation of what it hangs on: nothing outlives it', async () => {
    for (let round = 0; round < 3; round++) {
      const { access_token, refresh_token } = await tokensOf()
      const asked = Array.from({ length: 10 }, (_, index) =>
        ask(access_token, { resource: index % 2 === 0 ? OPAQUE : DOWNSTREAM }),
      )
      await Promise.all([...asked, revoke(server, app, refresh_token!)])
      const replies = await Promise.all(asked)
      for (const reply of replies) {
        if (reply.status !== 200) refused(reply)
        else {
          const { access_token: issued } = reply.json<Tokens>()
          expect(await introspect(server, guard, issued)).to.deep.equal({ active: false })
        }
      }
    }
  })
})

describe('Token exchange beside Redis', function () {
  this.timeout(40_000)
  let server: AuthCore
  let stopRedis: () => Promise<void>
  before(async function () {
    requires(this, redis.available())
    const { url, stop } = await redis.startRedis()
    stopRedis = stop
    server = await startAuthCore({ env: { REDIS_URL: url } })
    await addApi(server)
    await addApi(server, 'opaque', OPAQUE)
  })
  after(async () => {
    await server?.stop()
    await stopRedis?.()
  })

  it('openid-client exchanges, and a token that Redis keeps ends with the grant', async () => {
    const [ada, app, guard] = [
      await addPerson(server),
      await addClient(server),
      await addGuard(server),
    ]
    const gateway = await addService(server, {
      grant_types: [TOKEN_EXCHANGE_GRANT],
      resource_scopes: { [API]: ['read'], [OPAQUE]: ['read'] },
    })
    const parameters = { scope: 'openid offline_access read', resource: API, prompt: 'consent' }
    const party = await relyingParty(server, app)
    const { tokens } = await signIn(server, party, ada, { parameters })
    const { configuration } = await relyingParty(server, gateway)
    const exchange = (token: string) =>
      oidc.genericGrantRequest(configuration, TOKEN_EXCHANGE_GRANT, {
        subject_token: token,
        subject_token_type: `${TYPE}access_token`,
        resource: OPAQUE,
        scope: 'read',
      })
    const asked = { ...refreshFields(tokens.refresh_token!), resource: API }
    const fresh = expectTokens(await post(server, '/token', app, asked))
    const first = await exchange(fresh.access_token)
    const second = await exchange(first.access_token)
    for (const { access_token } of [first, second]) {
      expect(await introspect(server, guard, access_token)).to.include({
        active: true,
        aud: OPAQUE,
      })
    }
    await revoke(server, app, fresh.refresh_token!)
    for (const { access_token } of [first, second]) {
      expect(await introspect(server, guard, access_token)).to.deep.equal({ active: false })
    }
    const late = await exchange(first.access_token).catch((error: { error?: string }) => error)
    expect(late).to.include({ error: 'invalid_request' })
  })
})

describe('Token exchange that is switched off', function () {
  this.timeout(30_000)
  let server: AuthCore
  before(async () => {
    server = await startAuthCore({ env: { AUTHCORE_TOKEN_EXCHANGE: 'false' } })
    await addApi(server)
  })
  after(() => server?.stop())

  it('is not known, and its clients go on with what is', async () => {
    const client = await addService(server, {
      grant_types: ['client_credentials', TOKEN_EXCHANGE_GRANT],
      resource_scopes: { [API]: ['read'] },
    })
    const fields = { subject_token: 'x', subject_token_type: `${TYPE}access_token` }
    const reply = await post(server, '/token', client, {
      grant_type: TOKEN_EXCHANGE_GRANT,
      ...fields,
    })
    expectError(reply, 400, 'unsupported_grant_type')
    expectTokens(
      await post(server, '/token', client, { grant_type: 'client_credentials', resource: API }),
    )
  })
})

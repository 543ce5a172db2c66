import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { createRemoteJWKSet, decodeProtectedHeader, type JWTVerifyOptions, jwtVerify } from 'jose'
import type { ClientToCreate } from '../../src/domain/clients/create_client.ts'
import {
  retireSigningKey,
  rotateSigningKeyNow,
} from '../../src/platform/keys/rotate_signing_keys.ts'
import { addGuard, exchangeFields, expectTokens, post, userinfo } from '../protocol/driver.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import { browser } from '../support/http.ts'
import { type LogoutReceiver, startLogoutReceiver } from '../support/logout_receiver.ts'
import { authorize, relyingParty, signIn } from '../support/relying_party.ts'

/** Every JWT that leaves us, read by somebody who knows our issuer and `/jwks`, and nothing else. */

const ALGORITHMS = ['ES256', 'RS256', 'EdDSA'] as const
type Algorithm = (typeof ALGORITHMS)[number]

describe('jose, with nothing but /jwks', function () {
  this.timeout(60_000)
  let server: AuthCore
  let receiver: LogoutReceiver
  let ada: Person
  before(async () => {
    receiver = await startLogoutReceiver()
    server = await startAuthCore({
      worker: true,
      env: { AUTHCORE_OUTBOUND_ALLOW: receiver.address },
    })
    ada = await addPerson(server)
    await addApi(server)
  })
  after(async () => {
    await server?.stop()
    receiver?.stop()
  })

  /** As the program of a client or an API keeps them; it asks again where it meets an unknown key. */
  const keySet = () => createRemoteJWKSet(new URL(`${server.issuer}/jwks`), { cooldownDuration: 0 })
  const verify = (token: string, options: JWTVerifyOptions, keys = keySet()) =>
    jwtVerify(token, keys, { issuer: server.issuer, ...options })
  const fault = (work: Promise<unknown>) =>
    work.then(
      () => 'none',
      (error: { code: string }) => error.code,
    )

  const addSigned = (alg: Algorithm, metadata: ClientToCreate['metadata'] = {}) =>
    addClient(server, { metadata: { id_token_signed_response_alg: alg, ...metadata } })

  type Client = Awaited<ReturnType<typeof addClient>>
  async function signedIn(client: Client) {
    const { id_token_signed_response_alg } = client.client.metadata
    const metadata = { id_token_signed_response_alg }
    const party = await relyingParty(server, client, { metadata })
    const { alice, tokens } = await signIn(server, party, ada)
    return { alice, accessToken: tokens.access_token, idToken: tokens.id_token! }
  }

  for (const alg of ALGORITHMS) {
    it(`verifies an ID token signed with ${alg}`, async () => {
      const client = await addSigned(alg)
      const { idToken } = await signedIn(client)
      const options = { audience: client.clientId, algorithms: [alg] }
      const { payload, protectedHeader } = await verify(idToken, {
        ...options,
        requiredClaims: ['sub', 'iat', 'exp', 'nonce'],
        maxTokenAge: '5 minutes',
      })
      expect(payload.sub).to.equal(ada.id)
      expect(protectedHeader.kid).to.be.a('string')
      const others = ALGORITHMS.filter((other) => other !== alg)
      expect(await fault(verify(idToken, { ...options, algorithms: others }))).to.equal(
        'ERR_JOSE_ALG_NOT_ALLOWED',
      )
      const wrong = [{ audience: API }, { issuer: 'https://elsewhere.test' }, { typ: 'at+jwt' }]
      for (const option of wrong) {
        const code = await fault(verify(idToken, { ...options, ...option }))
        expect(code, JSON.stringify(option)).to.equal('ERR_JWT_CLAIM_VALIDATION_FAILED')
      }
    })
  }

  it('verifies an access token as the API that it is for (RFC 9068 §4)', async () => {
    const client = await addClient(server)
    const party = await relyingParty(server, client)
    const parameters = { resource: API, scope: 'openid read' }
    const fields = exchangeFields(await authorize(server, party, ada, { parameters }))
    const reply = await post(server, '/token', client, { ...fields, resource: API })
    const { access_token, id_token } = expectTokens(reply)
    const { payload } = await verify(access_token, { audience: API, typ: 'at+jwt' })
    expect(payload).to.include({ sub: ada.id, client_id: client.clientId, scope: 'read' })
    for (const wrong of [
      verify(access_token, { audience: client.clientId }),
      verify(id_token!, { audience: client.clientId, typ: 'at+jwt' }),
    ]) {
      expect(await fault(wrong)).to.equal('ERR_JWT_CLAIM_VALIDATION_FAILED')
    }
  })

  it('verifies UserInfo and introspection where a client wants them signed', async () => {
    const client = await addSigned('ES256', { userinfo_signed_response_alg: 'RS256' })
    const { accessToken } = await signedIn(client)
    const claims = await userinfo(server, accessToken)
    const info = await verify(claims.body, { audience: client.clientId, algorithms: ['RS256'] })
    expect(info.payload).to.include({ sub: ada.id, email: ada.email })

    const guard = await addGuard(server)
    const typ = 'token-introspection+jwt'
    const signed = await post(
      server,
      '/introspect',
      guard,
      { token: accessToken },
      {
        headers: { accept: `application/${typ}` },
      },
    )
    const { payload } = await verify(signed.body, { audience: guard.clientId, typ })
    expect(payload['token_introspection']).to.include({ active: true, sub: ada.id })
  })

  it('verifies the token that tells a client of a logout', async () => {
    const client = await addSigned('EdDSA', {
      backchannel_logout_uri: receiver.uri,
      backchannel_logout_session_required: true,
    })
    const { alice, idToken } = await signedIn(client)
    const { payload } = await verify(idToken, { audience: client.clientId })
    const page = await alice.get(`${server.issuer}/logout`)
    await alice.submit(page, {}, { button: 'logout' })
    const logout = await verify(await receiver.next(), {
      audience: client.clientId,
      algorithms: ['EdDSA'],
      typ: 'logout+jwt',
      requiredClaims: ['jti', 'events'],
    })
    expect(logout.payload).to.include({ sub: ada.id, sid: payload['sid'] })
  })

  for (const alg of ALGORITHMS) {
    it(`follows when the ${alg} key is replaced, and verifies what the old one signed`, async () => {
      const client = await addSigned(alg)
      const audience = client.clientId
      const kept = keySet()
      const old = (await signedIn(client)).idToken
      const before = (await verify(old, { audience }, kept)).protectedHeader.kid!
      await rotateSigningKeyNow(server.parts, alg)
      const young = await untilSignedAnew(before, client)
      for (const keys of [kept, keySet()]) {
        const kids = [old, young].map(
          async (token) => (await verify(token, { audience }, keys)).protectedHeader.kid,
        )
        expect(new Set(await Promise.all(kids))).to.have.property('size', 2)
      }
      await retireSigningKey(server.parts, before)
      await until(async () => !(await publishedKids()).includes(before))
      expect(await fault(verify(old, { audience }))).to.equal('ERR_JWKS_NO_MATCHING_KEY')
      await verify(young, { audience })
    })
  }

  /** The first ID token of another key: the server hears of it by the change feed. */
  async function untilSignedAnew(before: string, client: Client): Promise<string> {
    let token = ''
    await until(async () => {
      token = (await signedIn(client)).idToken
      return decodeProtectedHeader(token).kid !== before
    })
    return token
  }

  async function publishedKids(): Promise<string[]> {
    const { keys } = (await browser().get(`${server.issuer}/jwks`)).json<{
      keys: [{ kid: string }]
    }>()
    return keys.map(({ kid }) => kid)
  }
})

async function until(holds: () => Promise<boolean>, timeoutMs = 20_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error('did not come to hold in time')
    await sleep(20)
  }
}

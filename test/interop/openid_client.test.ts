import { expect } from 'chai'
import * as oidc from 'openid-client'
import { addService, signingParty } from '../protocol/driver.ts'
import {
  API,
  type AuthCore,
  addApi,
  addClient,
  addPerson,
  type Person,
  startAuthCore,
} from '../support/authcore.ts'
import type { Browser } from '../support/http.ts'
import { goThrough, type RelyingParty, relyingParty, signIn } from '../support/relying_party.ts'

/**
 * What the library offers, in the order in which somebody who builds a relying party comes to it. Each
 * step uses what the one before it brought.
 */

const AFTER = 'https://rp.example.test/goodbye'

describe('openid-client, from discovery to logout', function () {
  this.timeout(60_000)
  let server: AuthCore
  let ada: Person
  let party: RelyingParty
  let guard: oidc.Configuration
  before(async () => {
    server = await startAuthCore()
    ada = await addPerson(server)
    await addApi(server)
    const metadata = { introspection_signed_response_alg: 'ES256' as const }
    const watching = await addService(server, { introspection: 'any', ...metadata })
    guard = (await relyingParty(server, watching, { metadata })).configuration
  })
  after(() => server?.stop())

  let tokens: Awaited<ReturnType<typeof signIn>>['tokens']
  let alice: Browser
  const isActive = async (token: string) => (await oidc.tokenIntrospection(guard, token)).active

  it('finds every endpoint that it has a function for', async () => {
    const client = await addClient(server, {
      metadata: { post_logout_redirect_uris: [AFTER], userinfo_signed_response_alg: 'ES256' },
    })
    const metadata = { userinfo_signed_response_alg: 'ES256' }
    party = await relyingParty(server, client, { metadata })
    oidc.enableNonRepudiationChecks(party.configuration)
    const found = party.configuration.serverMetadata()
    expect(found.supportsPKCE()).to.equal(true)
    expect(found).to.include.keys(
      ...['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint', 'end_session_endpoint'],
      ...['introspection_endpoint', 'revocation_endpoint', 'device_authorization_endpoint'],
      'pushed_authorization_request_endpoint',
    )
  })

  it('signs a person in, verifies the ID token and reads a signed UserInfo', async () => {
    const parameters = { scope: 'openid email offline_access', prompt: 'consent', max_age: '600' }
    const signedIn = await signIn(server, party, ada, { parameters })
    ;({ tokens, alice } = signedIn)
    expect(tokens.claims()).to.include({ iss: server.issuer, sub: ada.id })
    expect(tokens.expiresIn()).to.be.above(0)
    const info = await oidc.fetchUserInfo(party.configuration, tokens.access_token, ada.id)
    expect(info.email).to.equal(ada.email)
  })

  it('refreshes, and has new tokens of the same person', async () => {
    const old = tokens
    tokens = await oidc.refreshTokenGrant(party.configuration, old.refresh_token!)
    expect(tokens.claims()?.sub).to.equal(ada.id)
    expect(tokens.refresh_token).to.be.a('string').that.does.not.equal(old.refresh_token)
    const info = await oidc.fetchUserInfo(party.configuration, tokens.access_token, ada.id)
    expect(info.sub).to.equal(ada.id)
  })

  it('pushes a request and binds its tokens with DPoP, as their API can see', async () => {
    const { configuration, redirectUri } = party
    const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
    const DPoP = oidc.getDPoPHandle(configuration, await oidc.randomDPoPKeyPair('ES256'))
    const fields = {
      redirect_uri: redirectUri,
      scope: 'openid read',
      resource: API,
      code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    }
    const url = await oidc.buildAuthorizationUrlWithPAR(configuration, fields, { DPoP })
    const callback = await goThrough(alice, await alice.get(url.href), ada, server.issuer)
    const bound = await oidc.authorizationCodeGrant(
      configuration,
      callback,
      { pkceCodeVerifier },
      { resource: API },
      { DPoP },
    )
    expect(bound.token_type).to.equal('dpop')
    const seen = await oidc.tokenIntrospection(guard, bound.access_token)
    expect(seen).to.include({ active: true, token_type: 'DPoP', aud: API, scope: 'read' })
    expect(seen.cnf?.jkt).to.equal(await DPoP.calculateThumbprint())
  })

  describe('gets tokens for itself', () => {
    const SERVICE = { resource_scopes: { [API]: ['read'] } }
    type Way = { method: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' }

    async function service({ method }: Way): Promise<oidc.Configuration> {
      const key = await signingParty()
      const { clientId, secret } = await addService(server, {
        ...SERVICE,
        token_endpoint_auth_method: method,
        ...(method === 'private_key_jwt' ? { jwks: { keys: [{ ...key.jwk }] } } : {}),
      })
      const auth = {
        client_secret_basic: () => oidc.ClientSecretBasic(secret!),
        client_secret_post: () => oidc.ClientSecretPost(secret!),
        private_key_jwt: () => oidc.PrivateKeyJwt(key.privateKey),
      }[method]()
      return (await relyingParty(server, { clientId }, { auth })).configuration
    }

    for (const method of [
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
    ] as const) {
      it(`as a client with ${method}, looks at them and gives them back`, async () => {
        const configuration = await service({ method })
        const wanted = { resource: API, scope: 'read' }
        const { access_token } = await oidc.clientCredentialsGrant(configuration, wanted)
        expect(await oidc.tokenIntrospection(configuration, access_token)).to.include({
          active: true,
          client_id: configuration.clientMetadata().client_id,
        })
        await oidc.tokenRevocation(configuration, access_token)
        expect(await isActive(access_token)).to.equal(false)
      })
    }
  })

  it('revokes the refresh token, and everything that came of it', async () => {
    expect(await isActive(tokens.access_token)).to.equal(true)
    await oidc.tokenRevocation(party.configuration, tokens.refresh_token!)
    expect(await isActive(tokens.access_token)).to.equal(false)
    const again = oidc.refreshTokenGrant(party.configuration, tokens.refresh_token!)
    const error = await again.catch((fault: unknown) => fault)
    expect(error).to.be.instanceOf(oidc.ResponseBodyError).with.property('error', 'invalid_grant')
  })

  it('signs the person out and has them back', async () => {
    const url = oidc.buildEndSessionUrl(party.configuration, {
      id_token_hint: tokens.id_token!,
      post_logout_redirect_uri: AFTER,
      state: 'where I was',
    })
    const stop = (location: string) => location.startsWith(AFTER)
    const page = await alice.followAll(await alice.get(url.href), stop)
    const left = page.location ? page : await alice.submit(page, {}, { button: 'logout' })
    const end = await alice.followAll(left, stop)
    const back = new URL(end.location!)
    expect(`${back.origin}${back.pathname}`).to.equal(AFTER)
    expect(back.searchParams.get('state')).to.equal('where I was')
  })
})

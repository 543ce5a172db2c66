import { expect } from 'chai'
import * as oauth from 'oauth4webapi'
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
import { browser } from '../support/http.ts'
import { goThrough } from '../support/relying_party.ts'

/** A client library that does only what the specifications say, step by step. */

const INSECURE = { [oauth.allowInsecureRequests]: true }

describe('oauth4webapi', function () {
  this.timeout(60_000)
  let server: AuthCore
  let as: oauth.AuthorizationServer
  let ada: Person
  before(async () => {
    server = await startAuthCore()
    const issuer = new URL(server.issuer)
    const response = await oauth.discoveryRequest(issuer, INSECURE)
    as = await oauth.processDiscoveryResponse(issuer, response)
    ada = await addPerson(server)
    await addApi(server)
  })
  after(() => server?.stop())

  type Flow = { client: oauth.Client; auth: oauth.ClientAuth; DPoP: oauth.DPoPHandle }

  /** Authorization code, PKCE, and a token response whose ID token was verified. */
  async function signIn({ client, auth, DPoP }: Flow) {
    const verifier = oauth.generateRandomCodeVerifier()
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
    const request = new URL(as.authorization_endpoint!)
    request.search = new URLSearchParams({
      client_id: client.client_id,
      redirect_uri: CALLBACK,
      response_type: 'code',
      scope: 'openid profile email offline_access',
      prompt: 'consent',
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
    }).toString()
    const alice = browser()
    const callback = await goThrough(alice, await alice.get(request.href), ada, server.issuer)
    const answer = oauth.validateAuthResponse(as, client, callback, state)
    const options = { DPoP, ...INSECURE }
    const response = await oauth.authorizationCodeGrantRequest(
      as,
      client,
      auth,
      answer,
      CALLBACK,
      verifier,
      options,
    )
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, {
      expectedNonce: nonce,
      requireIdToken: true,
    })
    await oauth.validateApplicationLevelSignature(as, response, INSECURE)
    return tokens
  }

  const newDPoP = async (client: oauth.Client) =>
    oauth.DPoP(client, await oauth.generateKeyPair('ES256'))

  for (const preset of ['web', 'spa'] as const) {
    it(`completes code, PKCE and DPoP as a ${preset} application (RFC 9449)`, async () => {
      const { clientId, secret } = await addClient(server, {
        preset,
        metadata: { dpop_bound_access_tokens: true },
      })
      const client: oauth.Client = { client_id: clientId, id_token_signed_response_alg: 'ES256' }
      const auth = secret ? oauth.ClientSecretBasic(secret) : oauth.None()
      const DPoP = await newDPoP(client)
      const tokens = await signIn({ client, auth, DPoP })
      expect(tokens.token_type).to.equal('dpop')
      expect(oauth.getValidatedIdTokenClaims(tokens)?.sub).to.equal(ada.id)

      const info = await oauth.userInfoRequest(as, client, tokens.access_token, {
        DPoP,
        ...INSECURE,
      })
      const claims = await oauth.processUserInfoResponse(as, client, ada.id, info)
      expect(claims.email).to.equal(ada.email)

      const refreshed = await oauth.processRefreshTokenResponse(
        as,
        client,
        await oauth.refreshTokenGrantRequest(as, client, auth, tokens.refresh_token!, {
          DPoP,
          ...INSECURE,
        }),
      )
      expect(refreshed.token_type).to.equal('dpop')

      const stolen = await oauth
        .userInfoRequest(as, client, tokens.access_token, {
          DPoP: await newDPoP(client),
          ...INSECURE,
        })
        .then((response) => oauth.processUserInfoResponse(as, client, ada.id, response))
        .catch((error) => error)
      expect(stolen).to.be.instanceOf(oauth.WWWAuthenticateChallengeError)
    })
  }

  it('pushes its request, gets a token for an API and reads it as the API does', async () => {
    const { clientId, secret } = await addClient(server)
    const client: oauth.Client = { client_id: clientId, id_token_signed_response_alg: 'ES256' }
    const auth = oauth.ClientSecretBasic(secret!)
    const verifier = oauth.generateRandomCodeVerifier()
    const DPoP = await newDPoP(client)
    const pushed = await oauth.processPushedAuthorizationResponse(
      as,
      client,
      await oauth.pushedAuthorizationRequest(
        as,
        client,
        auth,
        {
          redirect_uri: CALLBACK,
          response_type: 'code',
          scope: 'openid read',
          resource: API,
          code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
        },
        { DPoP, ...INSECURE },
      ),
    )
    const request = new URL(as.authorization_endpoint!)
    request.searchParams.set('client_id', clientId)
    request.searchParams.set('request_uri', pushed.request_uri)
    const alice = browser()
    const callback = await goThrough(alice, await alice.get(request.href), ada, server.issuer)
    const answer = oauth.validateAuthResponse(as, client, callback, oauth.expectNoState)
    const tokens = await oauth.processAuthorizationCodeResponse(
      as,
      client,
      await oauth.authorizationCodeGrantRequest(as, client, auth, answer, CALLBACK, verifier, {
        DPoP,
        additionalParameters: { resource: API },
        ...INSECURE,
      }),
    )
    const url = new URL('https://api.example.test/things')
    const seen = await captured((fetch) =>
      oauth.protectedResourceRequest(tokens.access_token, 'GET', url, undefined, undefined, {
        DPoP,
        [oauth.customFetch]: fetch,
      }),
    )
    const claims = await oauth.validateJwtAccessToken(as, seen, API, INSECURE)
    expect(claims).to.include({ sub: ada.id, client_id: clientId, scope: 'read' })
  })
})

/** The request that a client would have sent to its API. */
type ApiRequest = { method: string; headers: Record<string, string> }
type ApiFetch = (url: string, request: ApiRequest) => Promise<Response>

async function captured(send: (fetch: ApiFetch) => Promise<unknown>): Promise<Request> {
  let seen: Request | undefined
  await send(async (url, { method, headers }) => {
    seen = new Request(url, { method, headers })
    return new Response()
  })
  return seen!
}

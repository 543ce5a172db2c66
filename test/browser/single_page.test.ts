import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import { type AuthCore, addClient, addPerson, startAuthCore } from '../support/authcore.ts'
import { browserTests, expectHeading, fillInLogin } from './visitor.ts'

/**
 * An application that is nothing but a script in the browser: from another origin it reads discovery,
 * exchanges its code with PKCE and DPoP, asks UserInfo, refreshes and revokes.
 */
const APPLICATION = `
import * as oauth from '/oauth4webapi.js'
const { issuer, clientId } = document.documentElement.dataset
const client = { client_id: clientId, id_token_signed_response_alg: 'ES256' }
const redirectUri = location.origin + '/'
const insecure = { [oauth.allowInsecureRequests]: true }
const say = (text) => { document.querySelector('h1').textContent = text }

try {
  const discovered = await oauth.discoveryRequest(new URL(issuer), insecure)
  const as = await oauth.processDiscoveryResponse(new URL(issuer), discovered)
  if (new URLSearchParams(location.search).has('code')) await receive(as)
  else await ask(as)
} catch (error) {
  say('Failed: ' + error + ' ' + (error.cause ?? ''))
}

async function ask(as) {
  const verifier = oauth.generateRandomCodeVerifier()
  sessionStorage.setItem('verifier', verifier)
  const request = new URL(as.authorization_endpoint)
  request.search = new URLSearchParams({
    client_id: clientId,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid email offline_access',
    prompt: 'consent',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  location.assign(request)
}

async function receive(as) {
  const answer = oauth.validateAuthResponse(as, client, new URL(location.href), oauth.expectNoState)
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'))
  const options = { DPoP, ...insecure }
  const tokens = await oauth.processAuthorizationCodeResponse(as, client,
    await oauth.authorizationCodeGrantRequest(as, client, oauth.None(), answer, redirectUri,
      sessionStorage.getItem('verifier'), options))
  const { sub } = oauth.getValidatedIdTokenClaims(tokens)
  const refreshed = await oauth.processRefreshTokenResponse(as, client,
    await oauth.refreshTokenGrantRequest(as, client, oauth.None(), tokens.refresh_token, options))
  const claims = await oauth.processUserInfoResponse(as, client, sub,
    await oauth.userInfoRequest(as, client, refreshed.access_token, options))
  await oauth.processRevocationResponse(
    await oauth.revocationRequest(as, client, oauth.None(), refreshed.refresh_token, insecure))
  say('Welcome ' + claims.email)
}
`

describe('A single-page application', function () {
  this.timeout(60_000)
  let server: AuthCore
  let site: { url: string; stop(): void }
  before(async () => {
    server = await startAuthCore()
  })
  const test = browserTests()
  after(async () => {
    site?.stop()
    await server?.stop()
  })

  test('signs in, refreshes and revokes with nothing but fetch', async (newVisitor) => {
    let page = ''
    site = await serve(() => page)
    const { clientId } = await addClient(server, {
      preset: 'spa',
      name: 'Lantern Reader',
      metadata: { redirect_uris: [site.url], dpop_bound_access_tokens: true },
    })
    page = `<!doctype html><html lang="en" data-issuer="${server.issuer}" data-client-id="${clientId}">
<title>Lantern Reader</title><link rel="icon" href="data:,"><h1>Reading</h1>
<script type="module" src="/application.js"></script></html>`
    const ada = await addPerson(server)
    const visitor = await newVisitor()
    await visitor.goto(site.url)
    await fillInLogin(visitor, ada)
    await visitor.locator('#allow').click()
    await expectHeading(visitor, `Welcome ${ada.email}`)
    expect(new URL(visitor.url()).origin).to.equal(new URL(site.url).origin)
  })
})

async function serve(page: () => string): Promise<{ url: string; stop(): void }> {
  const library = createRequire(import.meta.url).resolve('oauth4webapi')
  const scripts: Record<string, string> = {
    '/application.js': APPLICATION,
    '/oauth4webapi.js': readFileSync(library, 'utf8').replace(/\n\/\/# sourceMappingURL=.*/, ''),
  }
  const server = createServer(({ url = '/' }, response) => {
    const script = scripts[url]
    const type = script ? 'text/javascript' : 'text/html; charset=utf-8'
    response.writeHead(200, { 'Content-Type': type }).end(script ?? page())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    stop() {
      server.close()
      server.closeAllConnections()
    },
  }
}

import { createServer } from 'node:http'
import * as oidc from 'openid-client'

const { ISSUER = 'http://localhost:5001', CLIENT_ID, CLIENT_SECRET, PORT = '3000' } = process.env
const redirectUri = `http://localhost:${PORT}/callback`
const config = await oidc.discovery(
  new URL(ISSUER),
  CLIENT_ID,
  {},
  oidc.ClientSecretBasic(CLIENT_SECRET),
  { execute: [oidc.allowInsecureRequests] }, // plain http: for a server on this machine only
)
let pending // of one browser; keep it in a session of yours

async function beginSignIn() {
  pending = { verifier: oidc.randomPKCECodeVerifier(), state: oidc.randomState() }
  const target = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: 'openid profile email',
    code_challenge: await oidc.calculatePKCECodeChallenge(pending.verifier),
    code_challenge_method: 'S256',
    state: pending.state,
  })
  return { status: 303, headers: { Location: target.href }, body: '' }
}

async function endSignIn(url) {
  const tokens = await oidc.authorizationCodeGrant(config, url, {
    pkceCodeVerifier: pending?.verifier,
    expectedState: pending?.state,
  })
  const person = await oidc.fetchUserInfo(config, tokens.access_token, tokens.claims().sub)
  const headers = { 'Content-Type': 'text/plain; charset=utf-8' }
  return { status: 200, headers, body: `Hello, ${person.name ?? person.email}\n` }
}

createServer(async (request, response) => {
  const url = new URL(request.url, redirectUri)
  const step = { '/': beginSignIn, '/callback': endSignIn }[url.pathname]
  const answer = await step?.(url).catch((error) => ({ status: 502, body: `${error.message}\n` }))
  const { status, headers, body } = answer ?? { status: 404, body: '' }
  response.writeHead(status, headers).end(body)
}).listen(Number(PORT), 'localhost', () => console.log(`http://localhost:${PORT}`))

import * as oidc from 'openid-client'
import type { AuthCore, Person } from './authcore.ts'
import { CALLBACK } from './authcore.ts'
import { type Browser, browser, type Reply } from './http.ts'

/** A relying party with openid-client, and a person with a browser who goes through its pages. */

export type RelyingParty = { configuration: oidc.Configuration; redirectUri: string }

export async function relyingParty(
  { issuer }: AuthCore,
  client: { clientId: string; secret?: string | undefined },
  options: {
    auth?: oidc.ClientAuth
    metadata?: Partial<oidc.ClientMetadata>
    redirectUri?: string
  } = {},
): Promise<RelyingParty> {
  const auth = options.auth ?? (client.secret ? oidc.ClientSecretBasic(client.secret) : oidc.None())
  const configuration = await oidc.discovery(
    new URL(issuer),
    client.clientId,
    { id_token_signed_response_alg: 'ES256', ...options.metadata },
    auth,
    { execute: [oidc.allowInsecureRequests] },
  )
  return { configuration, redirectUri: options.redirectUri ?? CALLBACK }
}

export type AuthorizationRequest = {
  url: URL
  checks: oidc.AuthorizationCodeGrantChecks
}

/** An authorization request with PKCE, state and nonce; `parameters` are added or replace. */
export async function authorizationRequest(
  { configuration, redirectUri }: RelyingParty,
  parameters: Record<string, string> = {},
): Promise<AuthorizationRequest> {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
  const [expectedState, expectedNonce] = [oidc.randomState(), oidc.randomNonce()]
  const url = oidc.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: 'openid profile email',
    state: expectedState,
    nonce: expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    ...parameters,
  })
  return { url, checks: { pkceCodeVerifier, expectedState, expectedNonce } }
}

/**
 * Goes from an address of ours through every page that comes, signing in and allowing what is asked,
 * until the browser would leave for the client; that address is returned.
 */
export async function goThrough(
  alice: Browser,
  start: Reply,
  person: Person,
  ours: string,
): Promise<URL> {
  let page = await alice.followAll(start, (location) => !location.startsWith(ours))
  for (let step = 0; step < 8; step++) {
    if (page.location && !page.location.startsWith(ours)) return new URL(page.location)
    const { pathname } = new URL(page.url)
    const answer = pathname.endsWith('/login')
      ? await alice.submit(page, { login: person.email, password: person.password })
      : pathname.endsWith('/consent')
        ? await alice.submit(page, {}, { button: 'Allow' })
        : undefined
    if (!answer)
      throw new Error(`stuck at ${page.url} (${page.status}): ${page.text().slice(0, 300)}`)
    if (answer.status >= 400)
      throw new Error(`refused at ${page.url}: ${answer.text().slice(0, 300)}`)
    page = await alice.followAll(answer, (location) => !location.startsWith(ours))
  }
  throw new Error(`no end at ${page.url}`)
}

export type SignedIn = {
  alice: Browser
  callback: URL
  checks: oidc.AuthorizationCodeGrantChecks
}

/** One whole authorization request of one person: the address at the client with the code in it. */
export async function authorize(
  server: AuthCore,
  party: RelyingParty,
  person: Person,
  options: { parameters?: Record<string, string>; alice?: Browser } = {},
): Promise<SignedIn> {
  const alice = options.alice ?? browser()
  const { url, checks } = await authorizationRequest(party, options.parameters)
  const callback = await goThrough(alice, await alice.get(url.href), person, server.issuer)
  return { alice, callback, checks }
}

/** `authorize`, and the code exchanged for tokens, every check of openid-client included. */
export async function signIn(
  server: AuthCore,
  party: RelyingParty,
  person: Person,
  options: Parameters<typeof authorize>[3] & { DPoP?: oidc.DPoPHandle } = {},
) {
  const { alice, callback, checks } = await authorize(server, party, person, options)
  const tokens = await oidc.authorizationCodeGrant(
    party.configuration,
    callback,
    checks,
    undefined,
    options.DPoP ? { DPoP: options.DPoP } : undefined,
  )
  return { alice, tokens }
}

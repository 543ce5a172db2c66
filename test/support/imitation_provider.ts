import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { createOutbound, type Outbound } from '../../src/platform/outbound/outbound.ts'

/**
 * Somebody else's provider, as its documents describe it, on a port of this machine. Requests to its
 * public hosts are led there, so that a preset is tested with the addresses it will really call. What
 * differs from one provider to the next is a table (`ProviderImitation`); what all do is here: codes
 * that work once, PKCE, client authentication, `state` and ID tokens.
 */

export type ImitatedPerson = 'ada' | 'grace'

/** One provider's documented behaviour. */
export type ProviderImitation = {
  clientId: string
  clientSecret?: string
  /** Where it expects the client's secret; a function looks at the form itself. */
  authentication:
    | 'basic'
    | 'raw basic'
    | 'post'
    | 'none'
    | ((form: URLSearchParams) => boolean | Promise<boolean>)
  authorizationEndpoint: string
  tokenEndpoint: string
  /** What the redirect back carries besides `code` and `state`. */
  besides?: (person: ImitatedPerson, request: URLSearchParams) => Record<string, string>
  /** Refuses a code_verifier, as LinkedIn does for ordinary applications. */
  refusesPkce?: boolean
  /** Puts no `nonce` into its ID tokens. */
  omitsNonce?: boolean
  /** The token response without access_token and id_token. */
  tokenResponse?: Record<string, unknown>
  /** What it answers a wrong code with; the RFC's words unless it has its own. */
  wrongCode?: { status: number; body: unknown }
  openid?: {
    issuer: string
    algorithm?: 'RS256' | 'ES256'
    /** Where discovery is; beneath the issuer unless said. */
    discoveryUrl?: string
    metadata: Record<string, unknown> & { jwks_uri: string }
    idToken: (person: ImitatedPerson) => Record<string, unknown>
  }
  /** Documents for a bearer, by URL without query. */
  resources?: Record<string, (person: ImitatedPerson, url: URL) => unknown>
}

type Grant = { person: ImitatedPerson; request: URLSearchParams }

export type Answer =
  | { status?: number; headers?: Record<string, string>; body: unknown }
  /** Takes the request and says nothing. */
  | 'silence'

/** Answers instead of the imitation; `undefined` leaves it the answer. */
export type Override = (form: URLSearchParams, request: IncomingMessage) => Answer | undefined

export type Imitation = {
  /** To be handed to a connector. */
  outbound: Pick<Outbound, 'request' | 'fetch'>
  /** URLs without query that were called, in order, with what was posted. */
  calls: {
    url: string
    headers: IncomingMessage['headers']
    form: URLSearchParams
    query: URLSearchParams
  }[]
  /** The person goes through the provider's pages: what the browser brings back. */
  signIn(departureUri: string, person: ImitatedPerson): Record<string, string>
  /** What answers at a URL, in place of the imitation. */
  override(url: string, answer: Override): void
  /** Changes claims of the next ID tokens. */
  changeIdToken(change: (claims: Record<string, unknown>) => Record<string, unknown>): void
  /** Signs the next ID tokens otherwise. */
  signWith(sign: (claims: Record<string, unknown>) => string | Promise<string>): void
  keys: { kid: string; publicJwk: JWK; privateKey: CryptoKey; algorithm: string }
  /** Signs with a new key and publishes it alone. */
  rotate(): Promise<void>
  sign(claims: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>
  /** The provider is not there any more. */
  stop(): Promise<void>
}

async function newKeys(algorithm: string): Promise<Imitation['keys']> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true })
  const kid = createHash('sha256').update(String(Math.random())).digest('hex').slice(0, 12)
  const publicJwk = { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' }
  return { kid, publicJwk, privateKey, algorithm }
}

function s256(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url')
}

function formDecoded(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}

function withoutQuery(url: URL): string {
  return `${url.origin}${url.pathname}`
}

export async function imitate(provider: ProviderImitation): Promise<Imitation> {
  const grants = new Map<string, Grant>()
  const bearers = new Map<string, ImitatedPerson>()
  const overrides = new Map<string, Override>()
  const calls: Imitation['calls'] = []
  let keys = await newKeys(provider.openid?.algorithm ?? 'RS256')
  let change: (claims: Record<string, unknown>) => Record<string, unknown> = (claims) => claims
  const sign: Imitation['sign'] = (claims, header = {}) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: keys.algorithm, kid: keys.kid, ...header })
      .sign(keys.privateKey)
  let signIdToken: (claims: Record<string, unknown>) => string | Promise<string> = (c) => sign(c)
  let codes = 0

  function discovery(): Answer {
    const { issuer, metadata, algorithm = 'RS256' } = provider.openid!
    return {
      body: {
        issuer,
        authorization_endpoint: provider.authorizationEndpoint,
        token_endpoint: provider.tokenEndpoint,
        response_types_supported: ['code'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: [algorithm],
        ...metadata,
      },
    }
  }

  async function isClient(form: URLSearchParams, authorization: string | undefined) {
    const { authentication: how, clientId, clientSecret = '' } = provider
    if (typeof how === 'function') return await how(form)
    if (how === 'none') return form.get('client_id') === clientId
    if (how === 'post') {
      return form.get('client_id') === clientId && form.get('client_secret') === clientSecret
    }
    const pair = Buffer.from(authorization?.replace(/^Basic /, '') ?? '', 'base64').toString()
    // RFC 6749 §2.3.1 has both encoded as in a form; not everybody takes that off again.
    const read = how === 'basic' ? formDecoded : (text: string) => text
    return pair.split(':').map(read).join(' ') === `${clientId} ${clientSecret}`
  }

  function isRightCode(form: URLSearchParams, grant: Grant | undefined): grant is Grant {
    if (!grant || form.get('redirect_uri') !== grant.request.get('redirect_uri')) return false
    const challenge = grant.request.get('code_challenge')
    if (challenge === null) return !form.has('code_verifier')
    return s256(form.get('code_verifier') ?? '') === challenge
  }

  async function idTokenFor({ person, request }: Grant): Promise<Record<string, string>> {
    if (!provider.openid) return {}
    const nowS = Math.floor(Date.now() / 1000)
    const nonce = request.get('nonce')
    const claims = {
      iss: provider.openid.issuer,
      aud: provider.clientId,
      iat: nowS,
      exp: nowS + 300,
      ...(nonce === null || provider.omitsNonce ? {} : { nonce }),
      ...provider.openid.idToken(person),
    }
    return { id_token: await signIdToken(change(claims)) }
  }

  async function token(form: URLSearchParams, request: IncomingMessage): Promise<Answer> {
    if (!(await isClient(form, request.headers.authorization))) {
      return { status: 401, body: { error: 'invalid_client' } }
    }
    if (provider.refusesPkce && form.has('code_verifier')) {
      return { status: 401, body: { error: 'invalid_client' } }
    }
    const code = form.get('code') ?? ''
    const grant = grants.get(code)
    grants.delete(code)
    if (!isRightCode(form, grant)) {
      return provider.wrongCode ?? { status: 400, body: { error: 'invalid_grant' } }
    }
    const bearer = `bearer-${code}`
    bearers.set(bearer, grant.person)
    const rest = { token_type: 'Bearer', expires_in: 3600, ...provider.tokenResponse }
    return { body: { access_token: bearer, ...rest, ...(await idTokenFor(grant)) } }
  }

  function resource(url: URL, authorization: string | undefined): Answer {
    const person = bearers.get(authorization?.replace(/^Bearer /i, '') ?? '')
    const document = provider.resources?.[withoutQuery(url)]
    if (!document) return { status: 404, body: { message: 'Not Found' } }
    if (!person) return { status: 401, body: { message: 'Bad credentials' } }
    return { body: document(person, url) }
  }

  async function answer(
    url: URL,
    form: URLSearchParams,
    request: IncomingMessage,
  ): Promise<Answer> {
    const at = withoutQuery(url)
    const instead = overrides.get(at)?.(form, request)
    if (instead) return instead
    const { openid } = provider
    const discoveryUrl =
      openid?.discoveryUrl ??
      `${openid?.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
    if (openid && at === discoveryUrl) return discovery()
    if (openid && at === openid.metadata.jwks_uri) return { body: { keys: [keys.publicJwk] } }
    if (at === provider.tokenEndpoint) return token(form, request)
    return resource(url, request.headers.authorization)
  }

  const server = createServer((request, response) => void reply(request, response))

  async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(String(request.headers['x-imitated-url']))
    const form = new URLSearchParams(await text(request))
    const query = url.searchParams
    calls.push({ url: withoutQuery(url), headers: request.headers, form, query })
    const answered = await answer(url, form, request)
    if (answered === 'silence') return
    const { status = 200, headers = {}, body } = answered
    if (response.destroyed) return
    const content = typeof body === 'string' ? body : JSON.stringify(body)
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(content)
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const quiet = { warn: () => {}, info: () => {} }
  const client = createOutbound({ allow: [`127.0.0.1:${port}`] }, { log: quiet })

  return {
    outbound: {
      request: (input) =>
        client.request({
          ...input,
          url: `http://127.0.0.1:${port}/`,
          headers: {
            ...Object.fromEntries(new Headers(input.headers)),
            'x-imitated-url': input.url,
          },
        }),
      fetch: () => Promise.reject(new Error('the imitation is asked by request alone')),
    },
    calls,
    signIn(departureUri, person) {
      const url = new URL(departureUri)
      if (withoutQuery(url) !== provider.authorizationEndpoint) throw new Error(`left for ${url}`)
      codes += 1
      const code = `code-${codes}`
      grants.set(code, { person, request: url.searchParams })
      const state = url.searchParams.get('state') ?? ''
      return { code, state, ...provider.besides?.(person, url.searchParams) }
    },
    override: (url, instead) => void overrides.set(url, instead),
    changeIdToken: (next) => {
      change = next
    },
    signWith: (next) => {
      signIdToken = next
    },
    get keys() {
      return keys
    },
    async rotate() {
      keys = await newKeys(keys.algorithm)
    },
    sign,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await client.close()
    },
  }
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeJwt } from 'jose'
import * as oidc from 'openid-client'
import { randomToken } from '../../core/secrets.ts'
import { PASSWORD_ACR } from '../../domain/authentication/assurance.ts'
import type { Logger } from '../../platform/observability/logger.ts'
import { type DemoPage, renderDemoPage, STYLESHEET } from './demo_page.ts'
import { DEMO_API, DEMO_EMAIL } from './seed.ts'

/**
 * A relying party as its developer would write it: openid-client, authorization code with PKCE,
 * nothing that is not in its README. It keeps its sessions in memory and forgets them when it stops.
 */
export type DemoRelyingParty = { uri: string; stop(): Promise<void> }

type Pending = { verifier: string; state: string; nonce: string }
type Session = {
  pending?: Pending
  tokens?: oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers
  /** The claims of the first ID token: a refreshed one need not repeat them. */
  idToken?: string
  /** What an access token for the API says, as the API would read it. */
  apiToken?: object
  notice?: string
}
type Options = { issuer: string; port: number; log: Logger }
type Visit = { session: Session; url: URL; response: ServerResponse }

const COOKIE = 'authcore_demo'
const MAX_SESSIONS = 1_000
const SCOPE = 'openid profile email offline_access read'

export async function startRelyingParty({ issuer, port, log }: Options): Promise<DemoRelyingParty> {
  const party = new RelyingParty(issuer)
  const handle: Handler = (request, response) => {
    party.answer(request, response).catch((error: unknown) => {
      log.warn({ err: error }, 'the demonstration application failed')
      if (response.headersSent) return
      sendPage(response, { issuer, email: DEMO_EMAIL, problem: describe(error) }, 502)
    })
  }
  const servers = await listenOnLoopback(handle, port)
  const { port: actual } = servers[0]!.address() as AddressInfo
  return {
    uri: `http://localhost:${actual}`,
    async stop() {
      await Promise.all(servers.map(close))
    },
  }
}

class RelyingParty {
  readonly #issuer: string
  readonly #sessions = new Map<string, Session>()
  #configuration: Promise<oidc.Configuration> | undefined

  constructor(issuer: string) {
    this.#issuer = issuer
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', `http://${request.headers.host ?? 'localhost'}`)
    const visit = { session: this.#sessionOf(request, response), url, response }
    const route = `${request.method} ${url.pathname}`
    switch (route) {
      case 'GET /':
        return await this.#home(visit)
      case 'GET /demo.css':
        return sendStylesheet(response)
      case 'POST /sign-in':
        return await this.#authorize(visit, {})
      case 'POST /step-up':
        return await this.#authorize(visit, { prompt: 'login', max_age: '0' })
      case 'GET /callback':
        return await this.#callback(visit)
      case 'POST /refresh':
        return await this.#refresh(visit)
      case 'POST /api-token':
        return await this.#getApiToken(visit)
      case 'POST /logout':
        return await this.#logout(visit)
      default:
        return sendPage(response, this.#page({ problem: 'There is no such page.' }), 404)
    }
  }

  async #home({ session, response }: Visit): Promise<void> {
    const { tokens, apiToken, notice } = session
    delete session.notice
    const claims = tokens?.claims()
    const userInfo =
      tokens && claims ? await this.#userInfo(tokens.access_token, claims.sub) : undefined
    const facts = tokens ? { claims, userInfo, apiToken, tokens: describeTokens(tokens) } : {}
    sendPage(response, this.#page({ notice, ...facts }))
  }

  #page(content: Omit<DemoPage, 'issuer' | 'email'>): DemoPage {
    return { issuer: this.#issuer, email: DEMO_EMAIL, ...content }
  }

  /** Starts an authorization request: state and nonce tie the answer to this browser, PKCE to us. */
  async #authorize(
    { session, url, response }: Visit,
    extra: Record<string, string>,
  ): Promise<void> {
    const configuration = await this.#discover()
    const pending = {
      verifier: oidc.randomPKCECodeVerifier(),
      state: oidc.randomState(),
      nonce: oidc.randomNonce(),
    }
    session.pending = pending
    const target = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: `${url.origin}/callback`,
      scope: SCOPE,
      resource: DEMO_API,
      // Offline access asks for consent each time (OpenID Connect Core §11).
      prompt: 'consent',
      acr_values: PASSWORD_ACR,
      code_challenge: await oidc.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
      state: pending.state,
      nonce: pending.nonce,
      ...extra,
    })
    if (extra['prompt']) target.searchParams.set('prompt', `${extra['prompt']} consent`)
    redirect(response, target.href)
  }

  async #callback({ session, url, response }: Visit): Promise<void> {
    const { pending } = session
    delete session.pending
    if (!pending) return redirect(response, '/')
    if (url.searchParams.has('error')) {
      session.notice = `Nothing has changed. The answer was: ${describe(answerOf(url))}`
      return redirect(response, '/')
    }
    session.tokens = await oidc.authorizationCodeGrant(await this.#discover(), url, {
      pkceCodeVerifier: pending.verifier,
      expectedState: pending.state,
      expectedNonce: pending.nonce,
      idTokenExpected: true,
    })
    if (session.tokens.id_token) session.idToken = session.tokens.id_token
    delete session.apiToken
    session.notice = 'Signed in. Signature, issuer, audience and nonce were verified.'
    redirect(response, '/')
  }

  async #refresh({ session, response }: Visit): Promise<void> {
    const refreshToken = session.tokens?.refresh_token
    if (refreshToken) {
      session.tokens = await oidc.refreshTokenGrant(await this.#discover(), refreshToken)
      session.notice = 'Refreshed: the refresh token was rotated, the old one is used up.'
    }
    redirect(response, '/')
  }

  /** RFC 8707: the same grant, an access token for another audience and with fewer scopes. */
  async #getApiToken({ session, response }: Visit): Promise<void> {
    const { tokens } = session
    if (tokens?.refresh_token) {
      const answer = await oidc.refreshTokenGrant(await this.#discover(), tokens.refresh_token, {
        resource: DEMO_API,
        scope: 'read',
      })
      Object.assign(tokens, { refresh_token: answer.refresh_token ?? tokens.refresh_token })
      session.apiToken = decodeJwt(answer.access_token)
      session.notice = `Got an access token for ${DEMO_API}. It is shown below as the API reads it.`
    }
    redirect(response, '/')
  }

  async #logout({ session, url, response }: Visit): Promise<void> {
    const target = oidc.buildEndSessionUrl(await this.#discover(), {
      post_logout_redirect_uri: `${url.origin}/`,
      ...(session.idToken ? { id_token_hint: session.idToken } : {}),
    })
    delete session.tokens
    delete session.idToken
    delete session.apiToken
    session.notice = 'This application has forgotten you.'
    redirect(response, target.href)
  }

  async #userInfo(accessToken: string, sub: string): Promise<object> {
    try {
      return await oidc.fetchUserInfo(await this.#discover(), accessToken, sub)
    } catch (error) {
      return { error: describe(error) }
    }
  }

  #discover(): Promise<oidc.Configuration> {
    this.#configuration ??= oidc
      .discovery(
        new URL(this.#issuer),
        'demo-web',
        { id_token_signed_response_alg: 'ES256' },
        oidc.None(),
        // Plain http on this machine only: a demonstration has no certificate.
        { execute: [oidc.allowInsecureRequests] },
      )
      .catch((error: unknown) => {
        this.#configuration = undefined
        throw error
      })
    return this.#configuration
  }

  #sessionOf(request: IncomingMessage, response: ServerResponse): Session {
    const id = new RegExp(`${COOKIE}=([\\w-]+)`).exec(request.headers.cookie ?? '')?.[1]
    const known = id === undefined ? undefined : this.#sessions.get(id)
    if (known) return known
    const fresh = randomToken()
    if (this.#sessions.size >= MAX_SESSIONS)
      this.#sessions.delete(this.#sessions.keys().next().value!)
    const session: Session = {}
    this.#sessions.set(fresh, session)
    response.setHeader('Set-Cookie', `${COOKIE}=${fresh}; Path=/; HttpOnly; SameSite=Lax`)
    return session
  }
}

function describeTokens(tokens: NonNullable<Session['tokens']>): NonNullable<DemoPage['tokens']> {
  return {
    expiresInS: tokens.expiresIn(),
    scope: tokens.scope,
    refreshable: tokens.refresh_token !== undefined,
  }
}

/** An error response as an error. */
function answerOf(url: URL): object {
  const { error, error_description: description } = Object.fromEntries(url.searchParams)
  return { message: '', error, error_description: description ?? '' }
}

function describe(error: unknown): string {
  const {
    message,
    error: code,
    error_description: description,
  } = error as {
    message: string
    error?: string
    error_description?: string
  }
  return [code, description ?? message].filter(Boolean).join(': ')
}

function sendPage(response: ServerResponse, page: DemoPage, status = 200): void {
  response.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy':
      "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'",
  })
  response.end(renderDemoPage(page))
}

function sendStylesheet(response: ServerResponse): void {
  response.writeHead(200, {
    'Content-Type': 'text/css; charset=utf-8',
    'Cache-Control': 'no-cache',
  })
  response.end(STYLESHEET)
}

function redirect(response: ServerResponse, target: string): void {
  response.writeHead(303, { Location: target }).end()
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** On both families: `localhost` is the one here and the other there, and both have to answer. */
async function listenOnLoopback(handle: Handler, port: number): Promise<Server[]> {
  const first = await listen(handle, port, '127.0.0.1')
  const { port: actual } = first.address() as AddressInfo
  const second = await listen(handle, actual, '::1').catch(() => undefined)
  return second ? [first, second] : [first]
}

function listen(handle: Handler, port: number, host: string): Promise<Server> {
  const server = createServer(handle)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import * as oidc from 'openid-client'
import type { ClientToCreate } from '../../src/domain/clients/create_client.ts'
import { type AuthCore, addClient } from '../support/authcore.ts'
import { freePort } from '../support/free_port.ts'
import { authorizationRequest, type RelyingParty, relyingParty } from '../support/relying_party.ts'

/**
 * An application as people meet it: a site of its own on 127.0.0.1 that, like most, redirects on after
 * its callback and after logout, to the same port on localhost. To a browser these are three origins,
 * and for the forms of the sign-in pages a redirect chain that leaves the house twice.
 */
export type ClientSite = {
  clientId: string
  /** Where its pages begin, and where the authorization response arrives. */
  origin: string
  /** A page that signs in in a window beside it. */
  popupUri: string
  /** Starts a sign-in; parameters of the request go into the query. */
  startUri: string
  /** Asks the authorization server to log out; parameters go into the query. */
  logoutUri: string
  /** What the last sign-in brought. */
  tokens(): Tokens
  party: RelyingParty
  stop(): Promise<void>
}

type Tokens = oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers
type Request = Awaited<ReturnType<typeof authorizationRequest>>

export async function startClientSite(
  server: AuthCore,
  { metadata = {}, ...client }: Partial<ClientToCreate> = {},
): Promise<ClientSite> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const registered = await addClient(server, {
    name: 'Lantern Books',
    ...client,
    metadata: {
      redirect_uris: [`${origin}/callback`],
      post_logout_redirect_uris: [`${origin}/logged-out`],
      client_uri: `${origin}/`,
      ...metadata,
    },
  })
  const party = await relyingParty(server, registered, { redirectUri: `${origin}/callback` })
  const site = new Site(party, { origin, onwards: `http://localhost:${port}` })
  const http = await listen(port, (request, response) => site.answer(request, response))
  return {
    clientId: registered.clientId,
    origin,
    popupUri: `http://localhost:${port}/popup`,
    startUri: `${origin}/start`,
    logoutUri: `${origin}/logout`,
    tokens: () => site.tokens(),
    party,
    stop: () => close(http),
  }
}

class Site {
  readonly #party: RelyingParty
  readonly #places: { origin: string; onwards: string }
  /** By state: a form_post answer comes from another site and brings no cookie. */
  readonly #requests = new Map<string, Request>()
  #tokens: Tokens | undefined
  #outcome = ''

  constructor(party: RelyingParty, places: { origin: string; onwards: string }) {
    this.#party = party
    this.#places = places
  }

  tokens(): Tokens {
    if (!this.#tokens) throw new Error(`nobody signed in: ${this.#outcome}`)
    return this.#tokens
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { origin, onwards } = this.#places
    const url = new URL(request.url ?? '/', origin)
    switch (url.pathname) {
      case '/start':
        return redirect(response, await this.#start(url.searchParams))
      case '/callback':
        await this.#receive(url, request)
        return redirect(response, `${onwards}/welcome`)
      case '/welcome':
        return sendPage(response, this.#outcome)
      case '/popup':
        return sendHtml(response, popupPage(`${origin}/start`))
      case '/logout':
        return redirect(response, this.#logout(url.searchParams))
      case '/logged-out':
        return redirect(response, `${onwards}/bye`)
      case '/bye':
        return sendPage(response, 'Signed out of the shop')
      default:
        return sendPage(response, 'The shop')
    }
  }

  async #start(parameters: URLSearchParams): Promise<string> {
    const request = await authorizationRequest(this.#party, Object.fromEntries(parameters))
    this.#requests.set(String(request.checks.expectedState), request)
    return request.url.href
  }

  async #receive(url: URL, request: IncomingMessage): Promise<void> {
    const answer = request.method === 'POST' ? await formOf(request) : url.searchParams
    const begun = this.#requests.get(answer.get('state') ?? '')
    this.#requests.delete(answer.get('state') ?? '')
    this.#tokens = undefined
    if (answer.has('error')) this.#outcome = `No: ${answer.get('error')}`
    else if (!begun) this.#outcome = 'An answer that nobody asked for'
    else await this.#redeem(new URL(`${url.pathname}?${answer}`, this.#places.origin), begun)
  }

  async #redeem(answer: URL, { checks }: Request): Promise<void> {
    try {
      this.#tokens = await oidc.authorizationCodeGrant(this.#party.configuration, answer, checks)
      this.#outcome = `Welcome ${this.#tokens.claims()?.sub}`
    } catch (error) {
      this.#outcome = `Failed: ${(error as Error).message}`
    }
  }

  #logout(parameters: URLSearchParams): string {
    const hint = this.#tokens?.id_token
    return oidc.buildEndSessionUrl(this.#party.configuration, {
      post_logout_redirect_uri: `${this.#places.origin}/logged-out`,
      ...(hint ? { id_token_hint: hint } : {}),
      ...Object.fromEntries(parameters),
    }).href
  }
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  let body = ''
  for await (const chunk of request) body += chunk
  return new URLSearchParams(body)
}

function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { Location: location }).end()
}

/** Signs in beside the page; what the popup brought comes back to the page that opened it. */
const popupPage = (
  startUri: string,
) => `<h1>The shop</h1><button id="sign-in-beside">Sign in</button>
<script>
  document.getElementById('sign-in-beside').onclick = () => {
    const popup = open('${startUri}', 'popup', 'width=480,height=640')
    const timer = setInterval(() => {
      let heading
      try { heading = popup.closed ? 'The window is gone' : popup.document.querySelector('h1')?.textContent } catch { return }
      if (!heading) return
      clearInterval(timer)
      document.querySelector('h1').textContent = heading
      popup.close()
    }, 50)
  }
</script>`

function sendPage(response: ServerResponse, heading: string): void {
  sendHtml(response, `<h1>${heading}</h1><a id="sign-in-again" href="/start">Sign in</a>`)
}

function sendHtml(response: ServerResponse, content: string): void {
  response.writeHead(200, {
    'Content-Type': 'text/html; charset=utf-8',
    'Cache-Control': 'no-store',
  })
  response.end(`<!doctype html><html lang="en"><head><title>Shop</title><link rel="icon" href="data:,">
</head><body>${content}</body></html>`)
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** On both loopback families: a browser asks `localhost` at either. */
async function listen(port: number, handler: Handler): Promise<Server[]> {
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    handler(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)))
  }
  const servers = await Promise.all(
    ['127.0.0.1', '::1'].map(
      (host) =>
        new Promise<Server | undefined>((resolve) => {
          const server = createServer(answer)
          server.once('error', () => resolve(undefined))
          server.listen(port, host, () => resolve(server))
        }),
    ),
  )
  return servers.filter((server) => server !== undefined)
}

async function close(servers: Server[]): Promise<void> {
  for (const server of servers) {
    server.close()
    server.closeAllConnections()
  }
}

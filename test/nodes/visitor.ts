import { expect } from 'chai'
import * as oidc from 'openid-client'
import { totpCodeAt } from '../../src/domain/credentials/totp/totp.ts'
import type { Browser, Reply } from '../support/http.ts'
import { authorizationRequest, type RelyingParty } from '../support/relying_party.ts'
import type { Nodes } from './nodes.ts'

/** A person with an authenticator, and an application, at two nodes behind a proxy. */

const CALLBACK = 'https://rp.example.test/callback'
export const AFTER_LOGOUT = 'https://rp.example.test/bye'
export const API = 'https://api.example.test'

export class Visitor {
  readonly email: string
  readonly #password: string
  #secret: string | undefined
  /** Of the steps of 30 s, those that were used already. */
  #stepsUsed = 0

  constructor(email: string, password: string) {
    this.email = email
    this.#password = password
  }

  static async register(nodes: Nodes, email: string): Promise<Visitor> {
    const made = await nodes.run(
      `user create --email ${email} --email-verified --name "Ada Example" --generate-password`,
    )
    return new Visitor(email, made.password)
  }

  /** From an address of ours through every page, until the browser would leave for the client. */
  async goThrough(mind: Browser, start: Reply, issuer: string): Promise<URL> {
    const ours = (location: string) => !location.startsWith(issuer)
    let page = await mind.followAll(start, ours)
    for (let step = 0; step < 12; step++) {
      if (page.location && ours(page.location)) return new URL(page.location)
      const answer = await this.#answer(mind, page)
      expect(answer.status, `${page.url}: ${answer.text().slice(0, 300)}`).to.be.below(400)
      page = await mind.followAll(answer, ours)
    }
    throw new Error(`no end at ${page.url}`)
  }

  async #answer(mind: Browser, page: Reply): Promise<Reply> {
    const step = new URL(page.url).pathname.split('/').at(-1)
    if (step === 'login') return mind.submit(page, { login: this.email, password: this.#password })
    if (step === 'consent') return mind.submit(page, {}, { button: 'Allow' })
    if (step === 'second_factor') return mind.submit(page, { code: this.#code() })
    if (step !== 'enrol_factor') {
      throw new Error(`stuck at ${page.url} (${page.status}): ${page.text().slice(0, 300)}`)
    }
    // Where the recovery codes are shown, a link leads on.
    if (this.#secret) return mind.get(page.url.replace('/enrol_factor', ''))
    const totp = await mind.get(`${page.url}?method=totp`)
    this.#secret = /id="totp-secret"[^>]*>([A-Z2-7 ]+)</.exec(totp.body)?.[1]?.replaceAll(' ', '')
    const form = ({ action }: { action: string }) => action.endsWith('/enrol_factor')
    return mind.submit(totp, { code: this.#code() }, { form })
  }

  #code(): string {
    const code = totpCodeAt(this.#secret!, new Date(Date.now() + this.#stepsUsed * 30_000))
    this.#stepsUsed += 1
    return code
  }
}

/** An application that people sign in to, with openid-client through the proxy. */
export async function registerApplication(
  nodes: Nodes,
  id: string,
  mind = nodes.browser(),
): Promise<RelyingParty> {
  const { client_secret: secret } = await nodes.run(
    `client create --name ${id} --id ${id} --preset web --redirect-uri ${CALLBACK} --post-logout-redirect-uri ${AFTER_LOGOUT}`,
  )
  const configuration = await oidc.discovery(
    new URL(nodes.issuer),
    id,
    { id_token_signed_response_alg: 'ES256' },
    oidc.ClientSecretBasic(secret),
    { [oidc.customFetch]: fetchThrough(mind) },
  )
  return { configuration, redirectUri: CALLBACK }
}

/** A service that asks for tokens for itself; returns its Authorization header. */
export async function registerService(nodes: Nodes, id: string, options = ''): Promise<string> {
  const line = `client create --name ${id} --id ${id} --preset service ${options}`
  const { client_secret: secret } = await nodes.run(line.trim())
  return `Basic ${btoa(`${id}:${secret}`)}`
}

/** Everything up to the tokens. */
export async function signIn(
  nodes: Nodes,
  party: RelyingParty,
  visitor: Visitor,
  mind: Browser,
): Promise<oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers> {
  const { url, checks } = await authorizationRequest(party, {
    scope: 'openid profile email offline_access',
    prompt: 'consent',
  })
  const callback = await visitor.goThrough(mind, await mind.get(url.href), nodes.issuer)
  return await oidc.authorizationCodeGrant(party.configuration, callback, checks)
}

function fetchThrough(mind: Browser): oidc.CustomFetch {
  return async (url, { method, headers, body }) => {
    const reply = await mind.request(method, url, {
      headers: { ...headers, accept: 'application/json' },
      ...(body === undefined || body === null ? {} : { body: String(body) }),
    })
    const plain = Object.entries(reply.headers).map(
      ([name, value]) => [name, [value ?? ''].flat().join(', ')] as const,
    )
    return new Response(reply.body, { status: reply.status, headers: Object.fromEntries(plain) })
  }
}

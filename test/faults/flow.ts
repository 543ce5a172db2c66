import { expect } from 'chai'
import * as oidc from 'openid-client'
import { type Browser, browser, type Reply } from '../support/http.ts'

/**
 * One person's sign-in with the demonstration's public client, step by step, with a memory of what
 * was sent and what was answered. An answer that did not come says nothing: the request may have
 * been carried out or not, and the next try finds out.
 */
export type FlowServer = { issuer: string; demoPort: string; password: string }

type Tokens = { access_token: string; refresh_token: string }

export class Flow {
  readonly #server: FlowServer
  readonly #alice: Browser = browser()
  readonly #verifier = oidc.randomPKCECodeVerifier()
  #code: string | undefined
  /** How often the server said that the code was good. */
  #redeemed = 0
  #tokens: Tokens | undefined
  /** Refresh tokens whose use was acknowledged: none may be good again. */
  readonly #used: string[] = []
  /** A request was sent for which no answer came. */
  #inDoubt = false

  constructor(server: FlowServer) {
    this.#server = server
  }

  get #redirectUri(): string {
    return `http://localhost:${this.#server.demoPort}/callback`
  }

  /** From the authorization request to a first refresh; throws where the server is killed under it. */
  async run(): Promise<void> {
    this.#code ??= await this.#signIn()
    if (!this.#tokens) await this.#redeem()
    await this.#refresh()
  }

  /** After a restart: goes on from what is known. A code or token in doubt may have been used up. */
  async resume(): Promise<void> {
    if (this.#code && !this.#tokens) {
      const doubtful = this.#inDoubt
      await this.#redeem(doubtful)
      if (!this.#tokens) this.#code = undefined
    }
    if (!this.#code) {
      this.#code = await this.#signIn()
      this.#redeemed = 0
      await this.#redeem()
    }
    await this.#refresh(this.#inDoubt)
  }

  async assertTokensWork(): Promise<void> {
    if (!this.#tokens) return
    const info = await this.#alice.get(`${this.#server.issuer}/userinfo`, {
      headers: { authorization: `Bearer ${this.#tokens.access_token}` },
    })
    expect(info.status, info.body).to.equal(200)
    await this.#refresh()
    expect(this.#tokens, 'an acknowledged refresh token was lost').not.to.equal(undefined)
  }

  async assertNothingTwice(): Promise<void> {
    expect(this.#redeemed, 'redemptions of one code').to.be.at.most(1)
    if (this.#code && this.#redeemed > 0) {
      const again = await this.#token({
        grant_type: 'authorization_code',
        code: this.#code,
        code_verifier: this.#verifier,
        redirect_uri: this.#redirectUri,
      })
      expect(again.status, again.body).to.equal(400)
    }
    for (const token of this.#used) {
      const again = await this.#token({ grant_type: 'refresh_token', refresh_token: token })
      expect(again.status, again.body).to.equal(400)
    }
  }

  async #signIn(): Promise<string> {
    const { issuer } = this.#server
    const query = new URLSearchParams({
      client_id: 'demo-web',
      response_type: 'code',
      redirect_uri: this.#redirectUri,
      scope: 'openid offline_access',
      prompt: 'consent',
      state: oidc.randomState(),
      code_challenge: await oidc.calculatePKCECodeChallenge(this.#verifier),
      code_challenge_method: 'S256',
    })
    const ours = (location: string) => !location.startsWith(issuer)
    let page = await this.#alice.followAll(
      await this.#alice.get(`${issuer}/authorize?${query}`),
      ours,
    )
    for (let step = 0; step < 6; step++) {
      if (page.location?.startsWith(this.#redirectUri)) break
      page = await this.#alice.followAll(await this.#answer(page), ours)
    }
    const code = new URL(page.location ?? issuer).searchParams.get('code')
    if (!code) throw new Error(`no code at ${page.url} (${page.status})`)
    return code
  }

  #answer(page: Reply): Promise<Reply> {
    const { password } = this.#server
    return page.url.endsWith('/login')
      ? this.#alice.submit(page, { login: 'demo@example.com', password })
      : this.#alice.submit(page, {}, { button: 'Allow' })
  }

  async #redeem(doubtful = false): Promise<void> {
    const reply = await this.#token({
      grant_type: 'authorization_code',
      code: this.#code!,
      code_verifier: this.#verifier,
      redirect_uri: this.#redirectUri,
    })
    if (reply.status === 400 && doubtful) return
    expect(reply.status, reply.body).to.equal(200)
    this.#redeemed += 1
    this.#tokens = reply.json<Tokens>()
  }

  async #refresh(doubtful = false): Promise<void> {
    const presented = this.#tokens!.refresh_token
    const reply = await this.#token({ grant_type: 'refresh_token', refresh_token: presented })
    if (reply.status === 400 && doubtful) {
      // It was carried out before the kill: the answer is what was lost, and nobody has its tokens.
      this.#tokens = undefined
      return
    }
    expect(reply.status, reply.body).to.equal(200)
    this.#used.push(presented)
    this.#tokens = reply.json<Tokens>()
  }

  async #token(fields: Record<string, string>): Promise<Reply> {
    this.#inDoubt = true
    const reply = await this.#alice.post(`${this.#server.issuer}/token`, {
      client_id: 'demo-web',
      ...fields,
    })
    this.#inDoubt = false
    return reply
  }
}

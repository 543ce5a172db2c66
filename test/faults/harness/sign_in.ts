import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { CALLBACK, type Person } from '../../support/authcore.ts'
import type { Browser, Reply } from '../../support/http.ts'
import { type Heard, hearPage } from './answers.ts'
import { browserOf, type Caller, PATIENCE_MS, pkce, push, written } from './asking.ts'
import type { Answer } from './history.ts'

/**
 * A person at the pages, with the patience of people: what is "not now", or does not come, is asked
 * for again in a moment; a page that says no is left, and everything begins anew.
 */

export type SignedIn = {
  family: string
  code: string
  verifier: string
  alice: Browser
  /** What the same request would be once more, where it was pushed. */
  pushedUrl: string | undefined
}

export type Visit = { caller: Caller; person: Person; isOver: () => boolean; pushed: boolean }

const AGAIN_MS = 200
const STEPS = 12

/** Undefined where it was refused on the way, or the load ended meanwhile. */
export async function signIn(visit: Visit): Promise<SignedIn | undefined> {
  const { caller, isOver } = visit
  const family = `sign-in ${randomBytes(6).toString('hex')}`
  const { verifier, challenge } = pkce()
  const request = {
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'openid offline_access',
    prompt: 'consent',
    code_challenge: challenge,
    code_challenge_method: 'S256',
  }
  const start = await startOf(visit, family, request)
  if (!start) return undefined
  const alice = browserOf(caller)
  const way = new Way(visit, family, alice, start.shows)
  let page = await way.go('authorize', () => alice.get(start.url, { timeoutMs: PATIENCE_MS }))
  for (let step = 0; page && step < STEPS && !isOver(); step++) {
    const code = codeAt(page)
    if (code) return { family, code, verifier, alice, pushedUrl: start.pushedUrl }
    page = await way.next(page)
  }
  return undefined
}

type Start = { url: string; shows: string[]; pushedUrl: string | undefined }

async function startOf(
  { caller, isOver, pushed }: Visit,
  family: string,
  request: Record<string, string>,
): Promise<Start | undefined> {
  const { stand, history } = caller
  const client_id = stand.clients.app.clientId
  const address = (parameters: Record<string, string>) =>
    `${stand.issuer}/authorize?${new URLSearchParams({ client_id, ...parameters })}`
  if (!pushed) return { url: address(request), shows: [], pushedUrl: undefined }
  const answered = await patiently(isOver, () => push(caller, request, family))
  const requestUri = answered?.requestUri
  if (requestUri === undefined) return undefined
  const url = address({ request_uri: requestUri })
  return { url, shows: [history.label('request_uri', requestUri, family)], pushedUrl: url }
}

/** One way through the pages, every step of which shows which way it is of. */
class Way {
  readonly #visit: Visit
  readonly #family: string
  readonly #alice: Browser
  readonly #shows: string[]

  constructor(visit: Visit, family: string, alice: Browser, shows: string[]) {
    this.#visit = visit
    this.#family = family
    this.#alice = alice
    this.#shows = [...shows, visit.caller.history.label('sign_in', family, family)]
  }

  async next(page: Reply): Promise<Reply | undefined> {
    const options = { timeoutMs: PATIENCE_MS }
    const { location, url } = page
    if (location) return await this.go('page', () => this.#alice.get(location, options))
    const { email, password } = this.#visit.person
    const { pathname } = new URL(url)
    if (pathname.endsWith('/login')) {
      const fields = { login: email, password }
      return await this.go('login', () => this.#alice.submit(page, fields, options))
    }
    if (pathname.endsWith('/consent')) {
      const allow = { ...options, button: 'Allow' }
      return await this.go('consent', () => this.#alice.submit(page, {}, allow))
    }
    throw new Error(`stuck at ${url} (${page.status}): ${page.text().slice(0, 300)}`)
  }

  async go(op: string, send: () => Promise<Reply>): Promise<Reply | undefined> {
    const { caller, isOver } = this.#visit
    const answered = await patiently(isOver, () =>
      written(caller, { op, shows: this.#shows }, async () => {
        const heard = await hearPage(send)
        return { ...heard, brings: this.#broughtBy(heard) }
      }),
    )
    return answered?.answer.kind === 'ok' ? answered.reply : undefined
  }

  #broughtBy({ answer, reply }: Heard<never>): string[] {
    const { history } = this.#visit.caller
    if (answer.kind !== 'ok' || !reply) return []
    const code = codeAt(reply)
    if (code === undefined) return []
    return [
      history.label('code', code, this.#family),
      history.label('session', this.#family, `session of ${this.#family}`),
    ]
  }
}

export function codeAt({ location }: Reply): string | undefined {
  if (!location?.startsWith(CALLBACK)) return undefined
  return new URL(location).searchParams.get('code') ?? undefined
}

/** Asks again while the answer is "not now" or none at all; undefined where the load ended first. */
export async function patiently<R extends { answer: Answer }>(
  isOver: () => boolean,
  ask: () => Promise<R>,
): Promise<R | undefined> {
  for (;;) {
    const result = await ask()
    const { kind } = result.answer
    if (kind !== 'unavailable' && kind !== 'unanswered') return result
    if (isOver()) return undefined
    await sleep(AGAIN_MS)
  }
}

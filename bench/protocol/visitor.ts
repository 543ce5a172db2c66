import type { Pool } from 'undici'
import { metaRefresh, parseForms, refreshUrl, textOf } from '../../test/support/forms.ts'
import type { ScriptedPage } from './provider.ts'

/**
 * A browser that costs the measuring process little: cookies by name and path, forms, redirects, on
 * connections that stay open.
 */

export type Answer = {
  status: number
  body: string
  headers: Record<string, string | string[] | undefined>
  /** Where it sends the browser, absolute. */
  location: string | undefined
  url: string
}

type Cookie = { value: string; path: string }

export class Visitor {
  readonly #pool: Pool
  readonly #origin: string
  readonly #always: Record<string, string>
  readonly #cookies = new Map<string, Cookie>()

  constructor(pool: Pool, origin: string, always: Record<string, string> = {}) {
    this.#pool = pool
    this.#origin = origin
    this.#always = always
  }

  async get(url: string): Promise<Answer> {
    return await this.#send(url, { method: 'GET' })
  }

  async submit(url: string, fields: URLSearchParams): Promise<Answer> {
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      origin: this.#origin,
    }
    return await this.#send(url, { method: 'POST', body: fields.toString(), headers })
  }

  async submitJson(url: string, content: unknown): Promise<Answer> {
    const headers = {
      accept: 'application/json',
      'content-type': 'application/json',
      origin: this.#origin,
    }
    return await this.#send(url, { method: 'POST', body: JSON.stringify(content), headers })
  }

  async #send(
    url: string,
    { method, body, headers }: { method: 'GET' | 'POST'; body?: string; headers?: object },
  ): Promise<Answer> {
    const { pathname, search } = new URL(url, this.#origin)
    const cookie = this.#cookieFor(pathname)
    const response = await this.#pool.request({
      path: pathname + search,
      method,
      body: body ?? null,
      headers: {
        accept: 'text/html,*/*;q=0.8',
        ...this.#always,
        ...headers,
        ...(cookie === '' ? {} : { cookie }),
      },
    })
    for (const line of [response.headers['set-cookie'] ?? []].flat()) this.#keep(line, pathname)
    const text = await response.body.text()
    return {
      status: response.statusCode,
      body: text,
      headers: response.headers,
      location: locationOf(response.headers, text, new URL(url, this.#origin)),
      url: new URL(url, this.#origin).href,
    }
  }

  #cookieFor(pathname: string): string {
    const sent: string[] = []
    for (const [name, { value, path }] of this.#cookies) {
      if (pathname.startsWith(path)) sent.push(`${name.slice(name.indexOf(' ') + 1)}=${value}`)
    }
    return sent.join('; ')
  }

  #keep(line: string, pathname: string): void {
    const [pair = '', ...attributes] = line.split(/; ?/)
    const equals = pair.indexOf('=')
    const [name, value] = [pair.slice(0, equals), pair.slice(equals + 1)]
    const attribute = (key: string) =>
      attributes.find((each) => each.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1)
    const path = attribute('path') ?? (pathname.slice(0, pathname.lastIndexOf('/')) || '/')
    const expires = attribute('expires')
    const gone = attribute('max-age') === '0' || (expires && Date.parse(expires) < Date.now())
    if (gone || value === '') this.#cookies.delete(`${path} ${name}`)
    else this.#cookies.set(`${path} ${name}`, { value, path })
  }
}

function locationOf(headers: Answer['headers'], body: string, url: URL): string | undefined {
  const target =
    headers['location'] ??
    refreshUrl(String(headers['refresh'] ?? '')) ??
    (String(headers['content-type']).startsWith('text/html') ? metaRefresh(body) : undefined)
  return target === undefined ? undefined : new URL(String(target), url).href
}

export type Journey = {
  start: string
  /** Where the client waits. */
  redirectUri: string
  login: string
  password: string
  scriptedPages: readonly ScriptedPage[]
}

const YES = /allow|accept|authori[sz]e|continue|sign.?in|log.?in|yes|submit/i

/**
 * From an authorization request through whatever pages come, as a person would who signs in and
 * allows.
 *
 * @returns the address at the client, with its code
 * @throws where a page is no step of that
 */
export async function goThroughPages(visitor: Visitor, journey: Journey): Promise<string> {
  let answer = await visitor.get(journey.start)
  for (let step = 0; step < 16; step++) {
    if (answer.location?.startsWith(journey.redirectUri)) return answer.location
    answer = answer.location
      ? await follow(visitor, answer.location, journey)
      : await nextStep(visitor, answer, journey)
  }
  throw new Error(`no end at ${answer.url}`)
}

/** Goes where it is sent; a page that only a script fills in is not asked for, but answered. */
async function follow(visitor: Visitor, location: string, journey: Journey): Promise<Answer> {
  const { pathname, search } = new URL(location)
  const scripted = journey.scriptedPages.find(({ page }) => page === pathname)
  if (!scripted) return await visitor.get(location)
  const { login, password } = journey
  const content = filled(scripted.json, { login, password, query: search.slice(1) })
  const answer = await visitor.submitJson(new URL(scripted.post, location).href, content)
  const said = answer.status < 400 ? (JSON.parse(answer.body) as Record<string, unknown>) : {}
  const next = said[scripted.next]
  if (typeof next !== 'string') {
    throw new Error(`${answer.status} at ${answer.url}: ${answer.body.slice(0, 500)}`)
  }
  return { ...answer, location: new URL(next, location).href }
}

/** With `{name}` in its texts replaced. */
function filled(json: Record<string, unknown>, values: Record<string, string>): unknown {
  return JSON.parse(JSON.stringify(json), (_key, value: unknown) =>
    typeof value === 'string'
      ? value.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '')
      : value,
  )
}

async function nextStep(visitor: Visitor, page: Answer, journey: Journey): Promise<Answer> {
  if (page.status >= 400)
    throw new Error(`${page.status} at ${page.url}: ${textOf(page.body).slice(0, 500)}`)
  const forms = parseForms(page.body)
  const form = forms.find(({ fields }) => fields.has('password')) ?? forms[0]
  if (!form) throw new Error(`a page without a form at ${page.url}: ${page.body.slice(0, 300)}`)
  const values = new URLSearchParams(form.fields)
  for (const name of ['login', 'email', 'username']) {
    if (values.has(name)) values.set(name, journey.login)
  }
  if (values.has('password')) values.set('password', journey.password)
  const button = form.buttons.find(({ text, value }) => YES.test(`${text} ${value}`))
  if (button?.name) values.set(button.name, button.value)
  return await visitor.submit(new URL(button?.formaction ?? form.action, page.url).href, values)
}

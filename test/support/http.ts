import http from 'node:http'
import https from 'node:https'
import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { CookieJar } from 'tough-cookie'
import { type Form, metaRefresh, parseForms, refreshUrl, textOf } from './forms.ts'

/**
 * A browser without eyes, on node:http because `fetch` sends headers that no address bar sends:
 * keeps cookies, sends forms back, follows redirects when told. What it sends is what the test says.
 */

export type Reply = {
  status: number
  headers: http.IncomingHttpHeaders
  /** Every header as sent, for those that may come twice. */
  rawHeaders: string[]
  body: string
  /** The address that was asked. */
  url: string
  /** Where it sends a browser: Location, Refresh or `<meta http-equiv="refresh">`, made absolute. */
  location: string | undefined
  /** The body read as JSON. */
  json<T = unknown>(): T
  /** The body without tags. */
  text(): string
  forms(): Form[]
}

/** `fields` become application/x-www-form-urlencoded, `json` JSON; `body` goes out as it is. */
export type SendOptions = {
  headers?: http.OutgoingHttpHeaders
  fields?: Fields
  json?: unknown
  body?: string
  /** Follows up to 20 redirects; otherwise the redirect itself is the reply. */
  followRedirects?: boolean
  gate?: Gate
  /** For the whole answer; what is not there by then fails. Without it, for ever. */
  timeoutMs?: number
}

export type Fields = URLSearchParams | Record<string, string | string[]>

export type SubmitOptions = SendOptions & {
  /** The form's place on the page, or a test for it; the first form otherwise. */
  form?: number | ((form: Form) => boolean)
  /** Id, name, value or text of the button to press. */
  button?: string
}

export type Browser = {
  jar: CookieJar
  request(method: string, url: string, options?: SendOptions): Promise<Reply>
  get(url: string, options?: SendOptions): Promise<Reply>
  post(url: string, fields?: Fields, options?: SendOptions): Promise<Reply>
  /** Goes where the reply sends a browser, one step. */
  follow(reply: Reply, options?: SendOptions): Promise<Reply>
  /** Follows until `stop` says so about the next address, or nothing is left to follow. */
  followAll(reply: Reply, stop?: (location: string) => boolean): Promise<Reply>
  /** Fills in a form of the page and sends it, with the Origin a browser would send. */
  submit(page: Reply, fields?: Fields, options?: SubmitOptions): Promise<Reply>
}

export type BrowserOptions = {
  /** Relative addresses begin here. */
  base?: string
  /** Sent with every request. */
  headers?: http.OutgoingHttpHeaders
  /** A certificate to trust, in PEM. */
  ca?: string
  /** What the client shows of itself, in PEM. */
  certificate?: { cert: string; key: string } | undefined
  /** Keeps connections; otherwise each request has its own. */
  agent?: http.Agent
}

export function browser(options: BrowserOptions = {}): Browser {
  const { base, headers: always = {}, ca, certificate, agent } = options
  const jar = new CookieJar()

  async function request(method: string, address: string, options: SendOptions = {}) {
    const url = new URL(address, base)
    const { body, type } = bodyOf(options)
    const cookie = await jar.getCookieString(url.href)
    const headers = {
      accept: 'text/html,*/*;q=0.8',
      ...(type ? { 'content-type': type } : {}),
      ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
      ...(cookie ? { cookie } : {}),
      ...always,
      ...options.headers,
    }
    const { gate, timeoutMs } = options
    const reply = await send(url, {
      method,
      headers,
      body,
      ca,
      certificate,
      agent,
      gate,
      timeoutMs,
    })
    for (const line of reply.headers['set-cookie'] ?? []) {
      await jar.setCookie(line, url.href, { ignoreError: true })
    }
    return options.followRedirects ? followAll(reply) : reply
  }

  const get: Browser['get'] = (url, options) => request('GET', url, options)
  const post: Browser['post'] = (url, fields = {}, options = {}) =>
    request('POST', url, { fields, ...options })

  async function follow(reply: Reply, options: SendOptions = {}): Promise<Reply> {
    if (!reply.location) throw new Error(`${reply.status} from ${reply.url} leads nowhere`)
    return get(reply.location, options)
  }

  async function followAll(reply: Reply, stop: (location: string) => boolean = () => false) {
    let current = reply
    for (let step = 0; step < 20; step++) {
      if (!current.location || stop(current.location)) return current
      current = await follow(current)
    }
    throw new Error(`more than 20 redirects, the last to ${current.location}`)
  }

  const submit: Browser['submit'] = (page, fields = {}, options = {}) => {
    const { form: which, button: label, ...sending } = options
    const form = findForm(page, which)
    const button = label === undefined ? undefined : findButton(form, label)
    const values = filledIn(form.fields, fields)
    if (button?.name) values.set(button.name, button.value)
    const target = new URL(button?.formaction ?? form.action, page.url)
    if (form.method === 'get') {
      target.search = values.toString()
      return get(target.href, sending)
    }
    const origin = new URL(page.url).origin
    return post(target.href, values, { ...sending, headers: { origin, ...sending.headers } })
  }

  return { jar, request, get, post, follow, followAll, submit }
}

function bodyOf({ fields, json, body }: SendOptions): { body?: string; type?: string } {
  if (body !== undefined) return { body }
  if (json !== undefined) return { body: JSON.stringify(json), type: 'application/json' }
  if (fields === undefined) return {}
  const type = 'application/x-www-form-urlencoded'
  return { body: filledIn(new URLSearchParams(), fields).toString(), type }
}

function filledIn(form: URLSearchParams, fields: Fields): URLSearchParams {
  const values = new URLSearchParams(form)
  const entries: [string, string | string[]][] =
    fields instanceof URLSearchParams ? [...fields] : Object.entries(fields)
  for (const [name] of entries) values.delete(name)
  for (const [name, value] of entries) {
    for (const one of [value].flat()) values.append(name, one)
  }
  return values
}

function findForm(page: Reply, which: SubmitOptions['form'] = 0): Form {
  const forms = page.forms()
  const form = typeof which === 'number' ? forms[which] : forms.find(which)
  if (form) return form
  throw new Error(`no such form on ${page.url} (${page.status}): ${page.text().slice(0, 300)}`)
}

function findButton(form: Form, label: string): Form['buttons'][number] {
  const button = form.buttons.find((b) => [b.id, b.name, b.value, b.text].includes(label))
  if (button) return button
  throw new Error(`no button "${label}" among: ${form.buttons.map((b) => b.text).join(', ')}`)
}

type Sending = {
  method: string
  headers: http.OutgoingHttpHeaders
  body: string | undefined
  ca: string | undefined
  certificate: BrowserOptions['certificate']
  agent: http.Agent | undefined
  gate: Gate | undefined
  timeoutMs: number | undefined
}

async function send(
  url: URL,
  { method, headers, body, ca, certificate, agent, gate, timeoutMs }: Sending,
): Promise<Reply> {
  const socket = gate && (await gate.open(url, ca))
  const { request } = url.protocol === 'https:' ? https : http
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method,
      headers,
      ...(timeoutMs === undefined ? {} : { signal: AbortSignal.timeout(timeoutMs) }),
      ...(ca ? { ca } : {}),
      ...(certificate ? { cert: certificate.cert, key: certificate.key } : {}),
      // A connection each, so that no test meets another's half-closed one.
      ...(socket ? { createConnection: () => socket } : { agent: agent ?? false }),
    })
    outgoing.on('response', (incoming) => readReply(url, incoming).then(resolve, reject))
    outgoing.on('error', reject)
    outgoing.end(body)
    if (socket) gate.written(socket)
  })
}

async function readReply(url: URL, incoming: http.IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks).toString('utf8')
  const { statusCode: status = 0, headers, rawHeaders } = incoming
  return {
    status,
    headers,
    rawHeaders,
    body,
    url: url.href,
    location: locationOf(url, status, headers, body),
    json: <T>() => JSON.parse(body) as T,
    text: () => textOf(body),
    forms: () => parseForms(body),
  }
}

function locationOf(url: URL, status: number, headers: http.IncomingHttpHeaders, body: string) {
  const isPage = headers['content-type']?.startsWith('text/html')
  const target =
    (status >= 300 && status < 400 ? headers.location : undefined) ??
    refreshUrl(String(headers['refresh'] ?? '')) ??
    (isPage ? metaRefresh(body) : undefined)
  return target === undefined ? undefined : new URL(target, url).href
}

/** Holds requests back until each of them is ready to leave. */
export type Gate = {
  open(url: URL, ca: string | undefined): Promise<Socket>
  written(socket: Socket): void
}

/**
 * Sends `n` requests in one moment, for races: the connections are open and the requests wait
 * complete in their sockets until the last one is ready. Each `send` makes exactly one request and
 * passes the gate on: `atOnce(20, (gate) => alice.post(url, fields, { gate }))`.
 */
export function atOnce<T>(n: number, send: (gate: Gate, index: number) => Promise<T>) {
  const waiting: Socket[] = []
  const gate: Gate = {
    async open(url, ca) {
      const socket = await connected(url, ca)
      socket.setNoDelay(true)
      socket.cork()
      return socket
    },
    written(socket) {
      waiting.push(socket)
      // One tick later node:http has handed the last request to its socket.
      if (waiting.length === n) setImmediate(release)
    },
  }
  function release(): void {
    for (const socket of waiting) socket.uncork()
  }
  return Promise.all(Array.from({ length: n }, (_, index) => send(gate, index)))
}

function connected(url: URL, ca: string | undefined): Promise<Socket> {
  const host = url.hostname
  const secure = url.protocol === 'https:'
  const port = Number(url.port || (secure ? 443 : 80))
  return new Promise((resolve, reject) => {
    const socket = secure
      ? connectTls({ host, port, servername: host, ...(ca ? { ca } : {}) }, () => resolve(socket))
      : connect({ host, port }, () => resolve(socket))
    socket.once('error', reject)
  })
}

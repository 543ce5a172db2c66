import {
  CANARY,
  COOKIES,
  canary,
  HEADERS,
  METHODS,
  oddJson,
  oddText,
  oddValue,
  PARAMETERS,
  SECRET_PARAMETERS,
} from './odd_values.ts'
import type { Random } from './random.ts'
import { copyOf, encode, encodeFields, type Field, type FuzzRequest, setHeader } from './request.ts'

/**
 * One, two or three changes to a request that was a good one. Most keep it so close to what it was
 * that it gets past the first check; a few make it no HTTP any longer.
 */
type Change = (request: FuzzRequest, random: Random) => void

export function mutate(request: FuzzRequest, random: Random): FuzzRequest {
  const changed = copyOf(request)
  const times = random.pick([1, 1, 1, 2, 2, 3])
  for (let i = 0; i < times; i++) random.pick(CHANGES)(changed, random)
  return changed
}

function fieldsOf(request: FuzzRequest, random: Random): Field[] {
  const lists = [request.query]
  // What is in the body is read by more of us.
  if (request.body.kind === 'form') lists.push(request.body.fields, request.body.fields)
  return random.pick(lists)
}

const changeValue: Change = (request, random) => {
  const fields = fieldsOf(request, random)
  if (fields.length === 0) return addField(request, random)
  Object.assign(random.pick(fields), { raw: false, ...oddValue(random) })
}

/** Stays near to what it was: a byte of a token, a member of its payload, an element of its XML. */
const bendValue: Change = (request, random) => {
  const fields = fieldsOf(request, random).filter(({ value }) => value !== '')
  if (fields.length === 0) return
  const field = random.pick(fields)
  field.value = bend(field.value, random)
}

const addField: Change = (request, random) => {
  fieldsOf(request, random).push({ name: random.pick(PARAMETERS), ...oddValue(random) })
}

const plantSecret: Change = (request, random) => {
  const name = random.pick(SECRET_PARAMETERS)
  const fields = fieldsOf(request, random)
  const at = fields.findIndex((field) => field.name === name)
  const field = { name, value: canary(random) }
  if (at === -1) fields.push(field)
  else fields[at] = field
}

const repeatField: Change = (request, random) => {
  const fields = fieldsOf(request, random)
  if (fields.length === 0) return
  const field = random.pick(fields)
  const again = random.chance(0.5) ? { ...field } : { name: field.name, ...oddValue(random) }
  fields.splice(random.int(fields.length + 1), 0, again)
}

const dropField: Change = (request, random) => {
  const fields = fieldsOf(request, random)
  if (fields.length > 0) fields.splice(random.int(fields.length), 1)
}

const renameField: Change = (request, random) => {
  const fields = fieldsOf(request, random)
  if (fields.length > 0) random.pick(fields).name = oddText(random)
}

const manyFields: Change = (request, random) => {
  const fields = fieldsOf(request, random)
  const name = random.pick(PARAMETERS)
  const count = random.pick([50, 300, 1_000])
  for (let i = 0; i < count; i++) fields.push({ name: `${name}${i % 3}`, value: String(i) })
}

const changeJson: Change = (request, random) => {
  if (request.body.kind !== 'json') return
  request.body = { kind: 'json', value: bendJson(request.body.value, random) }
}

const otherBody: Change = (request, random) => {
  const { body } = request
  const fields = body.kind === 'form' ? body.fields : [{ name: 'a', value: oddText(random) }]
  const makers: (() => FuzzRequest['body'])[] = [
    () => ({ kind: 'none' }),
    () => ({ kind: 'json', value: oddJson(random) }),
    () => ({
      kind: 'json',
      value: Object.fromEntries(fields.map(({ name, value }) => [name, value])),
    }),
    () => ({ kind: 'form', fields }),
    () => bytes('multipart/form-data; boundary=x', multipart(fields)),
    () => bytes('text/xml', '<a>'.repeat(random.pick([3, 2_000]))),
    () => bytes('application/x-www-form-urlencoded', `a=${'%'.repeat(random.int(50))}`),
    () => bytes('application/x-www-form-urlencoded', Buffer.from([0x61, 0x3d, 0xff, 0xfe, 0x00])),
    () => bytes('application/json', '[{"a":'.repeat(random.pick([3, 5_000]))),
    () => bytes('application/json', '{"a":"\\ud800","b":"\\u0000"}'),
    () => bytes('application/jwt', 'eyJhbGciOiJub25lIn0.e30.'),
    () => bytes('application/octet-stream', Buffer.alloc(random.pick([1, 70_000, 300_000]), 0x61)),
    () => bytes('application/x-www-form-urlencoded', 'a=b&'.repeat(random.pick([200, 30_000]))),
  ]
  request.body = random.pick(makers)()
}

function bytes(type: string, content: string | Buffer): FuzzRequest['body'] {
  return { kind: 'bytes', type, bytes: Buffer.from(content as Buffer) }
}

function multipart(fields: readonly Field[]): string {
  const parts = fields.map(
    ({ name, value }) =>
      `--x\r\nContent-Disposition: form-data; name="${encode(name)}"\r\n\r\n${encode(value)}\r\n`,
  )
  return `${parts.join('')}--x--\r\n`
}

const otherMethod: Change = (request, random) => {
  request.method = random.pick(METHODS)
  // One opens a tunnel or nothing, and Node's parser knows a list of methods.
  if (['CONNECT', 'BREW', 'get'].includes(request.method)) request.framing = 'broken'
}

const bendPath: Change = (request, random) => {
  const segments = request.path.split('/')
  const at = 1 + random.int(Math.max(1, segments.length - 1))
  const odd = encode(oddText(random)).slice(0, 300)
  const bends: (() => void)[] = [
    () => void segments.splice(at, 1, odd),
    () => void segments.splice(at, 0, odd),
    () => void segments.push(random.pick(['', '..', '.', '%2e%2e', '%00', 'x;y', '%2f', 'cancel'])),
    () => void segments.splice(at, 1),
    () => void segments.splice(at, 1, (segments[at] ?? '').toUpperCase()),
    () => void segments.splice(at, 0, ''),
    () => void segments.splice(at, 1, `${segments[at]}${'a'.repeat(random.pick([10, 3_000]))}`),
    () => void segments.splice(at, 1, bend(segments[at] ?? '', random)),
  ]
  random.pick(bends)()
  // What a request line cannot hold would only be a broken message, and those are made elsewhere.
  request.path = (segments.join('/') || '/').replace(/[^\x21-\x7e]/g, (char) => encode(char))
}

const oddHeader: Change = (request, random) => {
  const [name, texts] = random.pick(HEADERS)
  const value = random.pick(texts)
  if (random.chance(0.2)) request.headers.push([name, value])
  else setHeader(request, name, value)
  if (BREAKING.has(name)) request.framing = 'broken'
}

/** With these the server may wait, refuse to read, or not take the answer for the last one. */
const BREAKING = new Set([
  'Transfer-Encoding',
  'Content-Length',
  'Expect',
  'Host',
  'Upgrade',
  'X-Request-Id',
  'User-Agent',
  'X-Big',
])

const oddCredentials: Change = (request, random) => {
  const secret = canary(random)
  const basic = (text: string | Buffer) => `Basic ${Buffer.from(text as Buffer).toString('base64')}`
  const values: (() => string)[] = [
    () => `Bearer ${secret}`,
    () => `DPoP ${secret}`,
    () => basic(`someone:${secret}`),
    () => basic(`:${secret}`),
    () => basic(secret),
    () => basic('%:%'),
    () => basic('%00:%00'),
    () => basic(Buffer.from([0xff, 0x3a, 0xfe])),
    () => `Basic ${secret}`,
    () => 'Basic',
    () => 'Bearer ',
    () => `Negotiate ${secret}`,
    () => `Bearer ${secret} ${secret}`,
  ]
  setHeader(request, 'Authorization', random.pick(values)())
}

const oddCookies: Change = (request, random) => {
  const header = request.headers.find(([name]) => name.toLowerCase() === 'cookie')?.[1] ?? ''
  const cookies = header === '' ? [] : header.split('; ')
  const bends: (() => void)[] = [
    () => void cookies.push(`${random.pick(COOKIES)}=${canary(random)}`),
    () => void (cookies.length > 0 && cookies.splice(random.int(cookies.length), 1)),
    () => void (cookies.length > 0 && cookies.push(random.pick(cookies))),
    () => {
      const at = random.int(Math.max(1, cookies.length))
      cookies[at] = bend(cookies[at] ?? 'a=b', random).replace(/[^\x21-\x7e]/g, '')
    },
    () => void cookies.push(`${random.pick(COOKIES)}=${encode(oddText(random)).slice(0, 3_000)}`),
  ]
  random.pick(bends)()
  setHeader(request, 'Cookie', cookies.join('; '))
}

/** Bytes that are no form, no JSON and no text, under the type that was promised. */
const breakBody: Change = (request, random) => {
  const { body } = request
  if (body.kind === 'none') return
  const content =
    body.kind === 'form'
      ? Buffer.from(encodeFields(body.fields))
      : body.kind === 'json'
        ? Buffer.from(JSON.stringify(body.value) ?? '')
        : Buffer.from(body.bytes)
  const type =
    body.kind === 'bytes'
      ? body.type
      : body.kind === 'json'
        ? 'application/json'
        : 'application/x-www-form-urlencoded'
  const flips = 1 + random.int(4)
  for (let i = 0; i < flips && content.length > 0; i++) {
    content[random.int(content.length)] = random.int(256)
  }
  const cut = random.chance(0.3) ? random.int(content.length + 1) : content.length
  request.body = { kind: 'bytes', type, bytes: content.subarray(0, cut) }
}

const CHANGES: readonly Change[] = [
  ...[changeValue, changeValue, changeValue, changeValue, bendValue, bendValue, bendValue],
  ...[addField, plantSecret, plantSecret, repeatField, dropField, renameField, manyFields],
  ...[changeJson, changeJson, changeJson, otherBody, otherMethod, bendPath, oddHeader, oddHeader],
  ...[oddCredentials, oddCookies, oddCookies, breakBody],
]

const JWT = /^[\w-]+\.[\w-]*\.[\w-]*$/
const BASE64 = /^[A-Za-z0-9+/]{40,}={0,2}$/

/** @returns the text with something small wrong with it, within the encoding that it seems to have */
export function bend(text: string, random: Random): string {
  if (JWT.test(text) && random.chance(0.6)) return bendJwt(text, random)
  if (BASE64.test(text) && random.chance(0.7)) {
    const inside = Buffer.from(text, 'base64').toString('utf8')
    if (inside.startsWith('<')) return Buffer.from(bendXml(inside, random)).toString('base64')
  }
  if (/^[[{]/.test(text) && random.chance(0.6)) {
    try {
      return JSON.stringify(bendJson(JSON.parse(text), random)) ?? ''
    } catch {
      // It only looked like JSON.
    }
  }
  const at = random.int(text.length + 1)
  const bends: (() => string)[] = [
    () => text.slice(0, at) + oddText(random).slice(0, 40) + text.slice(at),
    () => text.slice(0, at),
    () => text.slice(0, at) + random.word(1) + text.slice(at + 1),
    () => `${text}${text}`,
    () => text.toUpperCase(),
    () => ` ${text}\n`,
    () => text.slice(0, at) + text.slice(at + 1),
  ]
  return random.pick(bends)()
}

function bendJwt(text: string, random: Random): string {
  const parts = text.split('.')
  const at = random.int(parts.length)
  if (at === 2) parts[2] = bend(parts[2]!, random)
  else {
    try {
      const value = JSON.parse(Buffer.from(parts[at]!, 'base64url').toString('utf8'))
      const bent = JSON.stringify(bendJson(value, random)) ?? ''
      parts[at] = Buffer.from(bent).toString('base64url')
    } catch {
      parts[at] = random.word(10)
    }
  }
  return parts.join('.')
}

function bendXml(xml: string, random: Random): string {
  const tags = [...xml.matchAll(/<[^>]*>|"[^"]*"|>[^<]+</g)]
  const tag = tags.length > 0 ? random.pick(tags) : undefined
  if (!tag) return random.word(20)
  const [before, after] = [xml.slice(0, tag.index), xml.slice(tag.index + tag[0].length)]
  const text = oddText(random).slice(0, 200)
  const bends: (() => string)[] = [
    () => before + after,
    () => before + tag[0] + tag[0] + after,
    () => before + tag[0].replace(/[\w-]+/, text) + after,
    () => before + tag[0].slice(0, 1) + text + tag[0].slice(-1) + after,
    () => `<!DOCTYPE a [<!ENTITY b "${'c'.repeat(50)}">]>${xml}`,
    () => before + '<a>'.repeat(random.pick([5, 2_000])) + after,
    () => `${xml}<!-- ${CANARY} -->`,
    () => before.slice(0, random.int(before.length + 1)),
  ]
  return random.pick(bends)()
}

function bendJson(value: unknown, random: Random): unknown {
  if (random.chance(0.15) || typeof value !== 'object' || value === null) return oddJson(random)
  const copy = structuredClone(value) as Record<string, unknown>
  const names = Object.keys(copy)
  if (names.length === 0 || random.chance(0.15)) {
    return Object.assign(copy, { [random.pick(PARAMETERS)]: oddJson(random) })
  }
  const name = random.pick(names)
  if (random.chance(0.2)) delete copy[name]
  else copy[name] = bendJson(copy[name], random)
  return copy
}

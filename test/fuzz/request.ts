/**
 * A request in parts that can be changed one by one, and in the bytes that go out. The bytes are
 * written here and not by an HTTP library, which would refuse much of what has to be tried.
 */

/** `raw` values are sent as they are; others are percent-encoded. */
export type Field = { name: string; value: string; raw?: boolean }

export type Body =
  | { kind: 'none' }
  | { kind: 'form'; fields: Field[] }
  | { kind: 'json'; value: unknown }
  | { kind: 'bytes'; type: string; bytes: Buffer }

export type FuzzRequest = {
  method: string
  /** Without the query. */
  path: string
  query: Field[]
  headers: [string, string][]
  body: Body
  /** Whether the message as such can be read: where it cannot, no answer is one too. */
  framing: 'sound' | 'broken'
  /** Sent as it is too, before anything is changed. */
  asIs?: boolean
  /** Called when everything else is as it goes out; what it returns is added to the headers. */
  sign?: (body: string) => Record<string, string>
}

export function copyOf(request: FuzzRequest): FuzzRequest {
  const { sign, ...plain } = request
  return { ...structuredClone(withPlainBytes(plain)), ...(sign ? { sign } : {}) }
}

/** `structuredClone` makes a Uint8Array of a Buffer. */
function withPlainBytes(request: FuzzRequest): FuzzRequest {
  const { body } = request
  return body.kind === 'bytes'
    ? { ...request, body: { kind: 'bytes', type: body.type, bytes: Buffer.from(body.bytes) } }
    : request
}

/** Every byte of it, with a length that fits and a connection that ends with the answer. */
export function bytesOf(request: FuzzRequest, host: string): Buffer {
  const { bytes, type } = bodyOf(request.body)
  const query = encodeFields(request.query)
  const headers = [...request.headers]
  const has = (name: string) => headers.some(([each]) => each.toLowerCase() === name)
  if (!has('host')) headers.unshift(['Host', host])
  if (type && !has('content-type')) headers.push(['Content-Type', type])
  if (bytes && !has('content-length') && !has('transfer-encoding')) {
    headers.push(['Content-Length', String(bytes.length)])
  }
  headers.push(['Connection', 'close'])
  const signed = request.sign?.(bytes?.toString('utf8') ?? '') ?? {}
  const lines = [...headers, ...Object.entries(signed)].map(([name, value]) => `${name}: ${value}`)
  const target = `${request.path}${query === '' ? '' : `?${query}`}`
  const head = `${request.method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
  return Buffer.concat([Buffer.from(head, 'utf8'), bytes ?? Buffer.alloc(0)])
}

function bodyOf(body: Body): { bytes?: Buffer; type?: string } {
  switch (body.kind) {
    case 'none':
      return {}
    case 'form':
      return {
        bytes: Buffer.from(encodeFields(body.fields), 'utf8'),
        type: 'application/x-www-form-urlencoded',
      }
    case 'json':
      return { bytes: Buffer.from(JSON.stringify(body.value) ?? ''), type: 'application/json' }
    case 'bytes':
      return { bytes: Buffer.from(body.bytes), type: body.type }
  }
}

export function encodeFields(fields: readonly Field[]): string {
  return fields
    .map(({ name, value, raw }) => `${encode(name)}=${raw ? asSent(value) : encode(value)}`)
    .join('&')
}

/** What a request line cannot hold is escaped all the same. */
function asSent(value: string): string {
  return value.replace(/[^\x21-\x7e]/gu, encode)
}

/** `encodeURIComponent` for any text: half a surrogate pair becomes the three bytes that UTF-8 forbids. */
export function encode(text: string): string {
  let out = ''
  for (const char of text) {
    const code = char.codePointAt(0)!
    const isHalf = code >= 0xd800 && code <= 0xdfff
    out += isHalf
      ? escapeBytes([0xed, 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)])
      : encodeURIComponent(char)
  }
  return out
}

function escapeBytes(bytes: readonly number[]): string {
  return bytes.map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('')
}

export function headerOf(request: FuzzRequest, name: string): string | undefined {
  return request.headers.find(([each]) => each.toLowerCase() === name)?.[1]
}

export function setHeader(request: FuzzRequest, name: string, value: string): void {
  request.headers = [
    ...request.headers.filter(([each]) => each.toLowerCase() !== name.toLowerCase()),
    [name, value],
  ]
}

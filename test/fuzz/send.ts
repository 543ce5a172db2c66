import { connect } from 'node:net'

/** Bytes out, bytes in, on a connection of their own; and the answer read as strictly as it is meant. */

export type Answer = {
  status: number
  /** In the order sent, names as sent. */
  headers: [string, string][]
  body: Buffer
}

export type Outcome =
  | { kind: 'answer'; answer: Answer; tookMs: number }
  /** The connection ended without a byte. */
  | { kind: 'closed' }
  | { kind: 'malformed'; why: string; bytes: Buffer }
  /** Nothing, or not everything, came in time. */
  | { kind: 'late'; bytes: Buffer }

/**
 * @param isBroken the server may wait for more than there is: half a second, then our side ends
 */
export async function send(
  bytes: Buffer,
  { port, isBroken, timeoutMs = 90_000 }: { port: number; isBroken: boolean; timeoutMs?: number },
): Promise<Outcome> {
  const beganAt = performance.now()
  const method = /^\S+/.exec(bytes.toString('latin1'))?.[0]
  const received = await exchange(bytes, {
    port,
    timeoutMs,
    patienceMs: isBroken ? 500 : timeoutMs,
  })
  if (received === 'late') return { kind: 'late', bytes: Buffer.alloc(0) }
  if (received.length === 0) return { kind: 'closed' }
  const answer = read(received, method === 'HEAD')
  if (typeof answer === 'string') return { kind: 'malformed', why: answer, bytes: received }
  return { kind: 'answer', answer, tookMs: performance.now() - beganAt }
}

function exchange(
  bytes: Buffer,
  { port, timeoutMs, patienceMs }: { port: number; timeoutMs: number; patienceMs: number },
): Promise<Buffer | 'late'> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    const socket = connect(port, '127.0.0.1')
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      socket.destroy()
    }, timeoutMs)
    // Not sooner: a server takes the end of our side for a caller that has gone.
    const patience = setTimeout(() => socket.end(), patienceMs)
    socket.write(bytes)
    socket.on('data', (chunk) => chunks.push(chunk))
    // A server that has answered may cut off who still sends.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      clearTimeout(patience)
      resolve(isLate ? 'late' : Buffer.concat(chunks))
    })
  })
}

const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\x20-\x7e\x80-\xff\t]*)$/

/** @returns what is wrong, where it is no well-formed answer (RFC 9112) */
export function read(bytes: Buffer, isHead: boolean): Answer | string {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return 'its head has no end'
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const status = Number(STATUS_LINE.exec(first)?.[1])
  if (!status) return `no status line: ${first.slice(0, 100)}`
  const rest = bytes.subarray(end + 4)
  // 100 Continue, or 103: the answer is yet to come.
  if (status < 200) return read(rest, isHead)
  const headers: [string, string][] = []
  for (const line of lines) {
    const [, name, value] = HEADER_LINE.exec(line) ?? []
    if (name === undefined || value === undefined) return `no header: ${line.slice(0, 100)}`
    headers.push([name, value])
  }
  const body = readBody(headers, rest, isHead || status === 204 || status === 304)
  return typeof body === 'string' ? body : { status, headers, body }
}

function readBody(headers: [string, string][], rest: Buffer, isEmpty: boolean): Buffer | string {
  const values = (wanted: string) =>
    headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value)
  const [lengths, codings] = [values('content-length'), values('transfer-encoding')]
  if (lengths.length + codings.length > 1) return 'its length is told twice'
  if (isEmpty) return rest.length === 0 ? rest : 'it has a body and may have none'
  if (codings[0] === 'chunked') return unchunk(rest)
  if (codings.length > 0) return `an unknown coding: ${codings[0]}`
  const length = Number(lengths[0] ?? Number.NaN)
  if (lengths.length === 0) return rest
  return rest.length === length ? rest : `${rest.length} bytes came, ${length} were promised`
}

function unchunk(bytes: Buffer): Buffer | string {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return 'a chunk without a size'
    const size = Number.parseInt(bytes.subarray(at, lineEnd).toString('latin1'), 16)
    if (Number.isNaN(size)) return 'a chunk without a size'
    const begin = lineEnd + 2
    if (size === 0)
      return bytes.length === begin + 2 ? Buffer.concat(parts) : 'no end after its chunks'
    if (begin + size + 2 > bytes.length) return 'a chunk that is cut off'
    parts.push(bytes.subarray(begin, begin + size))
    at = begin + size + 2
  }
}

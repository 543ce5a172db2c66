import { createServer, type Socket } from 'node:net'
import { BerReader, BerWriter, BindRequest, ExtendedRequest, SearchRequest } from 'ldapts'
import { freePort } from './free_port.ts'

/** A directory that does what the test says: for what real ones do not do on demand. */

export type Asked =
  | { id: number; operation: 'bind'; dn: string; password: string }
  | { id: number; operation: 'search'; base: string; filter: string }
  | { id: number; operation: 'extended'; oid: string }
  | { id: number; operation: 'other' }

/** Bytes to send; nothing is said where it is undefined. `close` cuts the connection. */
export type Said = Buffer | 'close' | undefined

export type LdapScript = {
  url: string
  port: number
  /** All that it was ever asked, but unbind. */
  asked: Asked[]
  /** Connections that were opened. */
  connections(): number
  /** All bytes that came in the clear. */
  received(): Buffer
  stop(): Promise<void>
}

export type Script = (asked: Asked) => Said | Promise<Said>

export async function startLdapScript(script: Script): Promise<LdapScript> {
  const asked: Asked[] = []
  const sockets = new Set<Socket>()
  const received: Buffer[] = []
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.on('data', (data) => {
      received.push(data)
      for (const request of requestsOf(data)) {
        asked.push(request)
        void Promise.resolve(script(request)).then((said) => {
          if (said === 'close') socket.destroy()
          else if (said) socket.write(said)
        })
      }
    })
  })
  const port = await freePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    url: `ldap://127.0.0.1:${port}`,
    port,
    asked,
    connections: () => connections,
    received: () => Buffer.concat(received),
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** Our requests are small and made one at a time, so each comes whole. */
function requestsOf(data: Buffer): Asked[] {
  // What begins TLS, for one.
  if (data[0] !== 0x30) return []
  const reader = new BerReader(data)
  reader.readSequence()
  const id = reader.readInt() ?? 0
  const operation = reader.readSequence()
  if (operation === UNBIND) return []
  return [requestOf(id, operation, reader)]
}

const UNBIND = 0x42

function requestOf(id: number, operation: number | null, reader: BerReader): Asked {
  if (operation === 0x60) {
    const request = new BindRequest({ messageId: id })
    request.parse(reader, [])
    return { id, operation: 'bind', dn: request.dn, password: request.password }
  }
  if (operation === 0x63) {
    const request = new SearchRequest({ messageId: id, filter: undefined as never })
    request.parse(reader, [])
    return { id, operation: 'search', base: request.baseDN, filter: String(request.filter) }
  }
  if (operation === 0x77) {
    const request = new ExtendedRequest({ messageId: id })
    request.parse(reader, [])
    return { id, operation: 'extended', oid: request.oid }
  }
  return { id, operation: 'other' }
}

const TAGS = { bind: 0x61, search: 0x65, extended: 0x78, other: 0x67 } as const

export type ResultOptions = {
  diagnostic?: string
  /** The URL of a referral (RFC 4511 §4.1.10). */
  referral?: string
  /** Of the password policy control. */
  policyError?: number
  /** The value of the control of paged results (RFC 2696). */
  paged?: Buffer
}

/** The end of an answer. */
export function result(asked: Asked, code: number, options: ResultOptions = {}): Buffer {
  const { diagnostic = '', referral, policyError, paged } = options
  return message(asked.id, (writer) => {
    writer.startSequence(TAGS[asked.operation])
    writer.writeEnumeration(code)
    writer.writeString('')
    writer.writeString(diagnostic)
    if (referral) {
      writer.startSequence(0xa3)
      writer.writeString(referral)
      writer.endSequence()
    }
    writer.endSequence()
    if (policyError !== undefined) {
      writeControl(
        writer,
        '1.3.6.1.4.1.42.2.27.8.5.1',
        Buffer.from([0x30, 3, 0x81, 1, policyError]),
      )
    }
    if (paged) writeControl(writer, '1.2.840.113556.1.4.319', paged)
  })
}

/** The value of the control of paged results; an empty cookie is the end. */
export function cookie(text: string): Buffer {
  return Buffer.concat([
    Buffer.from([0x30, 5 + text.length, 2, 1, 0, 4, text.length]),
    Buffer.from(text),
  ])
}

function writeControl(writer: BerWriter, type: string, value: Buffer): void {
  writer.startSequence(0xa0)
  writer.startSequence()
  writer.writeString(type)
  writer.writeBuffer(value, 4)
  writer.endSequence()
  writer.endSequence()
}

export function entry(
  asked: Asked,
  dn: string,
  attributes: Readonly<Record<string, string | Buffer | readonly string[]>>,
): Buffer {
  return message(asked.id, (writer) => {
    writer.startSequence(0x64)
    writer.writeString(dn)
    writer.startSequence()
    for (const [name, value] of Object.entries(attributes)) {
      writer.startSequence()
      writer.writeString(name)
      writer.startSequence(0x31)
      for (const one of Array.isArray(value) ? value : [value]) {
        writer.writeBuffer(Buffer.from(one as string | Buffer), 4)
      }
      writer.endSequence()
      writer.endSequence()
    }
    writer.endSequence()
    writer.endSequence()
  })
}

/** A continuation reference (RFC 4511 §4.5.3). */
export function reference(asked: Asked, url: string): Buffer {
  return message(asked.id, (writer) => {
    writer.startSequence(0x73)
    writer.writeString(url)
    writer.endSequence()
  })
}

function message(id: number, write: (writer: BerWriter) => void): Buffer {
  const writer = new BerWriter()
  writer.startSequence()
  writer.writeInt(id)
  write(writer)
  writer.endSequence()
  return Buffer.from(writer.buffer)
}

import type { Socket } from 'node:net'
import type { Control, Message } from 'ldapts'
import { BerFault, messageLength } from './ber.ts'
import { LdapError, toLdapError } from './ldap_error.ts'
import { type Entry, type LdapResult, readMessage } from './message.ts'

/**
 * One connection to a directory, over which one request is made at a time. Requests are written by
 * `ldapts`; answers are read here, because a limit on their size and a deadline have to hold before a
 * byte of them is kept.
 */

export type RequestLimits = {
  timeoutMs: number
  /** Of all messages of the answer together. */
  maxBytes: number
  /** Entries after which the answer is too large, whatever limit was asked of the server. */
  maxEntries?: number
}

export type Reply = { result: LdapResult; entries: readonly Entry[] }

export type MakeRequest = (base: { messageId: number; controls?: Control[] }) => Message

export type Channel = {
  /** As `ldaps://host:636`. */
  server: string
  /** @throws LdapError; the channel is closed then */
  request(make: MakeRequest, answeredBy: number, limits: RequestLimits): Promise<Reply>
  isOpen(): boolean
  close(): void
  /** Gives the socket back, for StartTLS. @throws LdapError where more has come than was asked for */
  detach(): Socket
}

/** Room for a notice of disconnection (RFC 4511 §4.4.1). */
const MAX_UNASKED_BYTES = 4096

type Pending = {
  id: number
  answeredBy: number
  limits: RequestLimits
  entries: Entry[]
  bytes: number
  settle(outcome: Reply | LdapError): void
}

export function createChannel(socket: Socket, server: string): Channel {
  let pending: Pending | undefined
  let lastId = 0
  let open = true

  const fail = (error: LdapError) => {
    open = false
    socket.destroy()
    pending?.settle(error)
  }
  const frames = createFrames(server, (frame) => {
    if (!pending) throw new BerFault('an answer that nobody asked for')
    take(pending, frame, server)
  })
  const onData = (data: Buffer) => {
    try {
      frames.push(data, pending?.limits.maxBytes ?? MAX_UNASKED_BYTES)
    } catch (error) {
      fail(
        error instanceof BerFault ? new LdapError('protocol', server) : toLdapError(error, server),
      )
    }
  }
  const onError = (error: Error) => fail(toLdapError(error, server))
  const onClose = () => fail(new LdapError('connect', server, 'closed by the server'))
  socket.on('data', onData).on('error', onError).on('close', onClose).on('end', onClose)

  return {
    server,
    isOpen: () => open,
    request: (make, answeredBy, limits) =>
      new Promise((resolve, reject) => {
        if (!open || pending) throw new LdapError('closed', server)
        lastId = (lastId % 0x7fff_ffff) + 1
        const timer = setTimeout(() => fail(new LdapError('timeout', server)), limits.timeoutMs)
        pending = {
          ...{ id: lastId, answeredBy, limits, entries: [], bytes: 0 },
          settle(outcome) {
            clearTimeout(timer)
            pending = undefined
            if (outcome instanceof LdapError) reject(outcome)
            else resolve(outcome)
          },
        }
        socket.write(make({ messageId: lastId }).write())
      }),
    close() {
      open = false
      // The unbind request (RFC 4511 §4.3), and nothing is waited for.
      if (socket.writable) socket.end(Buffer.from([0x30, 5, 2, 1, 0x7f, 0x42, 0]))
      setTimeout(() => socket.destroy(), 500).unref()
    },
    detach() {
      // RFC 4513 §3.1.1: what came in the clear after the answer would be believed to come under TLS.
      if (!open || !frames.isEmpty()) throw new LdapError('starttls_refused', server)
      open = false
      socket.off('data', onData).off('error', onError).off('close', onClose).off('end', onClose)
      return socket
    },
  }
}

/** One message of the answer. @throws BerFault and LdapError */
function take(pending: Pending, frame: Buffer, server: string): void {
  const { limits, entries } = pending
  const { id, answer } = readMessage(frame)
  // Id 0 is a notice of disconnection (RFC 4511 §4.4.1).
  if (id === 0) throw new LdapError('connect', server, 'closed by the server')
  if (id !== pending.id) throw new BerFault('an answer to another request')
  pending.bytes += frame.length
  if (pending.bytes > limits.maxBytes) throw new LdapError('too_large', server)
  if (answer.kind === 'reference') return
  if (answer.kind === 'entry') {
    if (entries.length >= (limits.maxEntries ?? 0)) throw new LdapError('too_large', server)
    entries.push(answer.entry)
    return
  }
  if (answer.operation !== pending.answeredBy) throw new BerFault('an answer of another kind')
  pending.settle({ result: answer.result, entries })
}

/** Cuts the stream into messages; keeps of one no more than it may have. */
function createFrames(server: string, onFrame: (frame: Buffer) => void) {
  let chunks: Buffer[] = []
  let size = 0
  let wanted = 2
  return {
    isEmpty: () => size === 0,
    /** @throws BerFault, and LdapError before a message that is larger than `maxBytes` was kept */
    push(data: Buffer, maxBytes: number): void {
      chunks.push(data)
      size += data.length
      while (size >= wanted) {
        const whole = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)
        chunks = [whole]
        const length = messageLength(whole)
        if (length !== undefined && length > maxBytes) throw new LdapError('too_large', server)
        if (length === undefined || length > size) {
          wanted = length ?? size + 1
          return
        }
        onFrame(whole.subarray(0, length))
        chunks = [whole.subarray(length)]
        size -= length
        wanted = 2
      }
    },
  }
}

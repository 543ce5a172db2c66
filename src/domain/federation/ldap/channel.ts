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

/** The connection as it stands: whoever fails it ends the request that waits. */
type Line = {
  socket: Socket
  server: string
  isOpen: boolean
  pending: Pending | undefined
  fail(error: LdapError): void
}

export function createChannel(socket: Socket, server: string): Channel {
  const line = createLine(socket, server)
  const frames = createFrames(server, (frame) => take(line, frame))
  const letGo = listen(line, frames)
  let lastId = 0
  return {
    server,
    isOpen: () => line.isOpen,
    request(make, answeredBy, limits) {
      lastId = (lastId % 0x7fff_ffff) + 1
      return send(line, make({ messageId: lastId }), answeredBy, limits)
    },
    close() {
      line.isOpen = false
      // The unbind request (RFC 4511 §4.3), and nothing is waited for.
      if (socket.writable) socket.end(Buffer.from([0x30, 5, 2, 1, 0x7f, 0x42, 0]))
      setTimeout(() => socket.destroy(), CLOSING_MS).unref()
    },
    detach() {
      // RFC 4513 §3.1.1: what came in the clear after the answer would be believed to come under TLS.
      if (!line.isOpen || !frames.isEmpty()) throw new LdapError('starttls_refused', server)
      line.isOpen = false
      letGo()
      return socket
    },
  }
}

const CLOSING_MS = 500

function createLine(socket: Socket, server: string): Line {
  return {
    ...{ socket, server, isOpen: true, pending: undefined },
    fail(error) {
      this.isOpen = false
      socket.destroy()
      this.pending?.settle(error)
    },
  }
}

/** @returns takes the listeners away again */
function listen(line: Line, frames: Frames): () => void {
  const { socket, server } = line
  const onData = (data: Buffer) => {
    try {
      frames.push(data, line.pending?.limits.maxBytes ?? MAX_UNASKED_BYTES)
    } catch (error) {
      const isNonsense = error instanceof BerFault
      line.fail(isNonsense ? new LdapError('protocol', server) : toLdapError(error, server))
    }
  }
  const onError = (error: Error) => line.fail(toLdapError(error, server))
  const onEnd = () => line.fail(new LdapError('connect', server, CLOSED))
  socket.on('data', onData).on('error', onError).on('close', onEnd).on('end', onEnd)
  return () =>
    socket.off('data', onData).off('error', onError).off('close', onEnd).off('end', onEnd)
}

const CLOSED = 'closed by the server'

function send(
  line: Line,
  request: Message,
  answeredBy: number,
  limits: RequestLimits,
): Promise<Reply> {
  const { promise, resolve, reject } = Promise.withResolvers<Reply>()
  if (!line.isOpen || line.pending) throw new LdapError('closed', line.server)
  const late = () => line.fail(new LdapError('timeout', line.server))
  const timer = setTimeout(late, limits.timeoutMs)
  line.pending = {
    ...{ id: request.messageId, answeredBy, limits, entries: [], bytes: 0 },
    settle(outcome) {
      clearTimeout(timer)
      line.pending = undefined
      if (outcome instanceof LdapError) reject(outcome)
      else resolve(outcome)
    },
  }
  line.socket.write(request.write())
  return promise
}

/** One message of the answer. @throws BerFault and LdapError */
function take({ pending, server }: Line, frame: Buffer): void {
  const { id, answer } = readMessage(frame)
  // Id 0 is a notice of disconnection (RFC 4511 §4.4.1).
  if (id === 0) throw new LdapError('connect', server, CLOSED)
  if (!pending) throw new BerFault('an answer that nobody asked for')
  const { limits, entries } = pending
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

type Frames = {
  isEmpty(): boolean
  /** @throws BerFault, and LdapError before a message that is larger than `maxBytes` was kept */
  push(data: Buffer, maxBytes: number): void
}

/** Cuts the stream into messages; keeps of one no more than it may have. */
function createFrames(server: string, onFrame: (frame: Buffer) => void): Frames {
  let chunks: Buffer[] = []
  let size = 0
  let wanted = 2
  return {
    isEmpty: () => size === 0,
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

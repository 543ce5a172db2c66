import type { IncomingMessage } from 'node:http'
import { DomainError } from '../core/errors.ts'

/** Reading a request body into memory, with an end to it. */

export const DEFAULT_BODY_BYTES = 64 * 1024

/**
 * A caller that already sends too much is read a while longer and its bytes are dropped, so that the
 * answer reaches it before the connection closes under its feet.
 */
const LINGER_BYTES = 8 * 1024 * 1024
const LINGER_MS = 1_000

/** What the next reader finds; the body itself, or another in its place. */
export type Replay = (body: Buffer) => Buffer

/**
 * Reads the whole body. With `replay` it is put back, so that the next reader finds the stream as if
 * nobody had touched it; where another body is put back, its length is announced.
 *
 * @throws DomainError `too_large` beyond `limitBytes`; `invalid_input` where the body breaks off
 */
export async function readRawBody(
  req: IncomingMessage,
  { limitBytes, replay }: { limitBytes: number; replay?: Replay },
): Promise<Buffer> {
  if (Number(req.headers['content-length'] ?? 0) > limitBytes) {
    await discardBody(req)
    throw tooLarge(limitBytes)
  }
  const body = await collect(req, limitBytes, replay)
  if (body === undefined) {
    await discardBody(req)
    throw tooLarge(limitBytes)
  }
  return body
}

/** True where the request's headers announce a body (RFC 9112 §6.3). */
export function announcesBody(req: IncomingMessage): boolean {
  const length = req.headers['content-length']
  return req.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

/** @returns undefined where the body grew beyond the limit */
function collect(
  req: IncomingMessage,
  limitBytes: number,
  replay: Replay | undefined,
): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const finish = (result: Buffer | undefined) => {
      stopListening()
      resolve(result)
    }
    const onReadable = () => {
      for (let chunk = req.read(); chunk !== null; chunk = req.read()) {
        size += chunk.length
        if (size > limitBytes) return finish(undefined)
        chunks.push(chunk)
      }
      if (!req.complete) return
      const body = Buffer.concat(chunks, size)
      // The stream has not told its end yet: what is put back now is read again, then the end comes.
      if (replay && size > 0) putBack(req, body, replay(body))
      finish(body)
    }
    const onEnd = () => finish(Buffer.concat(chunks, size))
    const onBroken = () => {
      stopListening()
      reject(new DomainError('invalid_input', 'The request body is incomplete.'))
    }
    const stopListening = () => {
      req
        .off('readable', onReadable)
        .off('end', onEnd)
        .off('error', onBroken)
        .off('close', onBroken)
      // A connection that breaks later has no reader to tell.
      req.on('error', () => {})
    }
    if (req.destroyed) return onBroken()
    req.on('readable', onReadable).on('end', onEnd).on('error', onBroken).on('close', onBroken)
  })
}

function putBack(req: IncomingMessage, body: Buffer, replayed: Buffer): void {
  req.unshift(replayed)
  const announced = req.headers['content-length'] !== undefined
  if (announced && replayed !== body) req.headers['content-length'] = String(replayed.length)
}

function discardBody(req: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let dropped = 0
    const stop = () => {
      clearTimeout(timer)
      req.off('data', drop).off('end', stop).off('error', stop).off('close', stop)
      req.pause()
      resolve()
    }
    const drop = (chunk: Buffer) => {
      dropped += chunk.length
      if (dropped > LINGER_BYTES) stop()
    }
    const timer = setTimeout(stop, LINGER_MS)
    if (req.destroyed || req.readableEnded) return stop()
    req.on('data', drop).on('end', stop).on('error', stop).on('close', stop).resume()
  })
}

function tooLarge(limitBytes: number): DomainError {
  return new DomainError('too_large', `The request body is larger than ${limitBytes} bytes.`)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @returns undefined where the bytes are not UTF-8 */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

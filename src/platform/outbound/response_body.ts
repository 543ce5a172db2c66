import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { codeOf, OutboundError } from './outbound_error.ts'

type Inflate = (data: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>

const DECODERS: ReadonlyMap<string, Inflate> = new Map<string, Inflate>([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
  ['br', promisify(brotliDecompress)],
])

/** What reading a body needs to know: where it came from, for errors, and how much may come. */
export type BodyLimit = {
  target: string
  /** For the bytes on the wire and, on their own, for the decoded bytes. */
  maxBytes: number
}

async function readCapped(stream: AsyncIterable<Buffer>, limit: BodyLimit): Promise<Buffer> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of stream) {
    sizeBytes += chunk.length
    // Leaving the loop destroys the stream, and with it the connection.
    if (sizeBytes > limit.maxBytes) throw new OutboundError('too_large', limit.target)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function decode(raw: Buffer, coding: string, limit: BodyLimit): Promise<Buffer> {
  const decoder = DECODERS.get(coding.trim().toLowerCase())
  if (!decoder) throw new OutboundError('protocol', limit.target)
  return decoder(raw, { maxOutputLength: limit.maxBytes }).catch((error: unknown) => {
    const tooLarge = codeOf(error) === 'ERR_BUFFER_TOO_LARGE'
    throw new OutboundError(tooLarge ? 'too_large' : 'protocol', limit.target, codeOf(error))
  })
}

/**
 * Reads a response body into memory. We ask for no content coding (RFC 9110 §8.4); a server that
 * applies one all the same is decoded under the same cap, and `headers` then lose their
 * Content-Encoding and Content-Length, which would no longer be true.
 *
 * @throws OutboundError `too_large`, or `protocol` for an unknown, stacked or damaged coding
 */
export async function readBody(
  stream: AsyncIterable<Buffer>,
  headers: Headers,
  limit: BodyLimit,
): Promise<Buffer> {
  const raw = await readCapped(stream, limit)
  const coding = headers.get('content-encoding')
  if (coding === null || raw.length === 0 || coding.toLowerCase() === 'identity') return raw
  const body = await decode(raw, coding, limit)
  headers.delete('content-encoding')
  headers.delete('content-length')
  return body
}

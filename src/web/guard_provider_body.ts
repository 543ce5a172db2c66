import type { Context, Middleware } from 'koa'
import { DomainError } from '../core/errors.ts'
import { announcesBody, DEFAULT_BODY_BYTES, decodeUtf8, readRawBody } from './raw_body.ts'

/**
 * Stands before endpoints whose library reads the body itself. The body is read to its end, looked at,
 * and put back into the stream, so that the library reads it as if it came from the network. What
 * would be an error in the database (NUL, broken UTF-8) is an OAuth error here.
 */
export function guardProviderBody({
  limitBytes = DEFAULT_BODY_BYTES,
}: {
  limitBytes?: number
} = {}): Middleware {
  return async (ctx, next) => {
    if (!hasCleanCredentials(ctx.get('Authorization'))) {
      ctx.set('WWW-Authenticate', 'Basic realm="oauth"')
      return refuse(ctx, 401, 'invalid_client', 'client authentication failed')
    }
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD' && announcesBody(ctx.req)) {
      try {
        const body = await readRawBody(ctx.req, { limitBytes, replay: (read) => read })
        const fault = findFault(body, ctx.get('Content-Type'))
        if (fault) return refuse(ctx, 400, 'invalid_request', fault)
      } catch (error) {
        if (!(error instanceof DomainError)) throw error
        const status = error.code === 'too_large' ? 413 : 400
        return refuse(ctx, status, 'invalid_request', error.message)
      }
    }
    return next()
  }
}

function refuse(ctx: Context, status: number, error: string, description: string): void {
  ctx.status = status
  ctx.set('Cache-Control', 'no-store')
  if (status === 413 || !ctx.req.complete) ctx.set('Connection', 'close')
  ctx.body = { error, error_description: description }
}

function findFault(body: Buffer, contentType: string): string | undefined {
  const text = decodeUtf8(body)
  if (text === undefined) return 'the request body is not UTF-8'
  if (text.includes('\0')) return 'the request body contains a NUL character'
  if (/^application\/(\w+\+)?json\b/i.test(contentType)) return findJsonFault(text)
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) return findFormFault(text)
  return undefined
}

function findFormFault(text: string): string | undefined {
  if (!text.includes('%')) return undefined
  try {
    return decodeURIComponent(text).includes('\0')
      ? 'the request body contains a NUL character'
      : undefined
  } catch {
    return 'the request body has an invalid percent-encoding'
  }
}

/** A NUL or half a surrogate pair, written as an escape, is no text that PostgreSQL stores. */
function findJsonFault(text: string): string | undefined {
  if (!/\\u(0000|d[89a-f])/i.test(text)) return undefined
  try {
    // Well-formed JSON.stringify writes exactly the halves without a partner as \udXXX.
    const written = JSON.stringify(JSON.parse(text))
    return /\\u(0000|d[89a-f])/i.test(written)
      ? 'the request body contains characters that are no text'
      : undefined
  } catch {
    return undefined
  }
}

/** RFC 6749 §2.3.1: user-id and password of the Basic scheme are form-encoded text. */
function hasCleanCredentials(authorization: string): boolean {
  if (!/^basic /i.test(authorization)) return true
  const text = decodeUtf8(Buffer.from(authorization.slice(6).trim(), 'base64'))
  return text !== undefined && !text.includes('\0') && !text.includes('%00')
}

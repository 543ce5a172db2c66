import type { Middleware } from 'koa'
import { DomainError } from '../core/errors.ts'
import { MethodNotAllowed } from './http_problem.ts'

/**
 * What no route should ever have to think about: requests that are ambiguous or hostile in their
 * first line or in the headers that frame the body. Each gate is one function; the order is cheap
 * first.
 */

const MAX_PATH_BYTES = 2_048
const MAX_URL_BYTES = 16_384
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

export type GateOptions = {
  /** Path prefixes where a speculative request would have effects, such as `/interaction`. */
  unprefetchable?: readonly string[]
}

export function gateRequests({ unprefetchable = [] }: GateOptions = {}): Middleware {
  const methods = new Set(METHODS)
  return (ctx, next) => {
    if (!methods.has(ctx.method)) throw new MethodNotAllowed(METHODS)
    const url = ctx.originalUrl
    const queryStart = url.indexOf('?')
    const path = queryStart === -1 ? url : url.slice(0, queryStart)
    if (!PLAIN_PATH.test(path)) assertPath(path)
    if (path.length > MAX_PATH_BYTES || url.length > MAX_URL_BYTES) throw malformed('too long')
    if (queryStart !== -1) assertQuery(url.slice(queryStart + 1))
    assertPlainBody(ctx.get('Content-Encoding'))
    if (isSpeculative(ctx.get('Sec-Purpose') || ctx.get('Purpose'))) {
      assertPrefetchable(path, unprefetchable)
    }
    return next()
  }
}

/** What nearly every request looks like; no dot right after a slash, no second slash, no escape. */
const PLAIN_PATH = /^(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*\/?$/

/** Slash, backslash, dot, percent and NUL have no business being encoded in a path of ours. */
const ENCODED_STRUCTURE = /%(2f|5c|2e|25|00)/i
const DOT_SEGMENT = /(^|\/)\.{1,2}(\/|;|$)/

function assertPath(path: string): void {
  if (!path.startsWith('/')) throw malformed('not an origin-form request target')
  if (/[^\x21-\x7e]|[\\#]/.test(path)) throw malformed('characters that a path cannot have')
  if (path.includes('//') || path.includes('..;') || DOT_SEGMENT.test(path)) {
    throw malformed('empty or dot segments')
  }
  if (ENCODED_STRUCTURE.test(path)) throw malformed('an encoded slash, dot or percent')
  if (CONTROL.test(decode(path))) throw malformed('a control character')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const CONTROL = /[\x00-\x1f\x7f]/

function assertQuery(query: string): void {
  if (/[^\x21-\x7e]/.test(query)) throw malformed('characters that a query cannot have')
  if (query.includes('%') && decode(query).includes('\0')) throw malformed('a NUL character')
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw malformed('an invalid percent-encoding')
  }
}

/** A compressed body is a bomb until proven otherwise, and no client of ours needs one. */
function assertPlainBody(contentEncoding: string): void {
  if (contentEncoding !== '' && contentEncoding.toLowerCase() !== 'identity') {
    throw new DomainError('unsupported', 'Compressed request bodies are not accepted.', {
      hint: 'Send the body without Content-Encoding.',
    })
  }
}

function isSpeculative(purpose: string): boolean {
  return purpose !== '' && /prefetch|prerender/i.test(purpose)
}

function assertPrefetchable(path: string, unprefetchable: readonly string[]): void {
  if (unprefetchable.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))) {
    throw new DomainError('forbidden', 'This page cannot be loaded ahead of time.')
  }
}

function malformed(what: string): DomainError {
  return new DomainError('invalid_input', 'The request address is malformed.', {
    debug: `request target: ${what}`,
  })
}
